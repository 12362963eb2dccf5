"""Convolution and transposed convolution of signals: those of images of one row."""

from __future__ import annotations

from typing import Any

from pycnn import init
from pycnn.layers.conv import Convolution
from pycnn.layers.conv_transpose import TransposedConvolution


class Conv1d(Convolution):
    """Convolution of a batch of signals with K learned filters, such as words or samples in time.

    ``y[n,k,q] = bias[k] + sum over c,r of x[n, c, q stride + r dilation - padding] w[k,c,r]``,
    where x is zero beyond its ends: `pycnn.ops.conv2d` on images of one row, which are the same
    memory. The input is (N, C, L), or (C, L) without the batch axis; the output (N, K, Q) or
    (K, Q), ``Q = floor((L + 2 padding - dilation (R - 1) - 1) / stride) + 1``.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K; both must be divisible by `groups`.
    kernel_size : int
        Length R of a filter; here and below, (int,) is taken for int.
    stride : int
        Step between positions.
    padding : int, 'valid' or 'same'
        Zeros at both ends; 'same' gives ceil(L / stride) outputs.
    dilation : int
        Distance between the taps of the filter.
    groups : int
        Independent groups of channels.
    bias : bool
        Whether to add a learned number to each output channel.
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}
        What the padding holds; see `Conv2d`.
    device, dtype : optional
        Only None, 'cpu' and float32.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(n)) with n = C / groups R.

    Attributes
    ----------
    weight : Parameter, (K, C / groups, R)
        Filters.
    bias : Parameter, (K,), or None
        Offsets.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if the input does not fit.
    """

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] | str = 0,
        dilation: int | tuple[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
            None,
            rng,
        )


class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution, which makes signals longer; see `pycnn.ops.conv_transpose2d`.

    ``y[n,k,q] = bias[k] + sum over c,l,r of x[n,c,l] w[c,k,r]`` over the l and r with
    ``l stride + r dilation - padding = q``. The input is (N, C, L), or (C, L) without the batch
    axis; the output has the length
    ``Q = (L - 1) stride - 2 padding + dilation (R - 1) + output_padding + 1``.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K; both must be divisible by `groups`.
    kernel_size : int
        Length R of a filter; here and below, (int,) is taken for int.
    stride : int
        Step between the windows in the output.
    padding : int
        Numbers that are cut off the output at both ends.
    output_padding : int
        Numbers more at the end; less than the stride or the dilation.
    groups : int
        Independent groups of channels.
    bias : bool
        Whether to add a learned number to each output channel.
    dilation : int
        Distance between the taps of the filter.
    padding_mode : str
        Only 'zeros'.
    device, dtype : optional
        Only None, 'cpu' and float32.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(K / groups R)).

    Attributes
    ----------
    weight : Parameter, (C, K / groups, R)
        Filters.
    bias : Parameter, (K,), or None
        Offsets.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if the input does not fit.
    """

    axes = 1

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int],
        stride: int | tuple[int] = 1,
        padding: int | tuple[int] = 0,
        output_padding: int | tuple[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int] = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            bias,
            dilation,
            padding_mode,
            device,
            dtype,
            rng,
        )
