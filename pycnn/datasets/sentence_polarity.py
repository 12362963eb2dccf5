"""Pang and Lee's sentence polarity data set, read from the user's own folder."""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pycnn._printable import printable
from pycnn._reading import read_whole
from pycnn.datasets.movie_reviews import CLASSES, FOLDS, SPLIT_SEED
from pycnn.text.dataset import SentenceDataset, fold_of


class _Published(NamedTuple):
    name: str
    size: int
    sha256: str


# In the order of the classes, negative first.
FILES = (
    _Published(
        "rt-polarity.neg",
        612_256,
        "4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
    ),
    _Published(
        "rt-polarity.pos",
        626_139,
        "2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
    ),
)
# A hundred times the published size.
MOST_BYTES = 64 << 20
ARCHIVE = "https://www.cs.cornell.edu/people/pabo/movie-review-data/rt-polaritydata.tar.gz"


def sentence_polarity(
    root: str | os.PathLike[str], fold: int = 0, *, check: bool = True
) -> tuple[SentenceDataset, SentenceDataset]:
    """Load the sentence polarity data set: 5,331 negative and 5,331 positive review sentences.

    Parameters
    ----------
    root : path-like
        Folder with ``rt-polarity.neg`` and ``rt-polarity.pos``, or with the folder
        ``rt-polaritydata`` that the archive unpacks to.
    fold : int
        Which of ten stratified folds is the test set, 0 to 9; see `movie_reviews` for the folds.
    check : bool
        Whether the files must be the published ones, by size and SHA-256. If False, any two files
        of these names are accepted, in Latin-1 with one sentence per line.

    Returns
    -------
    train, test : pycnn.text.SentenceDataset
        Classes "negative" and "positive".

    Raises
    ------
    FileNotFoundError
        If a file is missing; the message says where to get it.
    TypeError
        If `fold` is not an int.
    ValueError
        If a file is not the published one, is larger than 64 MiB, is not a regular file, or holds
        no sentence; or if `fold` is not one of the ten.

    Notes
    -----
    The files are in Latin-1, where byte 0x85 is a control character that Python would take for the
    end of a line; so lines end only at byte 0x0A. The paper of the text network (Kim 2014) reports
    the mean of ten folds, but of different folds.

    References
    ----------
    Pang, Lee: Seeing stars: exploiting class relationships for sentiment categorization with
    respect to rating scales, ACL 2005. https://www.cs.cornell.edu/people/pabo/movie-review-data
    """
    folder = Path(root)
    if not folder.is_dir():
        raise FileNotFoundError(f"[sentence_polarity] {printable(folder)} is not a folder")
    inner = folder / "rt-polaritydata"
    if inner.is_dir() and not (folder / FILES[0].name).is_file():
        folder = inner
    texts: list[str] = []
    counts: list[int] = []
    for file in FILES:
        sentences = _read(folder, file, check)
        texts += sentences
        counts.append(len(sentences))
    y = np.repeat(np.arange(len(FILES)), counts)
    data = SentenceDataset(texts, y, CLASSES, "sentence_polarity")
    return fold_of(data, fold, FOLDS, SPLIT_SEED)


def _read(folder: Path, file: _Published, check: bool) -> list[str]:
    """Return the sentences of one file."""
    import hashlib

    path = folder / file.name
    if not path.is_file():
        raise FileNotFoundError(
            f"[sentence_polarity] {printable(path)} is missing: unpack rt-polaritydata.tar.gz "
            f"({ARCHIVE}) into {printable(folder)}"
        )
    raw = read_whole(path, MOST_BYTES)
    if check:
        digest = hashlib.sha256(raw).hexdigest()
        if (len(raw), digest) != (file.size, file.sha256):
            raise ValueError(
                f"[sentence_polarity] {printable(path)} is not the published file: {len(raw):,} "
                f"bytes with SHA-256 {digest}, expected {file.size:,} bytes with {file.sha256} "
                "(check=False takes it as it is)"
            )
    # A byte order mark, which an editor may add to other files, is not part of a sentence.
    text = raw.removeprefix(codecs.BOM_UTF8).decode("latin-1")
    lines = [line.strip() for line in text.split("\n")]
    sentences = [line for line in lines if line]
    if not sentences:
        raise ValueError(f"[sentence_polarity] {printable(path)} holds no sentence")
    return sentences
