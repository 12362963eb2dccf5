"""The class that a network answers with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn.layers.parameter import Array

NO_ANSWER = -1

# What rounding to float32 leaves of the sum of a softmax of up to 1e4 classes, generously.
_ROUNDING = 1e-5


def answers(scores: Array) -> npt.NDArray[np.int64]:
    """Return the class of the largest score of each row: along the last axis.

    A row whose largest score is not finite, such as one with a NaN, has no answer: it gets -1,
    which equals no class. (``argmax`` takes the first NaN for the largest score, so a broken
    network would answer class 0.)

    Parameters
    ----------
    scores : (..., C) array of floats, C > 0
        Logits, probabilities or other scores; the largest wins.

    Returns
    -------
    (...) int64 array
        Classes, or -1.
    """
    found: npt.NDArray[np.int64] = scores.argmax(axis=-1)
    valid = np.isfinite(scores.max(axis=-1))  # a NaN, if there is one
    return found if valid.all() else np.where(valid, found, NO_ANSWER)


def are_probabilities(scores: Array) -> bool:
    """Whether each row along axis 1 is made of numbers from 0 to 1 whose sum is 1.

    Those of a softmax are, up to rounding; those of other scores never are for all samples.
    """
    if not scores.size or not (scores.min() >= 0 and scores.max() <= 1):  # false for NaN, too
        return False
    return bool(np.abs(scores.sum(axis=1, dtype=np.float64) - 1).max() <= _ROUNDING)


def are_classes(output: Array, target: Array) -> bool:
    """Whether the targets are classes, one for each sample or each place of it."""
    if isinstance(output, (tuple, list, dict)) or isinstance(target, (tuple, list, dict)):
        return False  # a model of several outputs
    if output.ndim < 2 or target.dtype.kind != "i":
        return False
    return tuple(target.shape) == (output.shape[0], *output.shape[2:])
