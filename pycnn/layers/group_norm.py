"""Normalisation of groups of channels of a sample, and of its last axes."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np

from pycnn._arguments import flag, integer, placement, positive, sizes
from pycnn._budget import allow
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter, Shape, check_contiguous
from pycnn.layers.standardised import Standardised, accumulate_zeros, scaled, scaled_backward


class _PerSample(Module):
    """Mean 0 and variance 1 in parts of each sample, then a learned scale and shift."""

    eps: float
    weight: Parameter | None
    bias: Parameter | None

    def _make_parameters(self, shape: Shape, affine: bool, bias: bool) -> None:
        allow(shape)
        self.weight = Parameter(np.ones(shape, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(shape, np.float32)) if affine and bias else None

    @abstractmethod
    def _views(self, shape: Shape) -> tuple[int, Shape]:
        """Return the number of groups in an input, and its shape for scale and shift."""

    def forward(self, x: Array) -> Array:
        """Normalise; the output has the shape of the input."""
        check_contiguous(type(self).__name__, "x", x)
        groups, channels = self._views(np.shape(x))
        if x.size == 0:
            self.save_for_backward(None)
            return x
        numbers = Standardised.of(x, groups, self.eps)
        self.save_for_backward(numbers)
        y: Array = scaled(numbers.values, channels, self.weight, self.bias).reshape(x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        (numbers,) = self.saved()
        if numbers is None:  # of a batch without samples
            accumulate_zeros(self.weight, self.bias)
            return dy
        _, channels = self._views(np.shape(dy))
        dy = scaled_backward(dy, numbers.values, channels, self.weight, self.bias)
        dx: Array = numbers.backward(dy)
        return dx

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of scale and shift: 2 for each number."""
        return 0 if self.weight is None else 2 * math.prod(output_shape)


class GroupNorm(_PerSample):
    """Give each group of channels of a sample mean 0 and variance 1, then scale and shift channels.

    With the mean and the variance (divided by their number) of the numbers of group g of sample n,
    ``y[n,c,...] = (x[n,c,...] - mean[n,g]) / sqrt(var[n,g] + eps) * weight[c] + bias[c]``, in
    training as in evaluation: other samples have no part in it. It is `pycnn.ops.batch_norm2d` with
    each group in the place of a channel, and `pycnn.ops.channel_affine`.

    Parameters
    ----------
    num_groups : int
        Groups G of channels, which lie side by side; must divide `num_channels`.
    num_channels : int
        Channels C of the input (N, C, ...).
    eps : float
        Added to the variance; above 0.
    affine : bool
        Whether there is a learned scale and shift.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    bias : bool
        Whether there is a shift if there is a scale.

    Attributes
    ----------
    weight, bias : Parameter, (C,), or None
        Scale and shift; at first 1 and 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if the input does not fit.

    References
    ----------
    Y. Wu, K. He, "Group Normalization", ECCV 2018.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        placement("GroupNorm", device, dtype)
        self.num_groups = integer("GroupNorm", "num_groups", num_groups, 1)
        self.num_channels = integer("GroupNorm", "num_channels", num_channels, 1)
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"[GroupNorm] num_groups={num_groups} must divide num_channels={num_channels}"
            )
        self.eps = positive("GroupNorm", "eps", eps)
        affine, bias = flag("GroupNorm", "affine", affine), flag("GroupNorm", "bias", bias)
        self._make_parameters((self.num_channels,), affine, bias)

    @property
    def affine(self) -> bool:
        """Whether there is a learned scale."""
        return self.weight is not None

    def _views(self, shape: Shape) -> tuple[int, Shape]:
        if len(shape) < 2 or shape[1] != self.num_channels:
            raise ValueError(f"expects (N, {self.num_channels}, ...), input was {shape}")
        inside = math.prod(shape[2:])
        return shape[0] * self.num_groups, (shape[0], self.num_channels, 1, inside)

    def _arguments(self) -> str:
        text = f"{self.num_groups}, {self.num_channels}"
        return text + _options(self, "affine")


class LayerNorm(_PerSample):
    """Give the last axes of a sample mean 0 and variance 1, then scale and shift each place.

    With the mean and the variance (divided by their number) over the last axes,
    ``y = (x - mean) / sqrt(var + eps) * weight + bias``, in training as in evaluation. It is
    `pycnn.ops.batch_norm2d` with these numbers in the place of a channel, and
    `pycnn.ops.channel_affine`.

    Parameters
    ----------
    normalized_shape : int or tuple of int
        Sizes of the last axes.
    eps : float
        Added to the variance; above 0.
    elementwise_affine : bool
        Whether there is a learned scale and shift.
    bias : bool
        Whether there is a shift if there is a scale.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.

    Attributes
    ----------
    weight, bias : Parameter, normalized_shape, or None
        Scale and shift; at first 1 and 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if the input does not fit.

    References
    ----------
    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.
    """

    def __init__(
        self,
        normalized_shape: int | tuple[int, ...],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        placement("LayerNorm", device, dtype)
        several = isinstance(normalized_shape, (tuple, list))
        shape = normalized_shape if several else (normalized_shape,)
        self.normalized_shape = sizes("LayerNorm", "normalized_shape", shape)
        if not self.normalized_shape:
            raise ValueError("[LayerNorm] normalized_shape must have at least one size, got ()")
        self.eps = positive("LayerNorm", "eps", eps)
        affine = flag("LayerNorm", "elementwise_affine", elementwise_affine)
        self._make_parameters(self.normalized_shape, affine, flag("LayerNorm", "bias", bias))

    @property
    def elementwise_affine(self) -> bool:
        """Whether there is a learned scale."""
        return self.weight is not None

    def _views(self, shape: Shape) -> tuple[int, Shape]:
        own = self.normalized_shape
        if shape[-len(own) :] != own:
            wanted = ", ".join(map(str, own))
            raise ValueError(f"expects (..., {wanted}), input was {shape}")
        rows, inside = math.prod(shape[: -len(own)]), math.prod(own)
        return rows, (rows, inside, 1, 1)

    def _arguments(self) -> str:
        return f"{self.normalized_shape}" + _options(self, "elementwise_affine")


def _options(layer: _PerSample, affine: str) -> str:
    """Return the arguments that differ from their defaults, as text."""
    text = "" if layer.eps == 1e-5 else f", eps={layer.eps}"
    if layer.weight is None:
        return f"{text}, {affine}=False"
    return text if layer.bias is not None else f"{text}, bias=False"
