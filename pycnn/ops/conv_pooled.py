"""Convolution, ReLU and max pooling in one op, and its gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import AnyArray, FloatArray, Padding, Pair, Places

__all__ = ["conv2d_relu_max_pool2d", "conv2d_relu_max_pool2d_backward"]


def conv2d_relu_max_pool2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    window: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[FloatArray, AnyArray]:
    """Convolve, rectify and keep the largest element of each window.

    ``max_pool2d(relu(conv2d(x, w, b)), window)``, to the last bit if the weights are finite (see
    the notes of `conv2d`). Where the images of the batch run in the lanes of the processor, the
    output of the convolution is never stored whole, and only one byte for each output is kept for
    the gradients.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    w : ndarray of float32, shape (K, C / groups, R, S)
        Filters.
    b : ndarray of float32, shape (K,), optional
        Bias of each filter.
    window : int or (int, int)
        Height and width of the windows, which lie side by side: it is their step, too. Rows and
        columns that do not fill a window are left out.
    stride, padding, dilation, groups
        Of the convolution, as in `conv2d`.

    Returns
    -------
    y : ndarray of float32, shape (N, K, P, Q)
        P and Q are the convolution's height and width divided by the window's, rounded down.
    winners : ndarray
        Which element of each window won, for `conv2d_relu_max_pool2d_backward`. Its shape, dtype
        and numbers depend on the algorithm and the instruction set.

    Raises
    ------
    TypeError
        An array is not float32, or a geometry argument not an integer.
    ValueError
        Shapes or geometry do not fit, or an array is not C-contiguous.

    Notes
    -----
    As in the separate ops, NaN passes, the first of equal maxima wins, and the gradient of the ReLU
    is zero where its output is zero.
    """
    return of(x).ops.conv2d_relu_max_pool2d(x, w, b, window, stride, padding, dilation, groups)


def conv2d_relu_max_pool2d_backward(
    dy: FloatArray,
    winners: AnyArray,
    x: FloatArray,
    w: FloatArray,
    *,
    window: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    input_gradient: bool = True,
    out: Places | None = None,
) -> tuple[FloatArray | None, FloatArray, FloatArray]:
    """Gradients of `conv2d_relu_max_pool2d` with respect to input, filters and bias.

    They are those of `conv2d` for an output gradient that is ``dy`` at each window's winner, if
    the winner is above zero, and zero elsewhere.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, K, P, Q)
        Gradient of the loss with respect to the output.
    winners : ndarray
        As returned by the forward pass. A byte that is not a position in the window gets no
        gradient.
    x : ndarray of float32, shape (N, C, H, W)
        Input of the forward pass.
    w : ndarray of float32, shape (K, C / groups, R, S)
        Filters.
    window, stride, padding, dilation, groups
        As in the forward pass.
    input_gradient : bool
        Whether `dx` is wanted.
    out : (ndarray or None, ndarray or None), optional
        Arrays that receive `dw` and `db` (old content is overwritten) and are returned; None means
        a new array.

    Returns
    -------
    dx : ndarray of float32, shape (N, C, H, W), or None
    dw : ndarray of float32, shape (K, C / groups, R, S)
    db : ndarray of float32, shape (K,)

    Raises
    ------
    TypeError, ValueError
        As the forward pass; also where `dy` or `winners` is not of its shape, or comes from a
        forward pass with another instruction set, or an array of `out` is read-only or shares
        memory with another one.

    Notes
    -----
    To the last bit the gradients of the three ops, while `x` and `w` are finite. An infinity or a
    NaN of `x` times a gradient of zero makes a NaN in `dw` there, and may be left out here.
    """
    return of(dy).ops.conv2d_relu_max_pool2d_backward(
        dy, winners, x, w, window, stride, padding, dilation, groups, input_gradient, out
    )
