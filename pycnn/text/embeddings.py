"""Read the vectors of wanted words from files of word2vec (text or binary) and GloVe."""

from __future__ import annotations

import codecs
import math
import os
from collections.abc import Iterator, Mapping
from itertools import count
from typing import BinaryIO, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn import init
from pycnn._arguments import written
from pycnn._printable import printable
from pycnn._reading import open_regular, unpacked
from pycnn.text.vocabulary import PADDING_NUMBER, Numbers, Vocabulary

Vectors: TypeAlias = npt.NDArray[np.float32]
Format: TypeAlias = Literal["auto", "text", "binary"]

_CHUNK = 1 << 20
# Longer than any word of a published file; a binary file read with a wrong size has no word end.
_LONGEST_WORD = 1 << 12
# Bytes of a number in a text file, with the space before it; published ones have at most 25.
_LONGEST_NUMBER = 1 << 6
# Bytes examined to tell text from binary numbers.
_SAMPLE = 1 << 12
_CONTROL = frozenset(range(32)) - frozenset(b"\t\r\n")


class _File(NamedTuple):
    """An open file of vectors: its path for messages, its bytes, and what its first line promises.

    `taken` holds the bytes already read from the stream.
    """

    path: str
    stream: BinaryIO
    taken: bytes
    rows: int | None
    dim: int


def load_embeddings(
    path: str | os.PathLike[str],
    vocabulary: Vocabulary,
    *,
    format: Format = "auto",
    rng: init.Rng = None,
) -> Vectors:
    """Return the vector of every word of a vocabulary; words that the file lacks get random ones.

    Words that are not in the file get values from U(-a, a), where a = sqrt(3 var) gives them the
    variance of all numbers in the vectors that were found; padding gets zeros.

    Parameters
    ----------
    path : path
        As for `read_embeddings`.
    vocabulary : Vocabulary
        The words to look up.
    format : {'auto', 'text', 'binary'}
        As for `read_embeddings`.
    rng : Generator, int or None
        Source of the vectors of words that are not in the file.

    Returns
    -------
    (len(vocabulary), D) float32 array
        For ``pycnn.models.textcnn(vocabulary.words, dim=D, embeddings=...)``.

    Raises
    ------
    OSError, TypeError, ValueError
        As for `read_embeddings`.

    References
    ----------
    Kim: Convolutional neural networks for sentence classification, EMNLP 2014, section 4.3.
    """
    numbers, vectors = read_embeddings(path, vocabulary, format=format)
    bound = math.sqrt(3.0 * float(vectors.var(dtype=np.float64)))
    weight = init.uniform((len(vocabulary), vectors.shape[1]), bound, rng)
    weight[PADDING_NUMBER] = 0.0
    weight[numbers] = vectors
    return weight


def read_embeddings(
    path: str | os.PathLike[str], vocabulary: Vocabulary, *, format: Format = "auto"
) -> tuple[Numbers, Vectors]:
    """Read the vectors of the words of a vocabulary from a file of any size.

    The file is read once, and only the wanted vectors are kept in memory.

    Parameters
    ----------
    path : path
        A file of word2vec or GloVe, plain or gzip-compressed (recognised by its first bytes):

        - word2vec, binary: a line ``V D``, then V times a word, a space and D float32 numbers in
          little-endian bytes;
        - word2vec, text: a line ``V D``, then V lines of a word and D numbers;
        - GloVe: the same without the first line.
    vocabulary : Vocabulary
        The words, looked up unchanged (case matters). If a file has a word twice, the first vector
        counts.
    format : {'auto', 'text', 'binary'}
        'auto' takes a file as text if its first 4 KiB hold no control characters.

    Returns
    -------
    numbers : (K,) int64 array
        Numbers in the vocabulary of the K words that were found, ascending.
    vectors : (K, D) float32 array
        Their vectors.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If `vocabulary` is not a Vocabulary.
    ValueError
        If the file is empty, malformed, truncated or not a regular file (the message names the file
        and the line, or the number of the word); a line is longer than 4 KiB plus 64 bytes per
        number; a compressed file holds more than 64 MiB and more than 100 times its size; a wanted
        vector is not finite; or the file has no word of the vocabulary.

    References
    ----------
    Mikolov et al.: Distributed representations of words and phrases and their compositionality,
    2013 (the program word2vec). Pennington, Socher, Manning: GloVe, EMNLP 2014.
    """
    if not isinstance(vocabulary, Vocabulary):
        raise TypeError(
            f"[read_embeddings] vocabulary must be a Vocabulary, got {type(vocabulary).__name__}"
        )
    if format not in ("auto", "text", "binary"):
        raise ValueError(
            f"[read_embeddings] format must be 'auto', 'text' or 'binary', got {written(format)}"
        )
    # Padding and the unknown word are not words, even if a file holds such names.
    wanted = {word.encode(): number for number, word in enumerate(vocabulary.words) if number > 1}
    found: dict[int, Vectors] = {}
    name = printable(path)
    with open_regular(path) as raw:
        file, text = _start(name, unpacked(path, raw), format)
        records = _text_records(file, wanted) if text else _binary_records(file, wanted)
        for number, vector in records:
            found.setdefault(number, vector)
    if not found:
        raise ValueError(f"{name} holds none of the {len(wanted):,} words of the vocabulary")
    numbers = np.array(sorted(found), np.int64)
    return numbers, np.stack([found[number] for number in numbers])


