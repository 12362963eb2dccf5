"""Fully connected layer and its gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, Places

__all__ = [
    "linear",
    "linear_backward",
    "linear_backward_input",
    "linear_backward_weight",
    "linear_relu",
]


def linear(x: FloatArray, w: FloatArray, b: FloatArray | None = None) -> FloatArray:
    """Multiply by a weight matrix: ``y[n,j] = b[j] + sum over i of w[j,i] * x[n,i]``.

    Parameters
    ----------
    x : ndarray of float32, shape (N, in)
        N may be 0.
    w : ndarray of float32, shape (out, in)
    b : ndarray of float32, shape (out,), optional

    Returns
    -------
    ndarray of float32, shape (N, out)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, shapes that do not fit, or an array that is not C-contiguous.

    Notes
    -----
    2 N in out floating-point operations.
    """
    return of(x).ops.linear(x, w, b)


def linear_relu(x: FloatArray, w: FloatArray, b: FloatArray | None = None) -> FloatArray:
    """Multiply and rectify: ``relu(linear(x, w, b))``, the same bits without an array in between.

    Its gradients are those of `linear` for ``relu_backward(dy, y)``.

    Parameters
    ----------
    x, w, b
        As in `linear`.

    Returns
    -------
    ndarray of float32, shape (N, out)
        That of `linear`, with 0 for negative numbers; NaN passes.

    Raises
    ------
    TypeError, ValueError
        As `linear`.
    """
    return of(x).ops.linear_relu(x, w, b)


def linear_backward_input(dy: FloatArray, w: FloatArray) -> FloatArray:
    """Gradient of `linear` with respect to its input: ``dx[n,i] = sum over j of dy[n,j] * w[j,i]``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, out)
    w : ndarray of float32, shape (out, in)

    Returns
    -------
    ndarray of float32, shape (N, in)

    Raises
    ------
    TypeError, ValueError
        As `linear`.
    """
    return of(dy).ops.linear_backward_input(dy, w)


def linear_backward_weight(
    dy: FloatArray, x: FloatArray, *, out: Places | None = None
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `linear` with respect to its weight and bias.

    ``dw[j,i] = sum over n of dy[n,j] * x[n,i]`` and ``db[j] = sum over n of dy[n,j]``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, out)
    x : ndarray of float32, shape (N, in)
    out : (ndarray or None, ndarray or None), optional
        Arrays that receive `dw` and `db` (old content is overwritten) and are returned; None means
        a new array.

    Returns
    -------
    dw : ndarray of float32, shape (out, in)
    db : ndarray of float32, shape (out,)

    Raises
    ------
    TypeError, ValueError
        As `linear`; also where an array of `out` is read-only, or shares memory with another one.
    """
    return of(dy).ops.linear_backward_weight(dy, x, out)


def linear_backward(
    dy: FloatArray, x: FloatArray, w: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """All gradients of `linear`: (dx, dw, db), as its two other gradient functions give them.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, out)
    x : ndarray of float32, shape (N, in)
    w : ndarray of float32, shape (out, in)

    Returns
    -------
    dx : ndarray of float32, shape (N, in)
    dw : ndarray of float32, shape (out, in)
    db : ndarray of float32, shape (out,)

    Raises
    ------
    TypeError, ValueError
        As `linear`.
    """
    return linear_backward_input(dy, w), *linear_backward_weight(dy, x)
