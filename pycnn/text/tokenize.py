"""Split sentences into words, by the rules of Kim's sentence classifier."""

from __future__ import annotations

import re

# Characters that are not part of words. ASCII only: the paper's program predates Unicode text.
_OTHER = re.compile(r"[^A-Za-z0-9(),!?'`]+")
# The position before an English ending: John 's, have n't. Capitals are not endings.
_ENDING = re.compile(r"(?='(?:s|ve|re|d|ll)|n't)")
_TOKEN = re.compile(r"[(),!?]|[^\s(),!?]+")


def tokenize(text: str) -> list[str]:
    """Split a sentence into words and punctuation, in lower case.

    The rules, in this order:

    1. Everything but the letters A-Z and a-z, digits and ``( ) , ! ? ' ``` becomes a space:
       full stops, hyphens and accented letters separate words and disappear.
    2. The endings ``'s 've n't 're 'd 'll``, with whatever follows, become separate words:
       ``isn't`` becomes ``is`` and ``n't``.
    3. Each of ``( ) , ! ?`` becomes a separate word.
    4. Capitals become lower case.

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
    of the program released with it. Run with Python 2, that program also leaves a backslash at each
    parenthesis and question mark; this function does not.

    Examples
    --------
    >>> pycnn.text.tokenize("It isn't (that) well-made, is it?")
    ['it', 'is', "n't", '(', 'that', ')', 'well', 'made', ',', 'is', 'it', '?']
    """
    if not isinstance(text, str):
        raise TypeError(f"[tokenize] text must be a str, got {type(text).__name__}")
    return _TOKEN.findall(_ENDING.sub(" ", _OTHER.sub(" ", text)).lower())
