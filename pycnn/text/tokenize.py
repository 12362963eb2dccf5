"""Sentences to words, by the rules of Kim's sentence classifier."""

from __future__ import annotations

import re

# What no word consists of. ASCII only: the pattern of the paper's program predates Unicode text.
_OTHER = re.compile(r"[^A-Za-z0-9(),!?'`]+")
# The place in front of an ending of English: John 's, have n't. Capitals are not endings.
_ENDING = re.compile(r"(?='(?:s|ve|re|d|ll)|n't)")
_TOKEN = re.compile(r"[(),!?]|[^\s(),!?]+")


def tokenize(text: str) -> list[str]:
    """Split a sentence into words and punctuation, in lower case.

    The rules, in this order:

    1. Everything but the letters A-Z and a-z, digits and ``( ) , ! ? ' ``` becomes a space:
       full stops and hyphens separate words and are gone, and so do accented letters.
    2. The endings ``'s 've n't 're 'd 'll`` become words of their own, with whatever follows:
       ``isn't`` is ``is`` and ``n't``.
    3. ``( ) , ! ?`` are words of their own.
    4. Capitals become small letters.

    Parameters
    ----------
    text : str
        A sentence.

    Returns
    -------
    list of str
        Its words; empty if nothing is left.

    Raises
    ------
    TypeError
        If `text` is not a str.

    References
    ----------
    Kim: Convolutional neural networks for sentence classification, EMNLP 2014; the rules are those
    of the program released with it, where running it with Python 2 leaves a backslash at each
    parenthesis and question mark: not here.

    Examples
    --------
    >>> pycnn.text.tokenize("It isn't (that) well-made, is it?")
    ['it', 'is', "n't", '(', 'that', ')', 'well', 'made', ',', 'is', 'it', '?']
    """
    if not isinstance(text, str):
        raise TypeError(f"[tokenize] text must be a str, got {type(text).__name__}")
    return _TOKEN.findall(_ENDING.sub(" ", _OTHER.sub(" ", text)).lower())
