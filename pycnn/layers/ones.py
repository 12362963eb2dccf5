"""Arrays of ones, on every back-end."""

from __future__ import annotations

import math

from pycnn import backends, ops
from pycnn.layers.parameter import Array, Shape


def ones(like: Array, shape: Shape) -> Array:
    """Return ones on the device of an array, of its dtype.

    They are the probabilities of a single class. Nothing is copied from the CPU, which a captured
    step could not do.
    """
    logits = backends.of(like).zeros((math.prod(shape), 1), like.dtype)
    filled: Array = ops.softmax(logits).reshape(shape)
    return filled
