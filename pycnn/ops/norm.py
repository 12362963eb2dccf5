"""Scale and shift of each channel, and batch normalisation, with their gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["batch_norm2d", "batch_norm2d_backward", "channel_affine", "channel_affine_backward"]


def channel_affine(x: FloatArray, scale: FloatArray, shift: FloatArray) -> FloatArray:
    """Scale and shift each channel: ``y[n,c,h,w] = x[n,c,h,w] * scale[c] + shift[c]``.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    scale, shift : ndarray of float32, shape (C,)
        Factor and offset of each channel.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, shapes that do not fit, or an array that is not C-contiguous.
    """
    return of(x).ops.channel_affine(x, scale, shift)


def channel_affine_backward(
    dy: FloatArray, x: FloatArray, scale: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `channel_affine`.

    ``dx = dy * scale[c]``, ``dscale[c] = sum over n,h,w of dy * x`` and
    ``dshift[c] = sum over n,h,w of dy``.

    Parameters
    ----------
    dy, x : ndarray of float32, shape (N, C, H, W)
        Gradient of the loss with respect to the output, and input of the forward pass.
    scale : ndarray of float32, shape (C,)

    Returns
    -------
    dx : ndarray of float32, shape (N, C, H, W)
    dscale, dshift : ndarray of float32, shape (C,)

    Raises
    ------
    TypeError, ValueError
        As `channel_affine`.

    Notes
    -----
    The sums are taken in double precision, plane by plane in order.
    """
    return of(dy).ops.channel_affine_backward(dy, x, scale)


def batch_norm2d(
    x: FloatArray,
    weight: FloatArray | None,
    bias: FloatArray | None,
    eps: float = 1e-5,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Give each channel mean 0 and variance 1 over the batch, then scale and shift it.

    With m = N H W values in a channel, ``mean[c] = sum over n,h,w of x / m``,
    ``var[c] = sum over n,h,w of (x - mean[c])**2 / m``, ``inv_std[c] = 1 / sqrt(var[c] + eps)``,

    ``y[n,c,h,w] = (x[n,c,h,w] - mean[c]) * inv_std[c] * weight[c] + bias[c]``

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images; at least one.
    weight, bias : ndarray of float32, shape (C,), or None
        Factor (1 if None) and offset (0 if None) of each channel.
    eps : float
        Above 0: keeps the denominator from zero.

    Returns
    -------
    y : ndarray of float32, shape (N, C, H, W)
    mean, var, inv_std : ndarray of float32, shape (C,)
        Statistics of the batch. `var` divides by m (it is biased), as it does inside y.

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, no images, an `eps` that is not above 0, or an array that is not
        C-contiguous.

    Notes
    -----
    Sums are in double precision. The variance is summed around the mean in a second pass over x, so
    that a small variance keeps its digits beside a large mean. A channel of equal numbers becomes
    exactly `bias`. A trained network uses running statistics instead: `channel_affine`.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", ICML 2015, algorithm 1.
    """
    return of(x).ops.batch_norm2d(x, weight, bias, eps)


def batch_norm2d_backward(
    dy: FloatArray,
    x: FloatArray,
    weight: FloatArray | None,
    mean: FloatArray,
    inv_std: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Gradients of `batch_norm2d`, through its mean and variance as well.

    With ``xhat = (x - mean[c]) * inv_std[c]``,
    ``dbias[c] = sum over n,h,w of dy``, ``dweight[c] = sum over n,h,w of dy * xhat`` and
    ``dx = weight[c] * inv_std[c] * (dy - dbias[c] / m - xhat * dweight[c] / m)``.

    Parameters
    ----------
    dy, x : ndarray of float32, shape (N, C, H, W)
        Gradient of the loss with respect to the output, and input of the forward pass.
    weight : ndarray of float32, shape (C,), or None
        As in the forward pass.
    mean, inv_std : ndarray of float32, shape (C,)
        As returned by the forward pass.

    Returns
    -------
    dx : ndarray of float32, shape (N, C, H, W)
    dweight, dbias : ndarray of float32, shape (C,)
        Also where the forward pass had no weight or bias.

    Raises
    ------
    TypeError, ValueError
        As `batch_norm2d`; N may be 0 here.
    """
    return of(dy).ops.batch_norm2d_backward(dy, x, weight, mean, inv_std)
