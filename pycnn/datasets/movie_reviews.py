"""Rated sentences from film reviews, shipped with the package."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from pycnn.text.dataset import SentenceDataset, fold_of

CLASSES = ("negative", "positive")
FOLDS = 10
SPLIT_SEED = 2014

_FILE = Path(__file__).parent / "movie_reviews_data" / "movie_reviews.tsv.gz"


def movie_reviews(fold: int = 0) -> tuple[SentenceDataset, SentenceDataset]:
    """Load 10,568 sentences from film reviews, labelled by the sign of their mean human rating.

    Parameters
    ----------
    fold : int
        Which of the ten folds is the test set, 0 to 9; the others are the training set. Fold 0
        is the fixed split: 9,510 training and 1,058 test sentences. A ten-fold cross-validation
        uses each fold in turn.

    Returns
    -------
    train, test : pycnn.text.SentenceDataset
        Sentences in the order of the file; classes "negative" (5,326) and "positive" (5,242).
        ``train.encode(vocabulary)`` turns their words into numbers.

    Raises
    ------
    TypeError, ValueError
        If `fold` is not one of the ten.

    Notes
    -----
    The folds are stratified: the sentences of each class are dealt out in turn, in an order drawn
    from ``default_rng(2014)``, and a second copy of a sentence goes to the fold of the first. So a
    fold has 1,055 to 1,058 sentences, 523 to 526 of them positive. 37 sentences with a rating of
    exactly zero are left out. README.md next to the data states source and licence.

    References
    ----------
    Hutto, Gilbert: VADER: a parsimonious rule-based model for sentiment analysis of social media
    text, ICWSM 2014. Pang, Lee: Seeing stars, ACL 2005.
    """
    return fold_of(_all(), fold, FOLDS, SPLIT_SEED)


def _all() -> SentenceDataset:
    with gzip.open(_FILE, "rt", encoding="utf-8", newline="\n") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    ratings = np.array([float(rating) for _, rating, _ in rows])
    polar = np.flatnonzero(ratings)
    y = (ratings[polar] > 0).astype(np.int64)
    return SentenceDataset([rows[i][2] for i in polar], y, CLASSES, "movie_reviews")
