"""Two-dimensional convolution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import backends, init, ops
from pycnn._arguments import choice, flag, integer, pair, written
from pycnn.autograd import Tensor
from pycnn.autograd.fused import affine
from pycnn.devices import device_of, move
from pycnn.layers.connection_table import Table, connection_table
from pycnn.layers.images import axes_hint
from pycnn.layers.module import Module
from pycnn.layers.parameter import (
    Array,
    Parameter,
    Places,
    Shape,
    add_bias_gradient,
    places,
)

PADDING_MODES = ("zeros",)


@dataclass(frozen=True, slots=True)
class Pooled:
    """What a convolution saves when it runs as one op with a ReLU and a max pooling."""

    x: Array
    winners: Array


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
    connections : (K, C) array of bool or of 0 and 1, optional
        Which input channels (columns) each filter (row) sees; all by default.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(n)), where n is the fan-in of a filter:
        C / groups R S, or with `connections` its links times R S.

    Attributes
    ----------
    weight : Parameter, (K, C / groups, R, S), or (links, R, S) with `connections`
        Filters; a plane for each link of the table, row by row.
    bias : Parameter, (K,), or None
        Offsets.
    geometry : dict
        Stride, padding, dilation and groups, as `pycnn.ops.conv2d` takes them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, a filter has no links, or there are connections and groups.

    Notes
    -----
    With `connections` the layer convolves with zeros where there is no link: it takes the time of
    a full convolution, while parameters and FLOP count the links only.
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
        connections: npt.ArrayLike | None = None,
        rng: init.Rng = None,
    ) -> None:
        choice("Conv2d", "padding_mode", padding_mode, PADDING_MODES)
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
        self.connections: Table | None = None
        if connections is not None:
            if groups != 1:
                raise ValueError(f"[Conv2d] connections need groups=1, got {groups}")
            self.connections = connection_table("Conv2d", connections, out_channels, in_channels)
            self._places: Array = np.flatnonzero(self.connections)
        generator = init.generator(rng, "Conv2d")
        self.weight = Parameter(self._initial_weights(generator))
        self.bias = (
            Parameter(self._initial_biases(generator)) if flag("Conv2d", "bias", bias) else None
        )
        self.geometry: dict[str, Any] = {
            "stride": self.stride,
            "padding": self.padding,
            "dilation": self.dilation,
            "groups": self.groups,
        }

    def _initial_weights(self, rng: np.random.Generator) -> Array:
        if self.connections is None:
            return init.uniform(self._shape, init.default_bound(self._shape), rng)
        links = self.connections.sum(axis=1)
        weights = init.uniform((int(links.sum()), *self.kernel_size), 1.0, rng)
        weights *= np.repeat(self._bounds(), links)[:, np.newaxis, np.newaxis]
        return weights

    def _initial_biases(self, rng: np.random.Generator) -> Array:
        if self.connections is None:
            return init.uniform(self._shape[:1], init.default_bound(self._shape), rng)
        return init.uniform(self._shape[:1], 1.0, rng) * self._bounds()

    def _bounds(self) -> Array:
        """Return the bound of the initial values of each filter of a table, 1 / sqrt(fan-in)."""
        assert self.connections is not None
        fan_in = self.connections.sum(axis=1) * math.prod(self.kernel_size)
        bounds: Array = (1 / np.sqrt(fan_in)).astype(np.float32)
        return bounds

    def filters(self) -> Array:
        """Return the filters as (K, C / groups, R, S), with zeros where a table has no link."""
        if self.connections is None:
            return self.weight.data
        weights = self.weight.data
        backend = backends.of(weights)
        shape = self.connections.size, math.prod(self.kernel_size)
        filters = backend.zeros(shape, weights.dtype)
        backend.put_rows(filters, self._links(weights), weights.reshape(len(weights), -1))
        spread: Array = filters.reshape(self._shape)
        return spread

    def _links(self, like: Array) -> Array:
        """Return the positions of the linked planes (k, c), on the device of an array."""
        places = self._places
        if device_of(places) != device_of(like):
            self._places = places = move(places, device_of(like))
        return places

    def forward(self, x: Array) -> Array:
        """Convolve: (N, C, H, W) to (N, K, P, Q)."""
        return self._forward(ops.conv2d, x)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor, together with a rectifier and a pooling that may follow."""
        array = x.data
        if (
            self.connections is not None
            or len(array.shape) != 4
            or array.shape[1] != self.in_channels
            or backends.of(array) is not backends.of(self.weight.data)
            or array.dtype != self.weight.data.dtype
            or not self._covers(array.shape)
        ):
            return NotImplemented
        return affine("conv2d", x, self.weight, self.bias, self.geometry)

    def _covers(self, shape: Shape) -> bool:
        """Whether padded images are as large as the filters."""
        if isinstance(self.padding, str):
            borders = (0, 0) if self.padding == "valid" else (math.inf, math.inf)
        elif len(self.padding) == 4:
            top, bottom, left, right = self.padding
            borders = (top + bottom, left + right)
        else:
            borders = (2 * self.padding[0], 2 * self.padding[1])
        return all(
            n > 0 and n + border > (taps - 1) * gap
            for n, border, taps, gap in zip(
                shape[2:], borders, self.kernel_size, self.dilation, strict=True
            )
        )

    def forward_relu(self, x: Array) -> Array:
        """Return the rectified output of `forward`; `backward` remains that of `forward`."""
        return self._forward(ops.conv2d_relu, x)

    def _forward(self, op: Callable[..., Array], x: Array) -> Array:
        bias = self.bias
        try:
            y = op(x, self.filters(), None if bias is None else bias.data, **self.geometry)
        except ValueError as error:
            hint = axes_hint(x.shape, self.in_channels)
            if x.ndim == 4:
                raise ValueError(f"{error}{hint}") from None
            raise ValueError(
                f"expects (N, {self.in_channels}, H, W), input was {x.shape}{hint}"
            ) from None
        self.save_for_backward(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        x = self._saved_input()
        dx = ops.conv2d_backward_input(dy, self.filters(), x.shape, **self.geometry)
        self._add_gradients(dy, x)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self._add_gradients(dy, self._saved_input())

    def _saved_input(self) -> Array:
        (saved,) = self.saved()
        if isinstance(saved, Pooled):
            raise RuntimeError(
                "Conv2d ran as one op with the ReLU and the MaxPool2d after it: only the "
                "Sequential that ran them can run backward"
            )
        x: Array = saved
        return x

    def _add_gradients(self, dy: Array, x: Array) -> None:
        if not self.weight.requires_grad:
            add_bias_gradient(self.bias, dy)
            return
        out = self.gradient_places()
        self.accumulate(*ops.conv2d_backward_weight(dy, x, self._shape, **self.geometry, out=out))

    def gradient_places(self) -> Places | None:
        """Return the arrays for an op's first gradients of `filters` and bias: its `out`."""
        out = places(self.weight, self.bias)
        return out if out is None or self.connections is None else (None, out[1])

    def accumulate(self, dw: Array, db: Array) -> None:
        """Add gradients of `filters` and bias to those of the parameters."""
        if self.connections is not None:
            planes = dw.reshape(self.connections.size, -1)
            dw = ops.embedding(planes, self._links(dw)).reshape(self.weight.shape)
        self.weight.accumulate(dw)
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N K P Q (C / groups) R S, or 2 N P Q links R S."""
        n, _, p, q = output_shape
        return 2 * n * p * q * self.weight.numel()

    def _arguments(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, default in (("stride", (1, 1)), ("padding", (0, 0)), ("dilation", (1, 1))):
            if (value := getattr(self, name)) != default:
                text += f", {name}={value!r}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        if self.connections is None:
            return text
        return f"{text}, connections=<{self.connections.sum()} of {self.connections.size} links>"


def _padding(value: int | tuple[int, ...] | str) -> tuple[int, ...] | str:
    """Return padding as (h, w), (top, bottom, left, right) or one of the two words."""
    if isinstance(value, str):
        if value not in ("valid", "same"):
            raise ValueError(
                f"[Conv2d] padding must be numbers, 'valid' or 'same', got {written(value)}"
            )
        return value
    if isinstance(value, (tuple, list)) and len(value) == 4:
        return tuple(integer("Conv2d", "padding", item, 0) for item in value)
    return pair("Conv2d", "padding", value, 0)
