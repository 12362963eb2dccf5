"""Files of word vectors: word2vec in text and binary, GloVe, whole and broken."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pycnn.text import PADDING, UNKNOWN, Vocabulary, load_embeddings, read_embeddings

VOCABULARY = Vocabulary([PADDING, UNKNOWN, "good", "bad", "film", "unheard"])
VECTORS = {
    "the": [0.5, -0.25, 3.0],
    "film": [1.5, 0.125, -1.0],
    "Good": [9.0, 9.0, 9.0],
    "good": [0.0, 1.0, 2.0],
    "naïve": [1.0, 1.0, 1.0],
}


def glove(vectors: dict[str, list[float]]) -> bytes:
    lines = (" ".join([word, *map(repr, vector)]) + "\n" for word, vector in vectors.items())
    return "".join(lines).encode()


def text(vectors: dict[str, list[float]]) -> bytes:
    dim = len(next(iter(vectors.values())))
    # The program word2vec leaves a space at the end of each line.
    return f"{len(vectors)} {dim}\n".encode() + glove(vectors).replace(b"\n", b" \n")


def binary(vectors: dict[str, list[float]], newline: bytes = b"\n") -> bytes:
    dim = len(next(iter(vectors.values())))
    records = (
        word.encode() + b" " + np.array(vector, "<f4").tobytes() + newline
        for word, vector in vectors.items()
    )
    return f"{len(vectors)} {dim}\n".encode() + b"".join(records)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.mark.parametrize(
    "content",
    [glove(VECTORS), text(VECTORS), binary(VECTORS), binary(VECTORS, b"")],
    ids=["glove", "text", "binary", "binary without newlines"],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_every_format_gives_the_same_vectors(path: Path, content: bytes, pack: type[bytes]) -> None:
    path.write_bytes(pack(content))
    numbers, vectors = read_embeddings(path, VOCABULARY)
    assert numbers.tolist() == [2, 4]
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [VECTORS["good"], VECTORS["film"]]


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 5)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_any_numbers_come_back(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray
) -> None:
    words = [f"w{i}" for i in range(len(values))]
    vocabulary = Vocabulary([PADDING, UNKNOWN, *reversed(words)])
    vectors = {word: [float(v) for v in row] for word, row in zip(words, values, strict=True)}
    folder = tmp_path_factory.mktemp("vectors")
    for name, content in (("text", text(vectors)), ("binary", binary(vectors))):
        (folder / name).write_bytes(content)
        # Two or three float32 numbers may happen to look like text: no 'auto' here.
        numbers, found = read_embeddings(folder / name, vocabulary, format=name)  # type: ignore[arg-type]
        np.testing.assert_array_equal(numbers, np.arange(2, 2 + len(words)))
        np.testing.assert_array_equal(found, values[::-1])


def test_unknown_words_get_the_variance_of_the_known(path: Path) -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(0, 0.3, (50, 40)).astype(np.float32)
    words = [f"known{i}" for i in range(50)]
    path.write_bytes(binary(dict(zip(words, known, strict=True))))
    vocabulary = Vocabulary([PADDING, UNKNOWN, *(f"unheard{i}" for i in range(500)), *words])
    weight = load_embeddings(path, vocabulary, rng=0)
    assert weight.shape == (552, 40)
    assert weight.dtype == np.float32
    assert weight.flags.c_contiguous
    np.testing.assert_array_equal(weight[502:], known)
    np.testing.assert_array_equal(weight[0], 0)
    random = weight[1:502]
    # 20,040 uniform numbers: the standard error of their variance is 0.6 % of it.
    assert random.var() == pytest.approx(known.var(), rel=0.03)
    assert np.abs(random).max() <= np.sqrt(3 * known.var()) * (1 + 1e-6)
    np.testing.assert_array_equal(weight, load_embeddings(path, vocabulary, rng=0))
    assert (weight[1] != load_embeddings(path, vocabulary, rng=1)[1]).any()


def test_words_with_spaces_and_second_copies(path: Path) -> None:
    content = b". . . 9 9 9\ngood at name@domain 8 8 8\ngood 1 2 3\ngood 4 5 6\n"
    # A byte that is not UTF-8 spoils its own word only.
    path.write_bytes(b"first 0 0 0\ncaf\xe9 6 6 6\n" + content)
    assert read_embeddings(path, VOCABULARY)[1].tolist() == [[1, 2, 3]]
    record = binary({"good": [7.0, 8.0]}).removeprefix(b"1 2\n")
    path.write_bytes(b"2 2\n" + binary({"good": [1.0, 2.0]}).removeprefix(b"1 2\n") + record)
    assert read_embeddings(path, VOCABULARY, format="binary")[1].tolist() == [[1, 2]]


def test_a_large_binary_file_goes_by_in_pieces(path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3000, 300)).astype(np.float32)  # 3.6 MB
    vectors = {f"w{i}": values[i] for i in range(3000)}
    path.write_bytes(binary(vectors))
    words = [f"w{i}" for i in range(2999, -1, -7)]
    numbers, found = read_embeddings(path, Vocabulary([PADDING, UNKNOWN, *words]))
    assert len(numbers) == len(words)
    np.testing.assert_array_equal(found, values[2999::-7])


def test_words_with_a_space_are_found_in_any_line(path: Path) -> None:
    vocabulary = Vocabulary([PADDING, UNKNOWN, "new york", "york", "good"])
    for lines in (b"new york 3 4\ngood 1 2\n", b"new york 3 4 \n good 1 2 \n",
                  b"new york 3 4\r\ngood 1 2\r\n"):  # fmt: skip
        for head in (b"", b"bad 0 0\n", b"3 2\nbad 0 0\n"):
            path.write_bytes((head or b"bad 5 6\n") + lines)
            numbers, vectors = read_embeddings(path, vocabulary)
            assert numbers.tolist() == [2, 4]
            assert vectors.tolist() == [[3, 4], [1, 2]]


@pytest.mark.parametrize("end", [b"\n", b"\n\n", b" \n", b"\r\n\r\n"])
def test_blank_last_lines_are_no_words(path: Path, end: bytes) -> None:
    for head in (b"", b"2 2\n"):
        path.write_bytes(head + b"bad 0 0\ngood 1 2\n" + end)
        assert read_embeddings(path, VOCABULARY)[1].tolist() == [[1, 2], [0, 0]]
        for rest in (b"x 1 2\n", b"good 1 2\n"):
            path.write_bytes(head + b"bad 0 0\ngood 1 2\n" + end + rest)
            with pytest.raises(ValueError, match="found 0 fields"):
                read_embeddings(path, VOCABULARY)
    path.write_bytes(b"3 2\nbad 0 0\ngood 1 2\n" + end)
    with pytest.raises(ValueError, match="promises 3 vectors, the file holds 2"):
        read_embeddings(path, VOCABULARY)


def test_binary_files_of_windows_and_padded_gzip(path: Path) -> None:
    records = [w.encode() + b" " + np.array(v, "<f4").tobytes() for w, v in VECTORS.items()]
    windows = b"5 3\r\n" + b"".join(record + b"\r\n" for record in records)
    for content in (windows, binary(VECTORS), glove(VECTORS)):
        path.write_bytes(content)
        expected = read_embeddings(path, VOCABULARY)[1]
        assert len(expected) == 2
        for zeros in (1, 512, 3 << 20):
            path.write_bytes(gzip.compress(content) + bytes(zeros))
            np.testing.assert_array_equal(read_embeddings(path, VOCABULARY)[1], expected)
    path.write_bytes(gzip.compress(glove(VECTORS)) + bytes(9) + b"more")
    with pytest.raises(ValueError, match="trailing data"):
        read_embeddings(path, VOCABULARY)


BROKEN = {
    "empty": (b"", "line 1: expected words and vectors, found nothing"),
    "blank": (b"\n", "line 1: expected words and vectors, found nothing"),
    "prose": (b"good films are rare\n", "line 1: expected the numbers .*found 'good films"),
    "one word": (b"good\n", "line 1: expected the numbers of words and dimensions"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1: expected the numbers"),
    "no dimension": (b"3 0\n", "line 1: promises 3 vectors of 0 numbers"),
    "no rows": (b"0 3\n", "line 1: promises 0 vectors of 3 numbers"),
    "short line": (b"bad 1 2 3\ngood 1 2\n", r"line 2: expected a word and 3 numbers, found 3 f"),
    "short other line": (b"bad 1 2 3\nx 1 2\n", r"line 2: expected a word and 3 numbers"),
    "blank line": (b"bad 1 2 3\n\ngood 1 2 3\n", "line 2: .*, found 0 fields"),
    "long line": (b"bad 1 2 3\ngood 1 2 3 4\n", "line 2: .*, found 5 fields"),
    "no number": (b"2 3\nbad 1 2 3\ngood 1 x 3\n", "line 3: could not convert .*'x'"),
    "not finite": (b"bad 1 2 3\ngood 1 nan 3\n", "line 2: the vector of 'good' is not finite"),
    "too large": (b"bad 1 2 3\ngood 1 1e300 3\n", "line 2: the vector of 'good' is not finite"),
    "too few lines": (b"3 2\nbad 1 2\ngood 1 2\n", "line 1: promises 3 vectors, the file holds 2"),
    "too many lines": (b"1 2\nbad 1 2\ngood 1 2\n", "line 1: promises 1 vectors, .*holds 2"),
    "no word": (b"x 1 2\ny 3 4\n", "holds none of the 4 words of the vocabulary"),
    "cut binary": (binary(VECTORS)[:-6], "word 5 of 5: the file ends before the end of its 3"),
    "binary with more": (binary(VECTORS) + b"more", "goes on after the 5 vectors"),
    "binary without words": (
        b"2 3\n" + b"\0" * 5000, "word 1: has no end, the file is malformed"
    ),
    "binary not finite": (
        binary({"good": [np.inf, 0.0, 1.0]}), "word 1: the vector of 'good' is not finite"
    ),
    "cut gzip": (gzip.compress(glove(VECTORS))[:-12], "truncated"),
    "corrupt gzip": (gzip.compress(glove(VECTORS))[:-8] + b"\1" * 8, "corrupt gzip data"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files(path: Path, content: bytes, text: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"vectors:? {text}"):
        read_embeddings(path, VOCABULARY)


def test_arguments_that_do_not_fit(path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="vectors"):
        load_embeddings(path, VOCABULARY)
    path.write_bytes(glove(VECTORS))
    with pytest.raises(TypeError, match="vocabulary must be a Vocabulary, got list"):
        load_embeddings(path, ["good"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="format must be 'auto', 'text' or 'binary', got 'bin'"):
        load_embeddings(path, VOCABULARY, format="bin")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="line 1: expected the numbers of words"):
        load_embeddings(path, VOCABULARY, format="binary")
