"""Local response normalisation across channels and its gradient."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["local_response_norm", "local_response_norm_backward"]


def local_response_norm(
    x: FloatArray,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    form: str = "mean",
) -> tuple[FloatArray, FloatArray]:
    """Divide each number by a power of the energy of its neighbours in other channels.

    ``scale[n,c,h,w] = k + factor * sum over j of x[n,j,h,w]**2`` and ``y = x * scale**-beta``, with
    j from ``c - size // 2`` to ``c + (size - 1) // 2``, within the channels that exist.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
    size : int
        Channels in a window, at least 1; odd with form 'paper'.
    alpha : float
        Weight of the squares, not negative.
    beta : float
        Exponent, not negative.
    k : float
        Offset, above 0. AlexNet has 2.
    form : {'mean', 'paper'}
        ``factor`` above: 'mean' is ``alpha / size``, as in PyTorch and Caffe; 'paper' is ``alpha``,
        as published.

    Returns
    -------
    y, scale : ndarray of float32, shape (N, C, H, W)
        The result, and what `local_response_norm_backward` needs.

    Raises
    ------
    TypeError, ValueError
        A wrong dtype or rank, or a number out of range; an unknown `form`.

    Notes
    -----
    Numbers above 1.8e19, whose squares exceed float32, give ``scale = inf`` and ``y = 0``.
    The exponent 0.75 is taken by square roots, any other by exp and log.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional
    neural networks", NIPS 2012, section 3.3.
    """
    return of(x).ops.local_response_norm(x, size, alpha, beta, k, form)


def local_response_norm_backward(
    dy: FloatArray,
    x: FloatArray,
    y: FloatArray,
    scale: FloatArray,
    size: int = 5,
    *,
    alpha: float = 1e-4,
    beta: float = 0.75,
    form: str = "mean",
) -> FloatArray:
    """Gradient of `local_response_norm` with respect to its input.

    ``dx[c] = dy[c] * scale[c]**-beta - 2 * factor * beta * x[c] * sum over j of dy[j] * y[j] /
    scale[j]``, with j over the channels whose windows hold c: from ``c - (size - 1) // 2`` to
    ``c + size // 2``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, H, W)
        Gradient of the loss with respect to the output.
    x : ndarray of float32, shape (N, C, H, W)
        Input of the forward pass.
    y, scale : ndarray of float32, shape (N, C, H, W)
        Results of the forward pass.
    size, alpha, beta, form
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `local_response_norm`, or different shapes.
    """
    return of(dy).ops.local_response_norm_backward(dy, x, y, scale, size, alpha, beta, form)
