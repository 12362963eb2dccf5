"""Sentences to words to numbers, and back."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import wrong

from pycnn.data import Batches, Dataset
from pycnn.text import PADDING, UNKNOWN, SentenceDataset, Vocabulary, tokenize

WORDS = st.lists(st.sampled_from(["good", "bad", "film", "n't", ",", "a"]), max_size=12)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It isn't (that) bad!", ["it", "is", "n't", "(", "that", ")", "bad", "!"]),
        ("We've seen John's; he'd know.", ["we", "'ve", "seen", "john", "'s", "he", "'d", "know"]),
        ("they're, I'll", ["they", "'re", ",", "i", "'ll"]),
        ("CAN'T stop", ["can't", "stop"]),  # endings are small letters
        ("''Conan''", ["''conan''"]),
        ("well-made: 2/3 of 1.5", ["well", "made", "2", "3", "of", "1", "5"]),
        ("cliché café", ["clich", "caf"]),
        ("what?!", ["what", "?", "!"]),
        ("'some", ["'some"]),
        ("", []),
        (" \t\n .;-", []),
    ],
)
def test_tokens(text: str, words: list[str]) -> None:
    assert tokenize(text) == words


@given(st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=60))
def test_tokens_follow_the_rules_one_by_one(text: str) -> None:
    # The rules of the docstring, a substitution each.
    for pattern, replacement in [
        (r"[^A-Za-z0-9(),!?'`]", " "),
        *((re.escape(ending), " " + ending) for ending in ("'s", "'ve", "n't", "'re", "'d", "'ll")),
        *((re.escape(mark), f" {mark} ") for mark in ",!()?"),
    ]:
        text_before, text = text, re.sub(pattern, replacement, text)
        assert len(text) >= len(text_before)
    assert tokenize(text) == text.lower().split()


def test_tokens_of_something_else() -> None:
    with pytest.raises(TypeError, match=r"\[tokenize\] text must be a str, got bytes"):
        tokenize(b"text")  # type: ignore[arg-type]


class TestVocabulary:
    def test_build_counts_words(self) -> None:
        sentences = ["a b c b", "b a d", ["e", "c"]]
        words = Vocabulary.build(sentences).words
        assert words == [PADDING, UNKNOWN, "b", "a", "c", "d", "e"]
        assert Vocabulary.build(sentences, min_count=2).words[2:] == ["b", "a", "c"]
        assert Vocabulary.build(sentences, max_size=1).words[2:] == ["b"]
        assert Vocabulary.build([]).words == [PADDING, UNKNOWN]

    def test_words_of_the_special_names_are_no_words(self) -> None:
        assert Vocabulary.build([["x", PADDING, UNKNOWN]]).words == [PADDING, UNKNOWN, "x"]

    def test_encode_and_decode(self) -> None:
        vocabulary = Vocabulary([PADDING, UNKNOWN, "good", "film"])
        numbers = vocabulary.encode(["Good film", "a good, good film", ""])
        assert numbers.dtype == np.int64
        assert numbers.tolist() == [[2, 3, 0, 0, 0], [1, 2, 1, 2, 3], [0] * 5]
        assert vocabulary.encode(["good film good"], length=2).tolist() == [[2, 3]]
        assert vocabulary.encode(["good"], length=3).tolist() == [[2, 0, 0]]
        assert vocabulary.encode([]).shape == (0, 1)
        assert vocabulary.encode([""]).tolist() == [[0]]
        assert vocabulary.decode(numbers[1]) == [UNKNOWN, "good", UNKNOWN, "good", "film"]
        assert "film" in vocabulary
        assert "movie" not in vocabulary
        assert (vocabulary.number("film"), vocabulary.number("movie"), len(vocabulary)) == (3, 1, 4)

    @given(st.lists(WORDS, min_size=1, max_size=5))
    def test_what_was_encoded_decodes(self, sentences: list[list[str]]) -> None:
        vocabulary = Vocabulary.build(sentences)
        numbers = vocabulary.encode(sentences)
        assert numbers.shape == (len(sentences), max(1, *map(len, sentences), 1))
        assert [vocabulary.decode(row) for row in numbers] == sentences
        again = Vocabulary(json.loads(json.dumps(vocabulary.words)))
        assert again == vocabulary
        assert hash(again) == hash(vocabulary)
        np.testing.assert_array_equal(again.encode(sentences), numbers)

    @pytest.mark.parametrize(
        ("words", "kind", "text"),
        [
            ("<pad>", TypeError, "a vocabulary is a list of words, got str"),
            (None, TypeError, "a vocabulary is a list of words, got NoneType"),
            ([PADDING, UNKNOWN, 3], TypeError, "word 2 of the vocabulary must be a str, got 3"),
            (["a", "b"], ValueError, "begins with '<pad>', '<unk>', got .'a', 'b'"),
            ([PADDING], ValueError, "begins with '<pad>', '<unk>', got .'<pad>'."),
            ([PADDING, UNKNOWN, "a", "a"], ValueError, "holds 'a' twice"),
        ],
    )
    def test_words_that_are_none(self, words: object, kind: type[Exception], text: str) -> None:
        with pytest.raises(kind, match=rf"\[Vocabulary\].*{text}"):
            Vocabulary(words)  # type: ignore[arg-type]

    def test_arguments_that_do_not_fit(self) -> None:
        vocabulary = Vocabulary.build(["a b"])
        with pytest.raises(TypeError, match="got one str: put it in a list"):
            vocabulary.encode("a b")
        with pytest.raises(TypeError, match="got one str"):
            Vocabulary.build("a b")
        with pytest.raises(TypeError, match="a sentence must be a str or a sequence of words"):
            vocabulary.encode([3])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="a sequence of words, got list"):
            vocabulary.encode([["a", 3]])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="length must be at least 1"):
            vocabulary.encode(["a"], length=0)
        with pytest.raises(ValueError, match="min_count must be at least 1"):
            Vocabulary.build(["a"], min_count=0)
        with pytest.raises(ValueError, match="max_size must be at least 1"):
            Vocabulary.build(["a"], max_size=0)
        with pytest.raises(ValueError, match="numbers must be 0 to 3, got 1 to 4"):
            vocabulary.decode(np.array([1, 4]))
        with pytest.raises(ValueError, match="takes one row of ints, got float64"):
            vocabulary.decode(wrong(np.zeros(2)))
        with pytest.raises(ValueError, match=r"of shape \(1, 2\)"):
            vocabulary.decode(np.zeros((1, 2), np.int64))


class TestSentenceDataset:
    TEXTS = ("a b c", "a", "", "c b a b c", "x")
    Y = np.array([0, 1, 0, 1, 1])

    def encoded(self) -> SentenceDataset:
        data = SentenceDataset(self.TEXTS, self.Y, ("no", "yes"), "toy")
        return data.encode(Vocabulary.build(self.TEXTS[:4]))

    def test_batches_are_as_long_as_their_longest_sentence(self) -> None:
        data = self.encoded()
        assert isinstance(data, Dataset)
        assert len(data) == 5
        assert data.gather(np.array([1, 2])).tolist() == [[2], [0]]
        assert data.gather(np.array([4, 0])).tolist() == [[1, 0, 0], [2, 3, 4]]
        shapes = [x.shape for x, _ in Batches(data, 2)]
        assert shapes == [(2, 3), (2, 5), (1, 1)]

    def test_a_part_keeps_all_it_has(self) -> None:
        data = self.encoded()
        for part in (data[1:4], data[np.array([1, 2, 3])]):
            assert part.texts == self.TEXTS[1:4]
            assert part.y.tolist() == [1, 0, 1]
            assert (part.classes, part.name) == (data.classes, data.name)
            assert part.vocabulary is data.vocabulary
            np.testing.assert_array_equal(
                part.gather(np.arange(3)), data.gather(np.array([1, 2, 3]))
            )
        assert "5 sentences" in repr(data)

    def test_without_a_vocabulary_there_are_no_numbers(self) -> None:
        data = SentenceDataset(self.TEXTS, self.Y)
        with pytest.raises(ValueError, match=r"has no vocabulary yet: data\.encode"):
            data[:2].gather(np.arange(2))

    def test_arguments_that_do_not_fit(self) -> None:
        with pytest.raises(TypeError, match="texts must be a sequence of str"):
            SentenceDataset("ab", self.Y[:2])
        with pytest.raises(TypeError, match="texts must be a sequence of str"):
            SentenceDataset([1, 2], self.Y[:2])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="y must be an int64 array, got float64"):
            SentenceDataset(["a"], np.zeros(1))  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="y must be an int64 array, got list"):
            SentenceDataset(["a"], [0])  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"one label for each sentence \(1 sentences"):
            SentenceDataset(["a"], self.Y)
        with pytest.raises(TypeError, match="takes a slice or an array"):
            self.encoded()[2]  # type: ignore[index]
