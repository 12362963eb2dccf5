"""Sentence data sets: the shipped reviews, Pang and Lee's files, and the folds of both."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from pycnn import datasets
from pycnn.text import SentenceDataset

SHIPPED = Path(datasets.__file__).parent / "movie_reviews_data" / "movie_reviews.tsv.gz"
# For the uncompressed file, as the README next to it says.
SHA256 = "0ce30f25c825654535a6d8a297914157334c29e77e8555eb98c28139118bb0bc"


def rows() -> list[tuple[float, str]]:
    lines = gzip.decompress(SHIPPED.read_bytes()).decode().split("\n")[1:-1]
    return [(float(line.split("\t")[1]), line.split("\t")[2]) for line in lines]


def test_the_shipped_file_is_the_published_one() -> None:
    raw = gzip.decompress(SHIPPED.read_bytes())
    assert len(raw) == 1_327_797
    assert hashlib.sha256(raw).hexdigest() == SHA256
    assert SHA256 in (SHIPPED.parent / "README.md").read_text()
    assert raw.startswith(b"id\trating\ttext\n")
    assert len(rows()) == 10_605


def test_polarity_is_the_sign_of_the_rating() -> None:
    train, test = datasets.movie_reviews()
    assert (len(train), len(test)) == (9_510, 1_058)
    assert train.classes == test.classes == ("negative", "positive")
    assert (train.name, test.name) == ("movie_reviews train", "movie_reviews test")
    # Both parts keep the order of the file, so they merge to it.
    polar = [(text, int(rating > 0)) for rating, text in rows() if rating != 0]
    assert len(polar) == 10_568
    parts = sorted(pair for part in (train, test) for pair in zip(part.texts, part.y, strict=True))
    assert parts == sorted(polar)
    assert sum(label for _, label in polar) == 5_242


def test_the_fixed_split_stays_what_it_is() -> None:
    _, test = datasets.movie_reviews()
    digest = hashlib.sha256("\n".join(test.texts).encode()).hexdigest()
    assert digest.startswith("2e22d9ba39a35777")


def test_ten_folds_are_a_stratified_partition() -> None:
    tests: list[str] = []
    digest = hashlib.sha256()
    for fold in range(10):
        train, test = datasets.movie_reviews(fold)
        assert len(train) + len(test) == 10_568
        assert set(train.texts).isdisjoint(test.texts)
        assert 1_055 <= len(test) <= 1_058
        assert 523 <= test.y.sum() <= 526
        tests += test.texts
        digest.update("\n".join(test.texts).encode())
    assert digest.hexdigest().startswith("04c29dbbc825b62e")  # the folds never change
    assert sorted(tests) == sorted(text for rating, text in rows() if rating != 0)


@pytest.mark.parametrize(("fold", "kind"), [(10, ValueError), (-1, ValueError), (0.5, TypeError)])
def test_there_are_ten_folds(fold: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"\[movie_reviews\] fold must be"):
        datasets.movie_reviews(fold)


class TestSentencePolarity:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        # Latin-1: byte 0x85 ends no line, 0xe9 is an e with an accent.
        negative = b"".join(b"dull \x85 number %d \n" % i for i in range(30))
        positive = b"".join(b"a clich\xe9 of joy , %d\r\n" % i for i in range(20))
        (tmp_path / "rt-polarity.neg").write_bytes(negative)
        (tmp_path / "rt-polarity.pos").write_bytes(positive)
        return tmp_path

    def test_lines_of_latin_1(self, root: Path) -> None:
        train, test = datasets.sentence_polarity(root, check=False)
        assert (len(train), len(test)) == (45, 5)
        assert test.y.tolist() == [0, 0, 0, 1, 1]
        texts = [*train.texts, *test.texts]
        assert "dull \x85 number 7" in texts
        assert "a clich\xe9 of joy , 7" in texts
        assert train.classes == ("negative", "positive")

    def test_the_folder_of_the_archive_will_do(self, root: Path, tmp_path: Path) -> None:
        inner = tmp_path / "outer" / "rt-polaritydata"
        inner.mkdir(parents=True)
        for name in ("rt-polarity.neg", "rt-polarity.pos"):
            (root / name).rename(inner / name)
        train, test = datasets.sentence_polarity(inner.parent, fold=3, check=False)
        assert len(train) + len(test) == 50

    def test_copies_of_a_sentence_are_in_one_fold(self, tmp_path: Path) -> None:
        for name in ("rt-polarity.neg", "rt-polarity.pos"):
            (tmp_path / name).write_text("".join(f"{i % 13}\n" for i in range(40)))
        sizes = []
        for fold in range(10):
            train, test = datasets.sentence_polarity(tmp_path, fold, check=False)
            assert set(train.texts).isdisjoint(test.texts)
            sizes.append(len(test))
        assert sum(sizes) == 80

    def test_other_files_are_refused(self, root: Path) -> None:
        with pytest.raises(ValueError, match=r"rt-polarity.neg is not the published file: .*bytes"):
            datasets.sentence_polarity(root)

    def test_the_published_files_are_taken(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import sys

        # datasets.sentence_polarity is the function; its module is found in sys.modules.
        module = sys.modules["pycnn.datasets.sentence_polarity"]
        published = []
        for file in module.FILES:
            raw = (root / file.name).read_bytes()
            published.append(type(file)(file.name, len(raw), hashlib.sha256(raw).hexdigest()))
        monkeypatch.setattr(module, "FILES", tuple(published))
        train, test = datasets.sentence_polarity(root)
        assert len(train) + len(test) == 50

    def test_missing_and_empty_files(self, root: Path) -> None:
        with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
            datasets.sentence_polarity(root / "nowhere")
        (root / "rt-polarity.pos").write_bytes(b"\n \n")
        with pytest.raises(ValueError, match=r"rt-polarity.pos holds no sentence"):
            datasets.sentence_polarity(root, check=False)
        (root / "rt-polarity.pos").unlink()
        with pytest.raises(FileNotFoundError, match=r"rt-polarity.pos is missing: unpack .*http"):
            datasets.sentence_polarity(root, check=False)


def test_sentences_are_a_data_set() -> None:
    train, _ = datasets.movie_reviews()
    part = train[:3]
    assert isinstance(part, SentenceDataset)
    assert part.texts == train.texts[:3]
    np.testing.assert_array_equal(train[np.array([5, 2])].y, train.y[[5, 2]])
