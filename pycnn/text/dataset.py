"""Labelled sentences, and the numbers of their words once there is a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from pycnn._arguments import integer
from pycnn._samples_html import texts_html
from pycnn.data import Index, Labels, Samples, check_index, refuse_iteration
from pycnn.splits import deal, divide
from pycnn.text.vocabulary import Numbers, Vocabulary, pad


class SentenceDataset:
    """Sentences and their classes: a `pycnn.data.Dataset` as soon as it has a vocabulary.

    A batch is int64 (n, words of the longest sentence in the batch): padding costs as much as
    words do, and `pycnn.models.textcnn` gives the same answers for any amount of it.

    Parameters
    ----------
    texts : sequence of str
        The sentences.
    y : (N,) int64 array
        Class of each sentence.
    classes : sequence of str
        Name of each class.
    name : str
        Name of the data set.
    vocabulary : Vocabulary, optional
        Turns the sentences into numbers; `encode` returns a data set that has one.

    Attributes
    ----------
    texts : tuple of str
        The sentences.
    y, classes, name, vocabulary
        As above.

    Raises
    ------
    TypeError
        If `y` is not an int64 array, or a sentence is not a str.
    ValueError
        If the lengths differ.

    Examples
    --------
    >>> train, test = pycnn.datasets.movie_reviews()
    >>> vocabulary = pycnn.text.Vocabulary.build(train.texts)
    >>> train, test = train.encode(vocabulary), test.encode(vocabulary)
    >>> train.classes
    ('negative', 'positive')
    """

    __slots__ = ("_rows", "classes", "name", "texts", "vocabulary", "y")

    def __init__(
        self,
        texts: Sequence[str],
        y: Labels,
        classes: Sequence[str] = (),
        name: str = "",
        vocabulary: Vocabulary | None = None,
    ) -> None:
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise TypeError("[SentenceDataset] texts must be a sequence of str")
        if not isinstance(y, np.ndarray) or y.dtype != np.int64:
            found = getattr(y, "dtype", type(y).__name__)
            raise TypeError(f"[SentenceDataset] y must be an int64 array, got {found}")
        if y.shape != (len(texts),):
            raise ValueError(
                "[SentenceDataset] needs one label for each sentence "
                f"({len(texts)} sentences, y: {y.shape})"
            )
        self.texts = tuple(texts)
        self.y = y
        self.classes = tuple(classes)
        self.name = name
        self.vocabulary = vocabulary
        self._rows: list[Numbers] = []
        if vocabulary is not None:
            self._rows = [vocabulary.numbers(text) for text in self.texts]

    def encode(self, vocabulary: Vocabulary) -> SentenceDataset:
        """Return the same sentences, with words numbered by a vocabulary."""
        return SentenceDataset(self.texts, self.y, self.classes, self.name, vocabulary)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: slice | Index) -> SentenceDataset:
        """Return part of the data set."""
        check_index("SentenceDataset", index)
        chosen = np.arange(len(self))[index]
        part = SentenceDataset(
            [self.texts[i] for i in chosen], self.y[chosen], self.classes, self.name
        )
        if self.vocabulary is not None:
            part.vocabulary = self.vocabulary
            part._rows = [self._rows[i] for i in chosen]
        return part

    def __iter__(self) -> NoReturn:
        refuse_iteration("SentenceDataset")

    def gather(self, index: Index) -> Samples:
        """Return the numbers of the words of these sentences, padded to the longest sentence.

        Raises
        ------
        ValueError
            If the data set has no vocabulary.
        """
        if self.vocabulary is None:
            raise ValueError(
                "[SentenceDataset] has no vocabulary yet: "
                "data.encode(pycnn.text.Vocabulary.build(data.texts))"
            )
        return pad([self._rows[i] for i in index])

    def _repr_html_(self) -> str:
        """Return the first sentences, which a notebook shows."""
        return texts_html(self, self.texts)

    def __repr__(self) -> str:
        return f"SentenceDataset({self.name!r}, {len(self)} sentences, {self.vocabulary!r})"


def fold_of(
    data: SentenceDataset, fold: int, count: int, seed: int
) -> tuple[SentenceDataset, SentenceDataset]:
    """Return the training and test set of one turn of a cross-validation.

    Parameters
    ----------
    data : SentenceDataset
        All sentences.
    fold : int
        The fold that is the test set, 0 to ``count - 1``.
    count : int
        Number of folds.
    seed : int
        Seed of the order in which the sentences of each class are dealt out to the folds.

    Returns
    -------
    train, test : SentenceDataset
        The other folds, and this one. All copies of a sentence are in the same fold.

    Raises
    ------
    TypeError, ValueError
        If `fold` is not one of the folds.
    """
    integer(data.name, "fold", fold, 0, count - 1)
    rng = np.random.default_rng(seed)
    by_class = [rng.permutation(np.flatnonzero(data.y == label)) for label in np.unique(data.y)]
    folds = deal(np.concatenate(by_class), count)
    first: dict[str, int] = {}
    tested = np.array([folds[first.setdefault(t, i)] == fold for i, t in enumerate(data.texts)])
    train, test = divide(data, tested)
    train.name, test.name = f"{data.name} train", f"{data.name} test"
    return train, test
