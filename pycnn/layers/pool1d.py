"""Pooling of signals: that of images of one row."""

from __future__ import annotations

from pycnn.layers.adaptive_pool import AdaptiveAvgPool, AdaptiveMaxPool
from pycnn.layers.pool import AvgPool, MaxPool

_Length = int | tuple[int]


class MaxPool1d(MaxPool):
    """Maximum of each window of signals (N, C, L), or (C, L); see `pycnn.ops.max_pool2d`.

    ``y[n,c,q] = max over r of x[n, c, q stride + r dilation - padding]``, with
    ``Q = floor((L + 2 padding - dilation (R - 1) - 1) / stride) + 1``.

    Parameters
    ----------
    kernel_size : int
        Length R of the window; here and below, (int,) is taken for int.
    stride : int, optional
        Step between windows; the window itself by default.
    padding : int
        Border that never wins; at most half of the window.
    dilation : int
        Distance between the elements of a window.
    return_indices : bool
        Whether a tensor also gives the position of each maximum, for which see `MaxPool2d`.
    ceil_mode : bool
        Whether a last, incomplete window counts.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    axes = 1

    def __init__(
        self,
        kernel_size: _Length,
        stride: _Length | None = None,
        padding: _Length = 0,
        dilation: _Length = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, return_indices, ceil_mode)


class AvgPool1d(AvgPool):
    """Mean of each window of signals (N, C, L), or (C, L); see `pycnn.ops.avg_pool2d`.

    ``y[n,c,q] = sum over r of x[n, c, q stride + r - padding] / R``, with
    ``Q = floor((L + 2 padding - R) / stride) + 1``.

    Parameters
    ----------
    kernel_size : int
        Length R of the window; here and below, (int,) is taken for int.
    stride : int, optional
        Step between windows; the window itself by default.
    padding : int
        Border of zeros; at most half of the window.
    ceil_mode : bool
        Whether a last, incomplete window counts.
    count_include_pad : bool
        Whether the border counts in the number to divide by.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    axes = 1

    def __init__(
        self,
        kernel_size: _Length,
        stride: _Length | None = None,
        padding: _Length = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Mean of windows that share signals (N, C, L) out; see `pycnn.ops.adaptive_avg_pool2d`.

    Window q of Q goes from ``floor(q L / Q)`` to ``ceil((q + 1) L / Q)``.

    Parameters
    ----------
    output_size : int or None
        Length Q of the output; None keeps that of the input.

    Raises
    ------
    TypeError, ValueError
        If `output_size` is not as above.
    """

    axes = 1


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """Maximum of windows that share signals (N, C, L) out; see `pycnn.ops.adaptive_max_pool2d`.

    Window q of Q goes from ``floor(q L / Q)`` to ``ceil((q + 1) L / Q)``.

    Parameters
    ----------
    output_size : int or None
        Length Q of the output; None keeps that of the input.
    return_indices : bool
        Only False.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    axes = 1
