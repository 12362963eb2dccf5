"""2-D transposed convolution and its gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, Pair, Shape4

__all__ = [
    "conv_transpose2d",
    "conv_transpose2d_backward_input",
    "conv_transpose2d_backward_weight",
]


def conv_transpose2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray:
    """Spread each pixel over a window: the transpose of the map that `conv2d` is.

    ``y[n,k,i,j] = b[k] + sum of x[n,c,h,v] * w[c,k,r,s]`` over the channels c of the group of k
    and all (h,r), (v,s) with ``h*stride + r*dilation - padding = i`` and
    ``v*stride + s*dilation - padding = j``

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    w : ndarray of float32, shape (C, K / groups, R, S)
        Filters; channels of the input first.
    b : ndarray of float32, shape (K,), optional
        Bias of each output channel.
    stride, dilation : int or (int, int)
        Step between the windows, and between the filter's taps, in output pixels; at least 1.
    padding : int or (int, int)
        Rows and columns that are removed from each side of the output.
    output_padding : int or (int, int)
        Additional rows and columns at the bottom and right, fewer than the stride or the dilation.
        `conv2d` gives one output size for several input sizes; this chooses among them.
    groups : int
        Divides both kinds of channels into groups that do not see each other.

    Returns
    -------
    ndarray of float32, shape (N, K, P, Q)
        ``P = (H - 1) * stride - 2 * padding + dilation * (R - 1) + 1 + output_padding``, Q
        likewise.

    Raises
    ------
    TypeError
        An array is not float32, or a geometry argument not an integer.
    ValueError
        Shapes or geometry do not fit, or an array is not C-contiguous.

    Notes
    -----
    2 N H W C (K / groups) R S floating-point operations: `conv2d_backward_input` with x in the
    place of the gradient, so no inserted zero is multiplied.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", 2016, chapter 4.
    """
    return of(x).ops.conv_transpose2d(x, w, b, stride, padding, output_padding, dilation, groups)


def conv_transpose2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    input_shape: Shape4,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray:
    """Gradient of `conv_transpose2d` with respect to its input: a convolution.

    ``dx[n,c,h,v] = sum over k,r,s of w[c,k,r,s] * dy[n, k, h*stride + r*dilation - padding, ...]``

    Parameters
    ----------
    dy : ndarray of float32, shape (N, K, P, Q)
        Gradient of the loss with respect to the output.
    w : ndarray of float32, shape (C, K / groups, R, S)
        Filters.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input.
    stride, padding, output_padding, dilation, groups
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `conv_transpose2d`; also where `dy` is not of the shape that the forward pass gives.
    """
    return of(dy).ops.conv_transpose2d_backward_input(
        dy, w, input_shape, stride, padding, output_padding, dilation, groups
    )


def conv_transpose2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    weight_shape: Shape4,
    *,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `conv_transpose2d` with respect to its filters and bias.

    ``dw[c,k,r,s] = sum over n,h,v of x[n,c,h,v] * dy[n, k, h*stride + r*dilation - padding, ...]``
    and ``db[k] = sum over n,p,q of dy[n,k,p,q]``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, K, P, Q)
        Gradient of the loss with respect to the output.
    x : ndarray of float32, shape (N, C, H, W)
        Input of the forward pass.
    weight_shape : (C, K / groups, R, S)
        Shape of the filters.
    stride, padding, output_padding, dilation, groups
        As in the forward pass.

    Returns
    -------
    dw : ndarray of float32, shape (C, K / groups, R, S)
    db : ndarray of float32, shape (K,)

    Raises
    ------
    TypeError, ValueError
        As `conv_transpose2d`; also where `dy` is not of the shape that the forward pass gives.
    """
    return of(dy).ops.conv_transpose2d_backward_weight(
        dy, x, weight_shape, stride, padding, output_padding, dilation, groups
    )
