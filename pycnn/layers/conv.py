"""Convolution of images and of signals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import backends, init, ops
from pycnn._arguments import choice, flag, integer, placement, written
from pycnn.autograd import Tensor
from pycnn.autograd.fused import affine
from pycnn.devices import device_of, move
from pycnn.layers.borders import KINDS, Border, border_of
from pycnn.layers.connection_table import Table, connection_table
from pycnn.layers.images import OnImages, axes_hint, signal_hint
from pycnn.layers.parameter import (
    Array,
    Parameter,
    Places,
    Shape,
    add_bias_gradient,
    check_gradient,
    places,
    shaped,
)

PADDING_MODES = ("zeros", *KINDS)


@dataclass(frozen=True, slots=True)
class Pooled:
    """What a convolution saves when it runs as one op with a ReLU and a max pooling."""

    x: Array
    winners: Array


class AnyConvolution(OnImages):
    """What every convolution is, transposed ones as well."""


class Convolution(AnyConvolution):
    """What `Conv2d` and `Conv1d` share: the parameters, and the passes on images."""

    _covered: Shape = ()  # size of the last images that were large enough

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
        connections: npt.ArrayLike | None,
        rng: init.Rng,
    ) -> None:
        owner = type(self).__name__
        self.padding_mode = choice(owner, "padding_mode", padding_mode, PADDING_MODES)
        placement(owner, device, dtype)
        self.in_channels = integer(owner, "in_channels", in_channels, 1)
        self.out_channels = integer(owner, "out_channels", out_channels, 1)
        self.groups = integer(owner, "groups", groups, 1)
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"[{owner}] groups={groups} must divide in_channels={in_channels} "
                f"and out_channels={out_channels}"
            )
        self.kernel_size = self._numbers("kernel_size", kernel_size, 1)
        self.stride = self._numbers("stride", stride, 1)
        self.padding = self._padding(padding)
        self.dilation = self._numbers("dilation", dilation, 1)

        taps = self._for_images(self.kernel_size, 1)
        self._shape = (self.out_channels, in_channels // groups, *taps)
        self.connections: Table | None = None
        if connections is not None:
            if groups != 1:
                raise ValueError(f"[{owner}] connections need groups=1, got {groups}")
            self.connections = connection_table(owner, connections, out_channels, in_channels)
            self._places: Array = np.flatnonzero(self.connections)
        generator = init.generator(rng, owner)
        self.weight = Parameter(self._initial_weights(generator))
        self.bias = (
            Parameter(self._initial_biases(generator)) if flag(owner, "bias", bias) else None
        )
        self.geometry: dict[str, Any] = {
            "stride": self._for_images(self.stride, 1),
            "padding": self._padding_of_images(),
            "dilation": self._for_images(self.dilation, 1),
            "groups": self.groups,
        }
        self.border: Border | None = None
        if padding_mode != "zeros" and self.padding != "valid":
            self.border = border_of(owner, padding_mode, taps, self.geometry)
            self.geometry["padding"] = 0

    def _padding(self, value: Any) -> tuple[int, ...] | str:
        """Return padding as a number for each axis, or one of the two words."""
        if not isinstance(value, str):
            return self._numbers("padding", value, 0)
        if value not in ("valid", "same"):
            raise ValueError(
                f"[{type(self).__name__}] padding must be numbers, 'valid' or 'same', "
                f"got {written(value)}"
            )
        return value

    def _padding_of_images(self) -> tuple[int, ...] | str:
        """Return padding as the op takes it."""
        if isinstance(self.padding, str) or len(self.padding) == 4:
            return self.padding
        return self._for_images(self.padding, 0)

    def _initial_weights(self, rng: np.random.Generator) -> Array:
        if self.connections is None:
            shape = (*self._shape[:2], *self.kernel_size)
            return init.uniform(shape, init.default_bound(shape), rng)
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
            data = self.weight.data
            return data if self.axes == 2 else shaped(type(self).__name__, data, self._shape)
        weights = self.weight.data
        backend = backends.of(weights)
        shape = self.connections.size, math.prod(self.kernel_size)
        planes = backend.zeros(shape, weights.dtype)
        backend.put_rows(planes, self._links(weights), weights.reshape(len(weights), -1))
        spread: Array = planes.reshape(self._shape)
        return spread

    def _links(self, like: Array) -> Array:
        """Return the positions of the linked planes (k, c), on the device of an array."""
        places = self._places
        if device_of(places) != device_of(like):
            self._places = places = move(places, device_of(like))
        return places

    def forward(self, x: Array) -> Array:
        """Convolve: (N, C, H, W) to (N, K, P, Q), or (N, C, L) to (N, K, Q)."""
        return self._convolved(ops.conv2d, x)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor, together with a rectifier and a pooling that may follow."""
        array, weight = x.array, self.weight.array
        if (
            self.connections is not None
            or self.border is not None
            or self.axes != 2
            or len(array.shape) != 4
            or array.shape[1] != self.in_channels
            or backends.of(array) is not backends.of(weight)
            or array.dtype != weight.dtype
            or (array.shape[2:] != self._covered and not self._covers(array.shape))
        ):
            return NotImplemented
        return affine("conv2d", x, self.weight, self.bias, self.geometry)

    def _covers(self, shape: Shape) -> bool:
        """Whether padded images are as large as the filters."""
        if isinstance(self.padding, str):
            borders: tuple[float, ...] = (0, 0) if self.padding == "valid" else (math.inf, math.inf)
        elif len(self.padding) == 4:
            top, bottom, left, right = self.padding
            borders = (top + bottom, left + right)
        else:
            borders = (2 * self.padding[0], 2 * self.padding[1])
        covered = all(
            n > 0 and n + border > (taps - 1) * gap
            for n, border, taps, gap in zip(
                shape[2:], borders, self.kernel_size, self.dilation, strict=True
            )
        )
        if covered:
            vars(self)["_covered"] = shape[2:]  # most images are of one size
        return covered

    def forward_relu(self, x: Array) -> Array:
        """Return the rectified output of `forward`; `backward` remains that of `forward`."""
        return self._convolved(ops.conv2d_relu, x)

    def _convolved(self, op: Callable[..., Array], x: Array) -> Array:
        bias = self.bias
        try:
            images = self.as_images(x)
            if self.border is not None:
                images = self.border.put_around(images)
            y = op(images, self.filters(), None if bias is None else bias.data, **self.geometry)
        except ValueError as error:
            raise ValueError(self._refusal(error, x.shape)) from None
        self.save_for_backward(images)
        return self.from_images(y, x.ndim)

    def _refusal(self, error: ValueError, shape: Shape) -> str:
        """Say why an input of this shape is refused: the op's reason, or the shape expected."""
        channels = self.in_channels
        if self.axes == 1:
            if len(shape) not in (2, 3) or shape[-2] != channels:
                hint = signal_hint(shape, channels)
                return f"expects (N, {channels}, L) or ({channels}, L), input was {shape}{hint}"
            return f"{error} (input was {shape})"
        hint = axes_hint(shape, channels)
        if len(shape) == 4:
            return f"{error}{hint}"
        if len(shape) == 3 and shape[0] == channels:
            return f"{error} (input was {shape})"
        return f"expects (N, {channels}, H, W), input was {shape}{hint}"

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        x = self._saved_input()
        check_gradient(dy)
        ndim, dy = dy.ndim, self.as_images(dy)
        dx = ops.conv2d_backward_input(dy, self.filters(), x.shape, **self.geometry)
        self._add_gradients(dy, x)
        if self.border is not None:
            dx = self.border.folded(dx)
        return self.from_images(dx, ndim)

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        x = self._saved_input()
        self._add_gradients(self.as_images(dy), x)

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
        if out is None or (self.connections is None and self.axes == 2):
            return out
        return None, out[1]  # the weight has another shape than `filters`

    def accumulate(self, dw: Array, db: Array) -> None:
        """Add gradients of `filters` and bias to those of the parameters."""
        if self.connections is not None:
            planes = dw.reshape(self.connections.size, -1)
            dw = ops.embedding(planes, self._links(dw)).reshape(self.weight.shape)
        elif self.axes == 1:
            dw = dw.reshape(self.weight.shape)
        self.weight.accumulate(dw)
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N K P Q (C / groups) R S, or 2 N P Q links R S."""
        return 2 * output_shape[0] * math.prod(output_shape[2:]) * self.weight.numel()

    def _arguments(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1)):
            if (value := getattr(self, name)) != (default,) * self.axes:
                text += f", {name}={value!r}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        text += f", padding_mode={self.padding_mode!r}" if self.padding_mode != "zeros" else ""
        if self.connections is None:
            return text
        return f"{text}, connections=<{self.connections.sum()} of {self.connections.size} links>"


class Conv2d(Convolution):
    """Convolution of a batch of images with K learned filters; see `pycnn.ops.conv2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        C and K; both must be divisible by `groups`.
    kernel_size : int or (int, int)
        Filter height R and width S; here and below, (int,) is taken for int.
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
    padding_mode : {'zeros', 'reflect', 'replicate', 'circular'}
        What the padding holds instead of zeros: the image mirrored at its edge, its outermost
        pixels, or the opposite side, as in `pycnn.ReflectionPad2d`, `pycnn.ReplicationPad2d` and
        `pycnn.CircularPad2d`. The padded image is then written to memory.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
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
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] | str = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        connections: npt.ArrayLike | None = None,
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
            connections,
            rng,
        )

    def _numbers(self, name: str, value: Any, minimum: int) -> tuple[int, ...]:
        if name == "padding" and isinstance(value, (tuple, list)) and len(value) == 4:
            return tuple(integer(type(self).__name__, name, side, minimum) for side in value)
        return super()._numbers(name, value, minimum)
