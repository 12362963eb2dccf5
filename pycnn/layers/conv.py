"""Two-dimensional convolution."""

from __future__ import annotations

from typing import Any

from pycnn import init, ops
from pycnn._arguments import integer, pair
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter, Shape

PADDING_MODES = ("zeros",)


class Conv2d(Module):
    """Convolution of a batch of images with K learned filters; see `pycnn.ops.conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K; both must be divisible by `groups`.
    kernel_size : int or (int, int)
        Filter height R and width S.
    stride : int or (int, int)
        Step between positions.
    padding : int, (h, w), (top, bottom, left, right), 'valid' or 'same'
        Zeros around the image; 'same' gives ceil(size / stride) outputs.
    dilation : int or (int, int)
        Distance between the taps of the filter.
    groups : int
        Independent groups of channels.
    bias : bool
        Whether to add a learned number to each output channel.
    padding_mode : str
        Only 'zeros'.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(C / groups R S)).

    Attributes
    ----------
    weight : Parameter, (K, C / groups, R, S)
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
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        *,
        rng: init.Rng = None,
    ) -> None:
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"[Conv2d] padding_mode must be one of {PADDING_MODES}, got {padding_mode!r}"
            )
        self.in_channels = integer("Conv2d", "in_channels", in_channels, 1)
        self.out_channels = integer("Conv2d", "out_channels", out_channels, 1)
        self.groups = integer("Conv2d", "groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"[Conv2d] groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        self.kernel_size = pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = pair("Conv2d", "stride", stride, 1)
        self.padding = _padding(padding)
        self.dilation = pair("Conv2d", "dilation", dilation, 1)

        self._shape = (self.out_channels, in_channels // groups, *self.kernel_size)
        generator = init.generator(rng)
        bound = init.default_bound(self._shape)
        self.weight = Parameter(init.uniform(self._shape, bound, generator))
        self.bias = Parameter(init.uniform(self._shape[:1], bound, generator)) if bias else None
        self._geometry: dict[str, Any] = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def forward(self, x: Array) -> Array:
        """Convolve: (N, C, H, W) to (N, K, P, Q)."""
        bias = self.bias
        try:
            y = ops.conv2d(
                x, self.weight.data, None if bias is None else bias.data, **self._geometry
            )
        except ValueError:
            if x.ndim == 4:
                raise
            hint = ""
            if x.ndim == 3 and self.in_channels == 1:
                hint = ": grey images need a channel axis, x[:, np.newaxis]"
            elif x.ndim == 3:
                hint = ": a single image needs a batch axis, x[np.newaxis]"
            raise ValueError(
                f"expects (N, {self.in_channels}, H, W), input was {x.shape}{hint}"
            ) from None
        self._save(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and give that of the input."""
        x: Array = self._saved()
        dx = ops.conv2d_backward_input(dy, self.weight.data, x.shape, **self._geometry)
        self._accumulate(dy, x)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self._accumulate(dy, self._saved())

    def _accumulate(self, dy: Array, x: Array) -> None:
        dw, db = ops.conv2d_backward_weight(dy, x, self._shape, **self._geometry)
        self.weight.accumulate(dw)
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N K P Q (C / groups) R S."""
        n, _, p, q = output_shape
        return 2 * n * p * q * self.weight.size

    def _arguments(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, default in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1))):
            if (value := getattr(self, name)) != default:
                text += f", {name}={value!r}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        return text + (", bias=False" if self.bias is None else "")


def _padding(value: int | tuple[int, ...] | str) -> tuple[int, ...] | str:
    """Give padding as (h, w), (top, bottom, left, right) or one of the two words."""
    if isinstance(value, str):
        if value not in ("valid", "same"):
            raise ValueError(f"[Conv2d] padding must be numbers, 'valid' or 'same', got {value!r}")
        return value
    if isinstance(value, (tuple, list)) and len(value) == 4:
        return tuple(integer("Conv2d", "padding", item, 0) for item in value)
    return pair("Conv2d", "padding", value, 0)
