"""Batch normalisation in parts, and together with what follows it: an addition and limits."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = [
    "batch_norm2d_apply",
    "batch_norm2d_clamp",
    "batch_norm2d_clamp_backward",
    "batch_norm2d_statistics",
]


def batch_norm2d_statistics(
    x: FloatArray, eps: float = 1e-5
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the statistics of `batch_norm2d` alone, to the last bit.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images; at least one.
    eps : float
        Above 0: keeps the denominator from zero.

    Returns
    -------
    mean, var, inv_std : ndarray of float32, shape (C,)
        As from `batch_norm2d`.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm2d`.
    """
    return of(x).ops.batch_norm2d_statistics(x, eps)


def batch_norm2d_apply(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    mean: FloatArray,
    inv_std: FloatArray,
    residual: FloatArray | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> FloatArray:
    """Normalise by statistics that are known, add, and limit: what `batch_norm2d_clamp` does then.

    ``y = min(max((x - mean[c]) * inv_std[c] * weight[c] + bias[c] + residual, lower), upper)``

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    weight, bias : ndarray of float32, shape (C,), or None
        Factor (1 if None) and offset (0 if None) of each channel.
    mean, inv_std : ndarray of float32, shape (C,)
        As from `batch_norm2d_statistics`.
    residual : ndarray of float32, shape (N, C, H, W), optional
        What is added.
    lower, upper : float, optional
        Limits; NaN passes. 0 and None make a rectifier.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `batch_norm2d_clamp`.
    """
    return of(x).ops.batch_norm2d_apply(x, weight, bias, mean, inv_std, residual, lower, upper)


def batch_norm2d_clamp(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float = 1e-5,
    residual: FloatArray | None = None,
    lower: float | None = None,
    upper: float | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Do `batch_norm2d`, add, and limit, as one op.

    ``y = min(max(batch_norm2d(x) + residual, lower), upper)``, to the last bit, but that denormal
    numbers count as zero in the addition. With ``lower=0`` this is `relu`, with ``upper=6`` as well
    ReLU6.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images; at least one.
    weight, bias : ndarray of float32, shape (C,), or None
        Factor (1 if None) and offset (0 if None) of each channel.
    eps : float
        Above 0: keeps the denominator from zero.
    residual : ndarray of float32, shape (N, C, H, W), optional
        What is added.
    lower, upper : float, optional
        Limits, of which `lower` is not above `upper`; NaN passes.

    Returns
    -------
    y : ndarray of float32, shape (N, C, H, W)
    mean, var, inv_std : ndarray of float32, shape (C,)
        As from `batch_norm2d`.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm2d`; a limit that is not a finite number, or limits that cross.
    """
    return of(x).ops.batch_norm2d_clamp(x, weight, bias, eps, residual, lower, upper)


def batch_norm2d_clamp_backward(
    dy: FloatArray,
    y: FloatArray | None,
    x: FloatArray,
    weight: FloatArray | None,
    mean: FloatArray,
    inv_std: FloatArray,
    lower: float | None = None,
    upper: float | None = None,
    residual_gradient: bool = False,
    bias: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray | None]:
    """Gradients of `batch_norm2d_clamp`, and of `batch_norm2d_apply` through the statistics.

    ``g = dy where lower < y < upper, else 0`` (dy where y is NaN) is the gradient of the residual;
    `batch_norm2d_backward` of g gives the others, to the last bit.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, H, W)
        Gradient of the loss with respect to the output.
    y : ndarray of float32, shape (N, C, H, W), or None
        Output of the forward pass, for limits of a sum with a residual. Without a residual None
        saves reading it: it is computed from `x` again, to the last bit.
    x : ndarray of float32, shape (N, C, H, W)
        Input of the forward pass.
    weight : ndarray of float32, shape (C,), or None
        As in the forward pass.
    mean, inv_std : ndarray of float32, shape (C,)
        As returned by the forward pass.
    lower, upper : float, optional
        As in the forward pass.
    residual_gradient : bool
        Whether to return g.
    bias : ndarray of float32, shape (C,), or None
        As in the forward pass; counts where `y` is None.

    Returns
    -------
    dx : ndarray of float32, shape (N, C, H, W)
    dweight, dbias : ndarray of float32, shape (C,)
        Also where the forward pass had no weight or bias.
    dresidual : ndarray of float32, shape (N, C, H, W), or None
        None without `residual_gradient`.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm2d_clamp`; no `y` with a limit and `residual_gradient`. N may be 0 here.
    """
    return of(dy).ops.batch_norm2d_clamp_backward(
        dy, y, x, weight, mean, inv_std, lower, upper, residual_gradient, bias
    )
