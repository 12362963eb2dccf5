"""Make text from files and users safe to print."""

from __future__ import annotations

import os
import re

# Characters that a terminal obeys instead of showing, that reverse the order of letters or break
# lines, halves of UTF-16 pairs, and characters that XML forbids. Joiners stay: some scripts need
# them.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"
    "\ufff9-\ufffb\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)


# A loss from here on is written with an exponent.
_LARGE = 1e6


def loss_text(loss: float) -> str:
    """Write a loss in a few digits, such as 0.0312 or 3.28e+29."""
    return f"{loss:.4f}" if not abs(loss) >= _LARGE else f"{loss:.2e}"


def printable(text: object, keep: str = "") -> str:
    r"""Return text with escapes such as ``\x1b`` for characters that act instead of being shown.

    These are control characters, overrides of the writing direction, and halves of characters.

    Parameters
    ----------
    text : object
        A str or a path; ``str`` turns anything else into text.
    keep : str
        Characters to keep, such as an end of line.
    """
    words = os.fsdecode(text) if isinstance(text, os.PathLike) else str(text)
    return _HIDDEN.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], words)
