"""Max and average pooling and their gradients, with PyTorch's rules."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, IndexArray, Pair, Shape4

__all__ = ["avg_pool2d", "avg_pool2d_backward", "max_pool2d", "max_pool2d_backward"]


def max_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> tuple[FloatArray, IndexArray]:
    """Keep the largest element of each window.

    ``y[n,c,p,q] = max over r,s of
    x[n, c, p*stride + r*dilation - pad, q*stride + s*dilation - pad]``
    over the elements inside the plane: padding is minus infinity. The first maximum wins; a NaN
    in the window wins over every number.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    kernel_size : int or (int, int)
        Window in pixels (height, width).
    stride : int or (int, int), optional
        Step between windows; the window's size by default.
    padding : int or (int, int)
        Rows and columns around the plane; at most half of `kernel_size`.
    dilation : int or (int, int)
        Step between a window's elements.
    ceil_mode : bool
        Also use a last window that does not fit whole, unless it would start in the padding.

    Returns
    -------
    y : ndarray of float32, shape (N, C, P, Q)
        ``P = (H + 2 pad - dilation * (kernel - 1) - 1) / stride + 1``, rounded down, or up with
        `ceil_mode`; Q likewise.
    indices : ndarray of int32, shape (N, C, P, Q)
        Position ``h * W + w`` of each maximum in its plane, for `max_pool2d_backward`.

    Raises
    ------
    TypeError
        The array is not float32, or a geometry argument not an integer.
    ValueError
        The window does not fit, or the array is not C-contiguous.
    """
    return of(x).ops.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode)


def max_pool2d_backward(dy: FloatArray, indices: IndexArray, input_shape: Shape4) -> FloatArray:
    """Gradient of `max_pool2d`: each element goes to where its maximum came from.

    ``dx[n, c, indices[n,c,p,q]] += dy[n,c,p,q]``, and zero elsewhere.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, P, Q)
        Gradient of the loss with respect to the output.
    indices : ndarray of int32, shape (N, C, P, Q)
        As returned by `max_pool2d`.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, shapes that do not fit, or an index outside the plane.
    """
    return of(dy).ops.max_pool2d_backward(dy, indices, input_shape)


def avg_pool2d(
    x: FloatArray,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> FloatArray:
    """Average each window.

    ``y[n,c,p,q] = (sum of the window's elements inside the plane) / divisor``

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    kernel_size, stride, padding, ceil_mode
        As in `max_pool2d`.
    count_include_pad : bool
        Whether the divisor counts the window's elements in the padding as well, or only those in
        the plane. Elements of a `ceil_mode` window beyond the padding never count.
    divisor_override : int, optional
        Number to divide by instead of the count.

    Returns
    -------
    ndarray of float32, shape (N, C, P, Q)

    Raises
    ------
    TypeError, ValueError
        As `max_pool2d`; also for a divisor of zero.
    """
    return of(x).ops.avg_pool2d(
        x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool2d_backward(
    dy: FloatArray,
    input_shape: Shape4,
    kernel_size: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> FloatArray:
    """Gradient of `avg_pool2d`: each element is spread evenly over its window.

    ``dx[n,c,h,w] = sum of dy[n,c,p,q] / divisor[p,q]`` over the windows that hold (h, w).

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, P, Q)
        Gradient of the loss with respect to the output.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input.
    kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `avg_pool2d`; also where `dy` is not of the shape that the forward pass gives.
    """
    return of(dy).ops.avg_pool2d_backward(
        dy,
        input_shape,
        kernel_size,
        stride,
        padding,
        ceil_mode,
        count_include_pad,
        divisor_override,
    )