def _start(name: str, stream: BinaryIO, format: Format) -> tuple[_File, bool]:
    """Read what comes before the first vector; return the file, and whether it is text."""
    # Windows editors put a byte order mark before the first word.
    first = stream.readline(_CHUNK).removeprefix(codecs.BOM_UTF8)
    fields = first.split()
    if not fields:
        raise ValueError(f"{name} line 1: expected words and vectors, found nothing")
    if len(fields) == 2 and all(field.isdigit() and len(field) < 20 for field in fields):
        rows, dim = map(int, fields)
        if rows < 1 or not 1 <= dim <= _CHUNK:
            raise ValueError(f"{name} line 1: promises {rows} vectors of {dim} numbers")
        sample = stream.read(_SAMPLE)
        text = format == "text" or (format == "auto" and _is_text(sample))
        return _File(name, stream, sample, rows, dim), text
    if format == "binary" or not (_is_text(first) and len(fields) > 1 and _has_numbers(first)):
        raise ValueError(
            f"{name} line 1: expected the numbers of words and dimensions, or a word and its "
            f"vector, found {_shown(first)}"
        )
    return _File(name, stream, first, None, len(fields) - 1), True


def _is_text(sample: bytes) -> bool:
    """Return whether there are no control characters; the bytes of many float32 hold some."""
    return _CONTROL.isdisjoint(sample)


def _text_records(file: _File, wanted: Mapping[bytes, int]) -> Iterator[tuple[int, Vectors]]:
    """Yield the vectors of the wanted words of a text file with one word per line."""
    path, _, _, rows, dim = file
    before = 0 if rows is None else 1
    lines = blank = 0
    for lines, line in enumerate(_lines(file, before), 1):
        # Most lines of a large file end here: parsing them would cost ten times as much.
        if (
            line.rstrip().count(b" ") == dim
            and not line.startswith(b" ")
            and line[: line.find(b" ")] not in wanted
            and not blank
        ):
            continue
        if line.isspace():  # editors leave empty lines, but only at the end
            blank = blank or lines
            continue
        if blank:
            raise _malformed(path, blank + before, dim, b"")
        # Words with spaces exist (GloVe 840B has some): the last D fields are the numbers.
        fields = line.rsplit(None, dim)
        word = fields[0].strip() if fields else b""
        if len(fields) <= dim or _has_numbers(word):
            raise _malformed(path, lines + before, dim, line)
        if word not in wanted:
            continue
        try:
            with np.errstate(over="ignore"):  # infinity is reported below
                vector = np.array([float(field) for field in fields[1:]], np.float32)
        except ValueError as error:
            raise ValueError(f"{path} line {lines + before}: {error}") from None
        _check_finite(vector, f"{path} line {lines + before}", word)
        yield wanted[word], vector
    lines = blank - 1 if blank else lines
    if rows is not None and lines != rows:
        raise ValueError(f"{path} line 1: promises {rows:,} vectors, the file holds {lines:,}")


def _malformed(path: str, number: int, dim: int, line: bytes) -> ValueError:
    return ValueError(
        f"{path} line {number}: expected a word and {dim} numbers, found {len(line.split())} "
        f"fields: {_shown(line)}"
    )


def _lines(file: _File, before: int) -> Iterator[bytes]:
    """Yield the lines of a text file; refuse a line longer than any vector."""
    most = _LONGEST_WORD + _LONGEST_NUMBER * file.dim
    rest = file.taken
    for number in count(1 + before):
        at = rest.find(b"\n") + 1
        line, rest = (rest[:at], rest[at:]) if at else (rest, b"")
        if not at:
            line += file.stream.readline(most + 1)
        if len(line) > most:
            raise ValueError(
                f"{file.path} line {number}: more than {most:,} bytes for a word and {file.dim} "
                "numbers"
            )
        if not line:
            return
        yield line


def _has_numbers(word: bytes) -> bool:
    """Return whether a "word" with spaces ends in numbers: then its line has too many of them."""
    rest = word.split()[1:]
    try:
        return bool(rest) and all(math.isfinite(float(part)) for part in rest)
    except ValueError:
        return False


def _binary_records(file: _File, wanted: Mapping[bytes, int]) -> Iterator[tuple[int, Vectors]]:
    """Yield the vectors of the wanted words of a binary word2vec file."""
    path, stream, buffer, rows, dim = file
    assert rows is not None
    size, start = 4 * dim, 0
    for row in range(1, rows + 1):
        end = buffer.find(b" ", start)
        while end < 0 or end + 1 + size > len(buffer):
            if end < 0 and len(buffer) - start > _LONGEST_WORD:
                raise ValueError(f"{path} word {row}: has no end, the file is malformed")
            more = stream.read(_CHUNK)
            if not more:
                raise ValueError(
                    f"{path} word {row} of {rows:,}: the file ends before the end of its "
                    f"{dim} numbers"
                )
            buffer, start = buffer[start:] + more, 0
            end = buffer.find(b" ")
        # The program word2vec ends each vector with a line end (two bytes on Windows).
        word = buffer[start:end].lstrip(b"\r\n")
        number = wanted.get(word)
        if number is not None:
            vector = np.frombuffer(buffer, "<f4", dim, end + 1).astype(np.float32)
            _check_finite(vector, f"{path} word {row}", word)
            yield number, vector
        start = end + 1 + size
    if (buffer[start:] + stream.read(_CHUNK)).strip(b"\r\n"):
        raise ValueError(f"{path}: goes on after the {rows:,} vectors that its first line promises")


def _check_finite(vector: Vectors, where: str, word: bytes) -> None:
    if not np.isfinite(vector).all():
        raise ValueError(f"{where}: the vector of {_shown(word)} is not finite")


def _shown(raw: bytes) -> str:
    """Return the beginning of some bytes, to show in messages."""
    text = raw[:60].decode("utf-8", "replace").rstrip("\n")
    return printable(repr(text)) + ("..." if len(raw) > 60 else "")
