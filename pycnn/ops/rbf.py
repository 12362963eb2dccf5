"""Squared distances to centres, the arguments of radial basis functions, and their gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["rbf", "rbf_backward"]


def rbf(x: FloatArray, centres: FloatArray) -> FloatArray:
    """Squared Euclidean distance to each centre: ``y[n,k] = sum over d of (x[n,d] - c[k,d])**2``.

    Parameters
    ----------
    x : ndarray of float32, shape (N, D)
        Rows of features. N may be 0.
    centres : ndarray of float32, shape (K, D)
        c above, one row for each unit.

    Returns
    -------
    ndarray of float32, shape (N, K)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, shapes that do not fit, or an array that is not C-contiguous.

    Notes
    -----
    Differences are squared one by one. ``|x|**2 - 2 x c + |c|**2`` would need one operation less,
    but cancels where x is near a centre. The relative error is at most ``n u / (1 - n u)`` with
    n = D + 3, u = 2**-24.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998, equation 7 (the output layer of LeNet-5).
    """
    return of(x).ops.rbf(x, centres)


def rbf_backward(
    dy: FloatArray, x: FloatArray, centres: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `rbf`.

    ``dx[n,d] = sum over k of 2 * dy[n,k] * (x[n,d] - c[k,d])`` and
    ``dcentres[k,d] = sum over n of 2 * dy[n,k] * (c[k,d] - x[n,d])``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, K)
        Gradient of the loss with respect to the output.
    x : ndarray of float32, shape (N, D)
    centres : ndarray of float32, shape (K, D)

    Returns
    -------
    dx : ndarray of float32, shape (N, D)
    dcentres : ndarray of float32, shape (K, D)

    Raises
    ------
    TypeError, ValueError
        As `rbf`.
    """
    return of(dy).ops.rbf_backward(dy, x, centres)
