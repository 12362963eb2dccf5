"""Transposed convolution of images and of signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pycnn import init, ops
from pycnn._arguments import choice, flag, integer, placement, sizes
from pycnn.layers.conv import AnyConvolution
from pycnn.layers.images import axes_hint, signal_hint
from pycnn.layers.parameter import (
    Array,
    Parameter,
    Shape,
    add_bias_gradient,
    check_gradient,
    shaped,
)


class TransposedConvolution(AnyConvolution):
    """What `ConvTranspose2d` and `ConvTranspose1d` share: parameters, and the passes on images."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        dilation: Any,
        padding_mode: str,
        device: Any,
        dtype: Any,
        rng: init.Rng,
    ) -> None:
        name = type(self).__name__
        choice(name, "padding_mode", padding_mode, ("zeros",))
        placement(name, device, dtype)
        self.in_channels = integer(name, "in_channels", in_channels, 1)
        self.out_channels = integer(name, "out_channels", out_channels, 1)
        self.groups = integer(name, "groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"[{name}] groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        self.kernel_size = self._numbers("kernel_size", kernel_size, 1)
        self.stride = self._numbers("stride", stride, 1)
        self.padding = self._numbers("padding", padding, 0)
        self.output_padding = self._numbers("output_padding", output_padding, 0)
        self.dilation = self._numbers("dilation", dilation, 1)
        for extra, limits in zip(
            self.output_padding, zip(self.stride, self.dilation, strict=True), strict=True
        ):
            if extra >= max(limits):
                raise ValueError(
                    f"[{name}] output_padding must be less than the stride or the dilation, "
                    f"got {output_padding}"
                )

        taps = self._for_images(self.kernel_size, 1)
        self._shape = (self.in_channels, out_channels // groups, *taps)
        generator = init.generator(rng, name)
        bound = init.default_bound(self._shape)
        shape = (*self._shape[:2], *self.kernel_size)
        self.weight = Parameter(init.uniform(shape, bound, generator))
        self.bias = (
            Parameter(init.uniform((out_channels,), bound, generator))
            if flag(name, "bias", bias)
            else None
        )
        self._geometry: dict[str, Any] = {
            "stride": self._for_images(self.stride, 1),
            "padding": self._for_images(self.padding, 0),
            "output_padding": self._for_images(self.output_padding, 0),
            "dilation": self._for_images(self.dilation, 1),
            "groups": self.groups,
        }

    def forward(self, x: Array, output_size: Sequence[int] | None = None) -> Array:
        """Enlarge: (N, C, H, W) to (N, K, P, Q), or (N, C, L) to (N, K, Q).

        `output_size` is (P, Q), or the shape of an output; the output padding follows from it.
        """
        self._check(np.shape(x))
        images = self.as_images(x)
        bias = None if self.bias is None else self.bias.data
        geometry = self._geometry
        if output_size is not None:
            geometry = {**geometry, "output_padding": self._padding_for(output_size, images.shape)}
        y = ops.conv_transpose2d(images, self._filters(), bias, **geometry)
        self.save_for_backward(images, geometry)
        return self.from_images(y, x.ndim)

    def _padding_for(self, output_size: Sequence[int], shape: Shape) -> tuple[int, int]:
        """Return the output padding with which images of a shape become as large as wanted."""
        wanted = sizes(type(self).__name__, "output_size", output_size)[-self.axes :]
        least = tuple(
            (n - 1) * stride - 2 * cut + gap * (taps - 1) + 1
            for n, stride, cut, gap, taps in zip(
                shape[-self.axes :], self.stride, self.padding, self.dilation, self.kernel_size,
                strict=True,
            )
        )  # fmt: skip
        extra = tuple(size - low for size, low in zip(wanted, least, strict=False))
        if len(extra) < self.axes or any(
            not 0 <= n < step for n, step in zip(extra, self.stride, strict=True)
        ):
            most = tuple(low + step - 1 for low, step in zip(least, self.stride, strict=True))
            raise ValueError(f"output_size must be from {least} to {most}, got {wanted}")
        return self._for_images(extra, 0)

    def _check(self, shape: Shape) -> None:
        """Raise ValueError unless inputs have this shape, with or without the batch axis."""
        channels, axes = self.in_channels, self.axes
        if len(shape) in (axes + 1, axes + 2) and shape[-1 - axes] == channels:
            return
        if axes == 2:
            text = f"(N, {channels}, H, W), input was {shape}{axes_hint(shape, channels)}"
        else:
            text = (
                f"(N, {channels}, L) or ({channels}, L), input was {shape}"
                f"{signal_hint(shape, channels)}"
            )
        raise ValueError(f"expects {text}")

    def _filters(self) -> Array:
        """Return the filters as (C, K / groups, R, S)."""
        data = self.weight.data
        return data if self.axes == 2 else shaped(type(self).__name__, data, self._shape)

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        x, geometry = self.saved()
        check_gradient(dy)
        ndim, dy = dy.ndim, self.as_images(dy)
        dx = ops.conv_transpose2d_backward_input(dy, self._filters(), x.shape, **geometry)
        self._accumulate(dy, x, geometry)
        return self.from_images(dx, ndim)

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        x, geometry = self.saved()
        self._accumulate(self.as_images(dy), x, geometry)

    def _accumulate(self, dy: Array, x: Array, geometry: dict[str, Any]) -> None:
        if not self.weight.requires_grad:
            add_bias_gradient(self.bias, dy)
            return
        dw, db = ops.conv_transpose2d_backward_weight(dy, x, self._shape, **geometry)
        self.weight.accumulate(dw if self.axes == 2 else dw.reshape(self.weight.shape))
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N H W C (K / groups) R S."""
        return 2 * input_shape[0] * math.prod(input_shape[2:]) * self.weight.numel()

    def _arguments(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, default in (
            ("stride", (1,) * self.axes),
            ("padding", (0,) * self.axes),
            ("output_padding", (0,) * self.axes),
            ("groups", 1),
            ("dilation", (1,) * self.axes),
        ):
            if (value := getattr(self, name)) != default:
                text += f", {name}={value}"
        return text + (", bias=False" if self.bias is None else "")


class ConvTranspose2d(TransposedConvolution):
    """Transposed convolution, which enlarges images; see `pycnn.ops.conv_transpose2d`.

    ``layer(x, output_size=size)`` chooses the output padding of a call, as in PyTorch.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K; both must be divisible by `groups`.
    kernel_size : int or (int, int)
        Filter height R and width S; here and below, (int,) is taken for int.
    stride : int or (int, int)
        Step between the windows in the output.
    padding : int or (int, int)
        Rows and columns that are cut off the output on each side.
    output_padding : int or (int, int)
        Rows and columns more at the bottom and right; less than the stride or the dilation.
    groups : int
        Independent groups of channels.
    bias : bool
        Whether to add a learned number to each output channel.
    dilation : int or (int, int)
        Distance between the taps of the filter.
    padding_mode : str
        Only 'zeros'.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(K / groups R S)).

    Attributes
    ----------
    weight : Parameter, (C, K / groups, R, S)
        Filters.
    bias : Parameter, (K,), or None
        Offsets.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
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
