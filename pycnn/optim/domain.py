"""What settings of optimizers may be, above all how small an eps.

The kernels count squares below 2^-126, the smallest normal float32, as zero. A mean square that
keeps a share of the old one may therefore be too small by ``2^-125 / (1 - share)``. A far larger
eps hides this. At the limits here the divisor of a step is wrong by two percent at most; below
them, gradients of 1e-20 would be divided by eps alone.
"""

from __future__ import annotations

import math
from typing import Any

from pycnn._arguments import float32, fraction, written


def pair_of_fractions(owner: str, name: str, value: Any) -> tuple[float, float]:
    """Check two shares in [0, 1), such as Adam's betas, and return them."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"[{owner}] {name} must be a pair of numbers, got {written(value)}")
    first, second = value
    return fraction(owner, name, first), fraction(owner, name, second)


def eps_beside_root(owner: str, name: str, eps: Any, kept: float) -> float:
    """Check an eps for the root of a mean square that keeps the share `kept`, and return it."""
    return _at_least(owner, name, eps, 1e-17 / math.sqrt(1 - kept))


def eps_under_root(owner: str, name: str, eps: Any, kept: float) -> float:
    """Check an eps for such a mean square itself, and return it."""
    return _at_least(owner, name, eps, 1e-36 / (1 - kept))


def _at_least(owner: str, name: str, eps: Any, least: float) -> float:
    result = float32(owner, name, eps)
    if result < least:
        raise ValueError(
            f"[{owner}] {name} must be at least {least} (squares of gradients count as zero "
            f"below 2^-126), got {eps}"
        )
    return result
