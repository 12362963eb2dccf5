"""Upsampling and zero padding of images, with their gradients."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, Pair, Shape4, Sides

__all__ = ["upsample2d", "upsample2d_backward", "zero_pad2d", "zero_pad2d_backward"]


def upsample2d(
    x: FloatArray, scale_factor: Pair, mode: str = "nearest", align_corners: bool = False
) -> FloatArray:
    """Enlarge images by whole numbers, with PyTorch's rules.

    'nearest' repeats each pixel: ``y[n,c,p,q] = x[n, c, p // scale, q // scale]``. 'bilinear'
    interpolates between the two nearest rows and columns,

    ``y[n,c,p,q] = sum over i,j of a[p,i] * b[q,j] * x[n,c,i,j]``,

    where row p lies at ``max((p + 0.5) / scale - 0.5, 0)``, or with `align_corners` at
    ``p * (H - 1) / (P - 1)``, and shares its weight of 1 between the rows on both sides; columns
    likewise.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    scale_factor : int or (int, int)
        Factor of height and width.
    mode : {'nearest', 'bilinear'}
        See above.
    align_corners : bool
        Only for 'bilinear': whether the centres of the corner pixels of x and y coincide, instead
        of the corners of the images.

    Returns
    -------
    ndarray of float32, shape (N, C, H * scale, W * scale)

    Raises
    ------
    TypeError
        A wrong dtype, or factors that are not integers.
    ValueError
        A factor below 1, an unknown mode, or an array that is not C-contiguous.
    """
    return of(x).ops.upsample2d(x, scale_factor, mode, align_corners)


def upsample2d_backward(
    dy: FloatArray,
    input_shape: Shape4,
    scale_factor: Pair,
    mode: str = "nearest",
    align_corners: bool = False,
) -> FloatArray:
    """Gradient of `upsample2d`: each pixel adds up its shares of the output.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, H * scale, W * scale)
        Gradient of the loss with respect to the output.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input.
    scale_factor, mode, align_corners
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `upsample2d`; also where `dy` is not of the shape that the forward pass gives.
    """
    return of(dy).ops.upsample2d_backward(dy, input_shape, scale_factor, mode, align_corners)


def zero_pad2d(x: FloatArray, padding: Sides) -> FloatArray:
    """Put rows and columns of zeros around images.

    Parameters
    ----------
    x : ndarray of float32, shape (N, C, H, W)
        Images. N may be 0.
    padding : int, (int, int) or (int, int, int, int)
        All sides, (height, width), or (top, bottom, left, right), in pixels; the order of
        `conv2d`, which is not PyTorch's.

    Returns
    -------
    ndarray of float32, shape (N, C, top + H + bottom, left + W + right)

    Raises
    ------
    TypeError
        A wrong dtype, or padding that is not of integers.
    ValueError
        Negative padding, or an array that is not C-contiguous.
    """
    return of(x).ops.zero_pad2d(x, padding)


def zero_pad2d_backward(dy: FloatArray, input_shape: Shape4, padding: Sides) -> FloatArray:
    """Gradient of `zero_pad2d`: the part of `dy` that is not padding.

    Parameters
    ----------
    dy : ndarray of float32, shape (N, C, top + H + bottom, left + W + right)
        Gradient of the loss with respect to the output.
    input_shape : (N, C, H, W)
        Shape of the forward pass's input.
    padding
        As in the forward pass.

    Returns
    -------
    ndarray of float32, shape (N, C, H, W)

    Raises
    ------
    TypeError, ValueError
        As `zero_pad2d`; also where `dy` is not of the shape that the forward pass gives.
    """
    return of(dy).ops.zero_pad2d_backward(dy, input_shape, padding)
