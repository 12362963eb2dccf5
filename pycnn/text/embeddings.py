"""Word vectors from files of word2vec (text or binary) and GloVe, of the wanted words only."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn import init
from pycnn.text.vocabulary import PADDING_NUMBER, Numbers, Vocabulary

Vectors: TypeAlias = npt.NDArray[np.float32]
Format: TypeAlias = Literal["auto", "text", "binary"]
Stream: TypeAlias = BinaryIO | gzip.GzipFile

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20
# Longer than any word of a published file; a binary file read with a wrong size has no end of word.
_LONGEST_WORD = 1 << 12
# Bytes that are looked at to tell text from binary numbers.
_SAMPLE = 1 << 12
_CONTROL = frozenset(range(32)) - frozenset(b"\t\r\n")


class _File(NamedTuple):
    """An open file of vectors: its path for messages, its bytes, and its first line's promise."""

    path: str
    stream: Stream
    rows: int | None
    dim: int


def load_embeddings(
    path: str | os.PathLike[str],
    vocabulary: Vocabulary,
    *,
    format: Format = "auto",
    rng: init.Rng = None,
) -> Vectors:
    """Give the vector of every word of a vocabulary, at random for those that a file lacks.

    Words that are not in the file get values from U(-a, a), where a = sqrt(3 var) gives them the
    variance of all the numbers of the vectors that are; padding gets zeros.

    Parameters
    ----------
    path : path
        As `read_embeddings` takes it.
    vocabulary : Vocabulary
        The words, as they are to be looked up.
    format : {'auto', 'text', 'binary'}
        As `read_embeddings` takes it.
    rng : Generator, int or None
        Random numbers of the words that are not in the file.

    Returns
    -------
    (len(vocabulary), D) float32 array
        For ``pycnn.models.textcnn(vocabulary.words, dim=D, embeddings=...)``.

    Raises
    ------
    OSError, TypeError, ValueError
        As `read_embeddings`.

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

    The file goes by once and only the wanted vectors are kept in memory.

    Parameters
    ----------
    path : path
        A file of word2vec or GloVe, plain or gzip-compressed (recognised by its first bytes):

        - word2vec, binary: a line ``V D``, then V times a word, a space and D float32 numbers in
          little-endian bytes;
        - word2vec, text: a line ``V D``, then V lines of a word and D numbers;
        - GloVe: the same lines without the first.
    vocabulary : Vocabulary
        The words, looked up as they are (capitals count). Of a word that a file has twice, the
        first vector counts.
    format : {'auto', 'text', 'binary'}
        'auto' takes a file for text if its first 4 KiB hold no control characters.

    Returns
    -------
    numbers : (K,) int64 array
        Numbers in the vocabulary of the K words that were found, rising.
    vectors : (K, D) float32 array
        Their vectors.

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If `vocabulary` is not a Vocabulary.
    ValueError
        If the file is empty, malformed or truncated (the text tells its name and the line, or the
        number of the word), a wanted vector is not finite, or no word of the vocabulary is in it.

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
            f"[read_embeddings] format must be 'auto', 'text' or 'binary', got {format!r}"
        )
    # Padding and unknown words are no words, whatever a file may hold of that name.
    wanted = {word.encode(): number for number, word in enumerate(vocabulary.words) if number > 1}
    found: dict[int, Vectors] = {}
    name = os.fspath(path)
    with open(path, "rb") as raw, _unpacked(raw) as stream:
        try:
            file, text = _start(name, stream, format)
            records = _text_records(file, wanted) if text else _binary_records(file, wanted)
            for number, vector in records:
                found.setdefault(number, vector)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{name} is truncated or corrupt: {error}") from None
    if not found:
        raise ValueError(f"{name} holds none of the {len(wanted):,} words of the vocabulary")
    numbers = np.array(sorted(found), np.int64)
    return numbers, np.stack([found[number] for number in numbers])


def _unpacked(file: BinaryIO) -> Stream:
    """Give a file, or what is in it if it is compressed."""
    compressed = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    if not compressed:
        return file
    return gzip.open(file, "rb")


def _start(name: str, stream: Stream, format: Format) -> tuple[_File, bool]:
    """Read what comes before the first vector; tells whether the file is text."""
    first = stream.readline(_CHUNK)
    fields = first.split()
    if not fields:
        raise ValueError(f"{name} line 1: expected words and vectors, found nothing")
    if len(fields) == 2 and all(field.isdigit() and len(field) < 20 for field in fields):
        rows, dim = map(int, fields)
        if rows < 1 or not 1 <= dim <= _CHUNK:
            raise ValueError(f"{name} line 1: promises {rows} vectors of {dim} numbers")
        sample = _peek(stream)
        text = format == "text" or (format == "auto" and _is_text(sample))
        return _File(name, stream, rows, dim), text
    if format == "binary" or not (_is_text(first) and len(fields) > 1 and _has_numbers(first)):
        raise ValueError(
            f"{name} line 1: expected the numbers of words and dimensions, or a word and its "
            f"vector, found {_shown(first)}"
        )
    stream.seek(0)
    return _File(name, stream, None, len(fields) - 1), True


def _peek(stream: Stream) -> bytes:
    """Look at the next bytes without taking them."""
    position = stream.tell()
    sample = stream.read(_SAMPLE)
    stream.seek(position)
    return sample


def _is_text(sample: bytes) -> bool:
    """Whether there are no control characters: the bytes of many float32 numbers hold some."""
    return _CONTROL.isdisjoint(sample)


def _text_records(file: _File, wanted: Mapping[bytes, int]) -> Iterator[tuple[int, Vectors]]:
    """Vectors of the wanted words of a text file, a word and its vector in each line."""
    path, stream, rows, dim = file
    before = 0 if rows is None else 1
    count = 0
    for count, line in enumerate(stream, 1):
        first = line[: line.find(b" ")]
        # Most lines of a large file end here: taking them apart would cost ten times as much.
        if first not in wanted and dim <= line.count(b" ") <= dim + 1:
            continue
        # Words with spaces exist (GloVe 840B has some): the last D fields are the numbers.
        fields = line.rsplit(None, dim)
        word = fields[0].strip() if fields else b""
        if len(fields) <= dim or _has_numbers(word):
            raise ValueError(
                f"{path} line {count + before}: expected a word and {dim} numbers, found "
                f"{len(line.split())} fields: {_shown(line)}"
            )
        if word not in wanted:
            continue
        try:
            with np.errstate(over="ignore"):  # infinity is reported below
                vector = np.array([float(field) for field in fields[1:]], np.float32)
        except ValueError as error:
            raise ValueError(f"{path} line {count + before}: {error}") from None
        _check_finite(vector, f"{path} line {count + before}", word)
        yield wanted[word], vector
    if rows is not None and count != rows:
        raise ValueError(f"{path} line 1: promises {rows:,} vectors, the file holds {count:,}")


def _has_numbers(word: bytes) -> bool:
    """Whether a word with spaces is a word and numbers: then its line has too many of them."""
    rest = word.split()[1:]
    try:
        return bool(rest) and all(math.isfinite(float(part)) for part in rest)
    except ValueError:
        return False


def _binary_records(file: _File, wanted: Mapping[bytes, int]) -> Iterator[tuple[int, Vectors]]:
    """Vectors of the wanted words of a binary word2vec file."""
    path, stream, rows, dim = file
    assert rows is not None
    size = 4 * dim
    buffer, start = b"", 0
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
        # The program word2vec writes an end of line after each vector, others do not.
        word = buffer[start:end].lstrip(b"\n")
        number = wanted.get(word)
        if number is not None:
            vector = np.frombuffer(buffer, "<f4", dim, end + 1).astype(np.float32)
            _check_finite(vector, f"{path} word {row}", word)
            yield number, vector
        start = end + 1 + size
    if (buffer[start:] + stream.read(_CHUNK)).strip(b"\n"):
        raise ValueError(f"{path}: goes on after the {rows:,} vectors that its first line promises")


def _check_finite(vector: Vectors, where: str, word: bytes) -> None:
    if not np.isfinite(vector).all():
        raise ValueError(f"{where}: the vector of {_shown(word)} is not finite")


def _shown(raw: bytes) -> str:
    """Give the beginning of some bytes, for messages."""
    text = raw[:60].decode("utf-8", "replace").rstrip("\n")
    return repr(text) + ("..." if len(raw) > 60 else "")
