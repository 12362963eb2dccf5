r"""Local response normalisation across channels, and its gradient.

With a the factor of the squares (`alpha` in the paper's form, `alpha / size` in the mean's) and the
window W(c) of channels c - size // 2 .. c + (size - 1) // 2 that exist,

.. math:: s_c = k + a \sum_{j \in W(c)} x_j^2, \qquad y_c = x_c s_c^{-\beta}.

Reference: A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep
convolutional neural networks", NIPS 2012, section 3.3.
"""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array

__all__ = ["local_response_norm", "local_response_norm_backward"]


def _factor(size: int, alpha: float, form: str) -> float:
    if form not in ("mean", "paper"):
        raise ValueError(f"[local_response_norm] form must be 'mean' or 'paper', got {form!r}")
    if form == "paper" and size % 2 == 0:
        raise ValueError(f"[local_response_norm] form 'paper' needs an odd size, got {size}")
    return alpha if form == "paper" else alpha / size


def _window_sum(x: Array, before: int, after: int) -> Array:
    """Sum of channels c - before .. c + after, those that exist, for each channel c."""
    channels = x.shape[1]
    windows = [x[:, max(c - before, 0) : c + after + 1].sum(axis=1) for c in range(channels)]
    return np.stack(windows, axis=1)


def local_response_norm(
    x: Array,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    form: str = "mean",
) -> tuple[Array, Array]:
    """``y = x * scale ** -beta``: see the formula at the top of this file.

    Parameters, results and errors are those of `pycnn.ops.local_response_norm`.
    """
    squares = _window_sum(x * x, size // 2, (size - 1) // 2)
    scale = k + _factor(size, alpha, form) * squares
    return x * scale**-beta, scale


def local_response_norm_backward(
    dy: Array,
    x: Array,
    y: Array,
    scale: Array,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    form: str = "mean",
) -> Array:
    """Gradient of `local_response_norm` with respect to x.

    x[c] acts on y[c] directly, and through the scale of every channel whose window holds c; these
    are the channels of the mirrored window, c - (size - 1) // 2 .. c + size // 2:
    ``dx = dy scale ** -beta - 2 factor beta x (sum over them of dy y / scale)``.
    Parameters, results and errors are those of `pycnn.ops.local_response_norm_backward`.
    """
    through_scale = _window_sum(dy * y / scale, (size - 1) // 2, size // 2)
    return dy * scale**-beta - 2 * _factor(size, alpha, form) * beta * x * through_scale
