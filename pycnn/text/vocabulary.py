"""The words that a model knows, and their numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pycnn._arguments import integer, written
from pycnn.text.tokenize import tokenize

if TYPE_CHECKING:
    from pycnn.layers import Module

Numbers = npt.NDArray[np.int64]

PADDING, UNKNOWN = "<pad>", "<unk>"
PADDING_NUMBER, UNKNOWN_NUMBER = 0, 1


class Vocabulary:
    """A numbering of words: 0 is padding, 1 is any word that is not listed.

    Sentences are strings, which `tokenize` splits, or lists of words.

    Parameters
    ----------
    words : sequence of str
        The words in the order of their numbers: ``"<pad>"``, ``"<unk>"``, then the others, each
        only once.

    Attributes
    ----------
    words : list of str
        The same words as a list, fit for JSON: ``Vocabulary(words)`` restores the vocabulary.

    Raises
    ------
    TypeError
        If `words` is not a sequence of str.
    ValueError
        If it does not begin with the two special words, or holds a word twice.
    """

    __slots__ = ("_numbers", "words")

    def __init__(self, words: Sequence[str]) -> None:
        self.words = check_words("Vocabulary", words)
        self._numbers = {word: number for number, word in enumerate(self.words)}

    @classmethod
    def build(
        cls,
        sentences: Iterable[str | Sequence[str]],
        *,
        min_count: int = 1,
        max_size: int | None = None,
    ) -> Vocabulary:
        """Return a vocabulary of the words of some sentences, by falling count, then alphabet.

        Parameters
        ----------
        sentences : iterable of str, or of sequences of str
            Training sentences.
        min_count : int
            How often a word must occur. Above 1, the training sentences themselves hold unknown
            words, so that a model learns to deal with them.
        max_size : int, optional
            Largest number of words to keep, not counting padding and unknown.

        Returns
        -------
        Vocabulary
            The vocabulary of those words.

        Raises
        ------
        TypeError
            If a sentence is not text, or `min_count` or `max_size` is not an int.
        ValueError
            If `min_count` or `max_size` is not positive.
        """
        integer("Vocabulary", "min_count", min_count, 1)
        if max_size is not None:
            integer("Vocabulary", "max_size", max_size, 1)
        counts = Counter(word for words in map(split, listed(sentences)) for word in words)
        for special in (PADDING, UNKNOWN):
            counts.pop(special, None)
        kept = sorted((word for word in counts if counts[word] >= min_count), key=str)
        kept.sort(key=counts.__getitem__, reverse=True)
        return cls([PADDING, UNKNOWN, *kept[:max_size]])

    @classmethod
    def of(cls, model: Module) -> Vocabulary:
        """Return the vocabulary that a model of `pycnn.models` was made for.

        Raises
        ------
        ValueError
            If the model does not hold one.
        """
        words = None if model.spec is None else model.spec.arguments.get("vocabulary")
        if words is None:
            raise ValueError(
                "[Vocabulary] the model holds none: it was not made by pycnn.models.textcnn"
            )
        return cls(words)

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self._numbers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.words == other.words

    def __hash__(self) -> int:
        return hash(tuple(self.words))

    def number(self, word: str) -> int:
        """Return the number of a word; 1 if it is unknown."""
        return self._numbers.get(word, UNKNOWN_NUMBER)

    def numbers(self, sentence: str | Sequence[str]) -> Numbers:
        """Return the numbers of the words of one sentence, a (words,) int64 array."""
        return np.array([self.number(word) for word in split(sentence)], np.int64)

    def encode(
        self, sentences: Iterable[str | Sequence[str]], length: int | None = None
    ) -> Numbers:
        """Turn sentences into one array; shorter ones are padded at their end.

        Parameters
        ----------
        sentences : iterable of str, or of sequences of str
            N sentences; an empty one is padding only.
        length : int, optional
            L; longer sentences are cut off. By default the length of the longest, at least 1.

        Returns
        -------
        (N, L) int64 array
            Numbers of words.

        Raises
        ------
        TypeError
            If a sentence is not text.
        ValueError
            If `length` is not positive.
        """
        return pad([self.numbers(sentence) for sentence in listed(sentences)], length)

    def decode(self, numbers: Numbers) -> list[str]:
        """Return the words of one row of numbers, without the padding.

        Raises
        ------
        ValueError
            If a number is not in the vocabulary, or `numbers` is not one row.
        """
        row = np.asarray(numbers)
        if row.ndim != 1 or row.dtype.kind not in "iu":
            raise ValueError(
                f"[Vocabulary] decode takes one row of ints, got {row.dtype} of shape {row.shape}"
            )
        if row.size and not 0 <= row.min() <= row.max() < len(self):
            raise ValueError(
                f"[Vocabulary] numbers must be 0 to {len(self) - 1}, got {row.min()} to {row.max()}"
            )
        return [self.words[number] for number in row if number != PADDING_NUMBER]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self):,} words)"


def split(sentence: str | Sequence[str]) -> Sequence[str]:
    """Return the words of a sentence given as text or as words."""
    if isinstance(sentence, str):
        return tokenize(sentence)
    if not isinstance(sentence, Sequence) or not all(isinstance(word, str) for word in sentence):
        raise TypeError(
            f"a sentence must be a str or a sequence of words, got {type(sentence).__name__}"
        )
    return sentence


def listed(sentences: Iterable[str | Sequence[str]]) -> Iterable[str | Sequence[str]]:
    """Return the sentences; refuse a single str, whose letters would pass for sentences."""
    if isinstance(sentences, str):
        raise TypeError("sentences must be a list of sentences, got one str: put it in a list")
    return sentences


def pad(rows: Sequence[Numbers], length: int | None = None) -> Numbers:
    """Stack rows of numbers, padded at their ends to `length` or the longest row."""
    if length is None:
        length = max([1, *map(len, rows)])
    else:
        integer("Vocabulary", "length", length, 1)
    padded = np.full((len(rows), length), PADDING_NUMBER, np.int64)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row[:length]
    return padded


def check_words(owner: str, words: Sequence[str]) -> list[str]:
    """Return the words of a vocabulary as a list, after checking them."""
    if isinstance(words, str) or not isinstance(words, Sequence):
        hint = ": pass its .words" if isinstance(words, Vocabulary) else ""
        raise TypeError(
            f"[{owner}] a vocabulary is a list of words, got {type(words).__name__}{hint}"
        )
    for number, word in enumerate(words):
        if not isinstance(word, str):
            raise TypeError(
                f"[{owner}] word {number} of the vocabulary must be a str, got {written(word)}"
            )
    if tuple(words[:2]) != (PADDING, UNKNOWN):
        raise ValueError(
            f"[{owner}] a vocabulary begins with {PADDING!r}, {UNKNOWN!r}, got {list(words[:2])}"
        )
    if len(set(words)) != len(words):
        twice = next(word for word, count in Counter(words).items() if count > 1)
        raise ValueError(f"[{owner}] the vocabulary holds {twice!r} twice")
    return list(words)
