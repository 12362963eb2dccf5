"""Two-dimensional transposed convolution."""

from __future__ import annotations

from typing import Any

from pycnn import init, ops
from pycnn._arguments import choice, flag, integer, pair
from pycnn.layers.images import check_channels
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter, Shape, add_bias_gradient


class ConvTranspose2d(Module):
    """Transposed convolution, which enlarges images; see `pycnn.ops.conv_transpose2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K; both must be divisible by `groups`.
    kernel_size : int or (int, int)
        Filter height R and width S.
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
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, int] = 0,
        output_padding: int | tuple[int, int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, int] = 1,
        padding_mode: str = "zeros",
        *,
        rng: init.Rng = None,
    ) -> None:
        name = "ConvTranspose2d"
        choice(name, "padding_mode", padding_mode, ("zeros",))
        self.in_channels = integer(name, "in_channels", in_channels, 1)
        self.out_channels = integer(name, "out_channels", out_channels, 1)
        self.groups = integer(name, "groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"[{name}] groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        self.kernel_size = pair(name, "kernel_size", kernel_size, 1)
        self.stride = pair(name, "stride", stride, 1)
        self.padding = pair(name, "padding", padding, 0)
        self.output_padding = pair(name, "output_padding", output_padding, 0)
        self.dilation = pair(name, "dilation", dilation, 1)
        for extra, limits in zip(
            self.output_padding, zip(self.stride, self.dilation, strict=True), strict=True
        ):
            if extra >= max(limits):
                raise ValueError(
                    f"[{name}] output_padding must be less than the stride or the dilation, "
                    f"got {output_padding}"
                )

        self._shape = (self.in_channels, out_channels // groups, *self.kernel_size)
        generator = init.generator(rng, "ConvTranspose2d")
        bound = init.default_bound(self._shape)
        self.weight = Parameter(init.uniform(self._shape, bound, generator))
        self.bias = (
            Parameter(init.uniform((out_channels,), bound, generator))
            if flag(name, "bias", bias)
            else None
        )
        self._geometry: dict[str, Any] = {
            "stride": self.stride,
            "padding": self.padding,
            "output_padding": self.output_padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def forward(self, x: Array) -> Array:
        """Enlarge: (N, C, H, W) to (N, K, P, Q)."""
        check_channels(x, self.in_channels)
        bias = None if self.bias is None else self.bias.data
        y = ops.conv_transpose2d(x, self.weight.data, bias, **self._geometry)
        self.save_for_backward(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        (x,) = self.saved()
        dx = ops.conv_transpose2d_backward_input(dy, self.weight.data, x.shape, **self._geometry)
        self._accumulate(dy, x)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self._accumulate(dy, *self.saved())

    def _accumulate(self, dy: Array, x: Array) -> None:
        if not self.weight.requires_grad:
            add_bias_gradient(self.bias, dy)
            return
        dw, db = ops.conv_transpose2d_backward_weight(dy, x, self._shape, **self._geometry)
        self.weight.accumulate(dw)
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N H W C (K / groups) R S."""
        n, _, h, w = input_shape
        return 2 * n * h * w * self.weight.numel()

    def _arguments(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, default in (
            ("stride", (1, 1)),
            ("padding", (0, 0)),
            ("output_padding", (0, 0)),
            ("groups", 1),
            ("dilation", (1, 1)),
        ):
            if (value := getattr(self, name)) != default:
                text += f", {name}={value}"
        return text + (", bias=False" if self.bias is None else "")
