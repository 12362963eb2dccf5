"""2-D convolution and its gradients."""

from __future__ import annotations

from pycnn import _core
from pycnn.backends import of
from pycnn.backends.types import FloatArray, Padding, Pair, Places, Shape4

__all__ = [
    "conv2d",
    "conv2d_algorithm",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_relu",
]


def conv2d(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray:
    """Slide filters over images: the 2-D cross-correlation that networks call convolution.

    With zeros outside the image, and k in the g-th of `groups` equal groups of filters,

    ``y[n,k,p,q] = b[k] + sum over c,r,s of
    w[k,c,r,s] * x[n, g*C/groups + c, p*stride + r*dilation - top, q*stride + s*dilation - left]``

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    w : ndarray of float32, shape (K, C / groups, R, S)
        Filters.
    b : ndarray of float32, shape (K,), optional
        Bias of each filter.
    stride, dilation : int or (int, int)
        Step between outputs, and between the filter's taps, in pixels (height, width); at least 1.
    padding : int, (int, int), (int, int, int, int), 'valid' or 'same'
        Rows and columns of zeros: all sides, (height, width), or (top, bottom, left, right).
        'valid' means none. 'same' makes the output ceil(H / stride) x ceil(W / stride); an odd
        row or column of zeros is added at the bottom or right.
    groups : int
        Divides channels and filters into groups that do not see each other.

    Returns
    -------
    ndarray of float32, shape (N, K, P, Q)
        ``P = (H + top + bottom - dilation * (R - 1) - 1) // stride + 1``, Q likewise.

    Raises
    ------
    TypeError
        An array is not float32, or a geometry argument not an integer.
    ValueError
        Shapes or geometry do not fit, or an array is not C-contiguous.

    See Also
    --------
    pycnn.reference.conv2d : The same in readable NumPy.

    Notes
    -----
    2 N K P Q (C / groups) R S floating-point operations, by implicit GEMM: patches are packed
    into panels that fit the cache, never stored whole. A tap that meets nothing but padding is left
    out, even if its weight is not finite; one that meets padding for some outputs may be left out
    of those. With n = (C / groups) R S + 1 terms, the error of each output is at most
    ``n u / (1 - n u)`` times ``|x| conv |w| + |b|``, u = 2**-24.

    3 x 3 and 5 x 5 filters with stride and dilation 1 and enough channels use Winograd's tiles of
    4 x 4 and 2 x 2 outputs. These need 25 % and 36 % of the products, but round more: with
    n = C / groups + 22 (5 x 5: 24) the error is at most ``n u / (1 - n u)`` times the tile's
    transforms of |x| and |w| by matrices of absolute values (csrc/convolution.md). With a stride of
    2, tiles of 4 x 4 outputs of 3 x 3 filters need 56 %. ``PYCNN_CONV=gemm`` avoids them.

    References
    ----------
    V. Dumoulin, F. Visin, "A guide to convolution arithmetic for deep learning", 2016.
    N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2002, chapter 3.
    A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.

    Examples
    --------
    >>> x, w = np.ones((1, 1, 3, 3), np.float32), np.ones((1, 1, 2, 2), np.float32)
    >>> pycnn.ops.conv2d(x, w)[0, 0]
    array([[4., 4.],
           [4., 4.]], dtype=float32)
    """
    return of(x).ops.conv2d(x, w, b, stride, padding, dilation, groups)


def conv2d_relu(
    x: FloatArray,
    w: FloatArray,
    b: FloatArray | None = None,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray:
    """Convolve and rectify: ``relu(conv2d(...))``, the same bits without an array in between.

    Its gradients are those of `conv2d` for ``relu_backward(dy, y)``.

    Parameters
    ----------
    x, w, b, stride, padding, dilation, groups
        As in `conv2d`.

    Returns
    -------
    ndarray of float32, shape (N, K, P, Q)
        That of `conv2d`, with 0 for negative numbers; NaN passes.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`.
    """
    return of(x).ops.conv2d_relu(x, w, b, stride, padding, dilation, groups)


def conv2d_algorithm(
    input_shape: Shape4,
    weight_shape: Shape4,
    *,
    direction: str = "forward",
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> str:
    """Tell which algorithm computes a convolution or one of its gradients.

    Parameters
    ----------
    input_shape : (N, C, H, W)
        Shape of the images.
    weight_shape : (K, C / groups, R, S)
        Shape of the filters.
    direction : {'forward', 'backward_input', 'backward_weight'}
        Which of the three functions.
    stride, padding, dilation, groups
        As in `conv2d`.

    Returns
    -------
    str
        A name from the table in csrc/convolution.md. The choice depends on the shape, the
        instruction set and ``PYCNN_CONV`` alone. ``PYCNN_CONV=name`` in the environment forces one
        algorithm wherever it can compute the shape.

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; also where `direction` is unknown.
    """
    return _core.conv2d_algorithm(
        input_shape, weight_shape, direction, stride, padding, dilation, groups
    )


def conv2d_backward_input(
    dy: FloatArray,
    w: FloatArray,
    input_shape: Shape4,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> FloatArray:
    """Gradient of `conv2d` with respect to its input: the transposed convolution.

    ``dx[n,c,h,w] = sum of dy[n,k,p,q] * w[k,c,r,s]`` over all k, and all (p,r), (q,s) with
    ``p*stride + r*dilation - top = h`` and ``q*stride + s*dilation - left = w``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, K, P, Q)
        Gradient of the loss with respect to the output.
    w : ndarray of float32, shape (K, C / groups, R, S)
        Filters.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input; several inputs may give the same output shape.
    stride, padding, dilation, groups
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; also where `dy` is not of the shape that the forward pass gives.

    Notes
    -----
    A stride of s splits dx into s * s interleaved grids, each a stride-1 correlation of dy with
    the taps that reach it; no inserted zero is multiplied. Winograd's tiles, and their rounding,
    are as in `conv2d`, with K / groups for C / groups.
    """
    return of(dy).ops.conv2d_backward_input(dy, w, input_shape, stride, padding, dilation, groups)


def conv2d_backward_weight(
    dy: FloatArray,
    x: FloatArray,
    weight_shape: Shape4,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    out: Places | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Gradients of `conv2d` with respect to its filters and bias.

    ``dw[k,c,r,s] = sum over n,p,q of dy[n,k,p,q] * x[n, c, p*stride + r*dilation - top, ...]``
    and ``db[k] = sum over n,p,q of dy[n,k,p,q]``.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, K, P, Q)
        Gradient of the loss with respect to the output.
    x : ndarray of float32, shape (N, C, H, W)
        Input of the forward pass.
    weight_shape : (K, C / groups, R, S)
        Shape of the filters.
    stride, padding, dilation, groups
        As in the forward pass.
    out : (ndarray or None, ndarray or None), optional
        Arrays that receive `dw` and `db` (old content is overwritten) and are returned; None means
        a new array.

    Returns
    -------
    dw : ndarray of float32, shape (K, C / groups, R, S)
    db : ndarray of float32, shape (K,)

    Raises
    ------
    TypeError, ValueError
        As `conv2d`; also where `dy` is not of the shape that the forward pass gives, or an array of
        `out` is read-only or shares memory with another one.

    Notes
    -----
    The shape alone decides how the sums are cut, and the parts are added in order, so the result
    does not depend on the number of threads. 3 x 3 and 5 x 5 filters may use Winograd's tiles here,
    too: csrc/convolution.md gives the bound of their rounding.
    """
    return of(dy).ops.conv2d_backward_weight(
        dy, x, weight_shape, stride, padding, dilation, groups, out
    )
