"""Average and maximum pooling to a given output size."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, IndexArray, Pair, Shape4

__all__ = ["adaptive_avg_pool2d", "adaptive_avg_pool2d_backward", "adaptive_max_pool2d"]


def adaptive_avg_pool2d(x: FloatArray, output_size: Pair) -> FloatArray:
    """Average windows that cover the image, one for each pixel of the output.

    ``y[n,c,p,q] = mean of x[n,c,h,w]`` over ``floor(p H / P) <= h < ceil((p + 1) H / P)``, and w
    likewise

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    output_size : int or (int, int)
        P and Q; 1 is the mean of the whole plane. They may be larger than H and W.

    Returns
    -------
    ndarray of float32, shape (N, C, P, Q)

    Raises
    ------
    TypeError
        The array is not float32, or `output_size` is not an integer or two.
    ValueError
        A size below 1, or an array that is not C-contiguous.

    Notes
    -----
    Where P divides H and Q divides W this is `avg_pool2d` with windows of H / P by W / Q; otherwise
    windows differ by one in size, and neighbours may share a row or column.
    """
    return of(x).ops.adaptive_avg_pool2d(x, output_size)


def adaptive_avg_pool2d_backward(dy: FloatArray, input_shape: Shape4) -> FloatArray:
    """Gradient of `adaptive_avg_pool2d`: each element is spread evenly over its window.

    ``dx[n,c,h,w] = sum of dy[n,c,p,q] / (size of window (p,q))`` over the windows that hold (h, w).

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, P, Q)
        Gradient of the loss with respect to the output.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `adaptive_avg_pool2d`; also where `dy` does not fit `input_shape`.
    """
    return of(dy).ops.adaptive_avg_pool2d_backward(dy, input_shape)


def adaptive_max_pool2d(x: FloatArray, output_size: Pair) -> tuple[FloatArray, IndexArray]:
    """Keep the largest element of each window of `adaptive_avg_pool2d`.

    The first maximum wins; a NaN in the window wins over every number. The gradient is
    `max_pool2d_backward`.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    output_size : int or (int, int)
        P and Q.

    Returns
    -------
    y : ndarray of float32, shape (N, C, P, Q)
    indices : ndarray of int32, shape (N, C, P, Q)
        Position ``h * W + w`` of each maximum in its plane, for `max_pool2d_backward`.

    Raises
    ------
    TypeError, ValueError
        As `adaptive_avg_pool2d`.
    """
    return of(x).ops.adaptive_max_pool2d(x, output_size)
