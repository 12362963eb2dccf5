"""Batch normalisation of images, signals and features."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar, TypeAlias

import numpy as np

from pycnn import backends, ops
from pycnn._arguments import at_least_zero, flag, integer, placement, positive
from pycnn._overlap import overlapping
from pycnn.autograd import Tensor
from pycnn.autograd.fused_norm import normalised
from pycnn.autograd.tracked import written
from pycnn.backends.cpu import folded_norm
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.batch_statistics import batch_norm_spread, batch_norm_spread_backward
from pycnn.layers.images import check_channels, signal_hint
from pycnn.layers.later import change, held
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Buffer, Parameter, Shape, check_gradient, sums
from pycnn.layers.spread import spread_here
from pycnn.layers.standardised import trains

Limits: TypeAlias = tuple[float | None, float | None]
"""The least and the largest number that may come out; None for no limit."""


class BatchNorm(Module):
    """What `BatchNorm2d` and `BatchNorm1d` share: everything but the shapes that they take.

    Attributes
    ----------
    by_default : bool
        Whether there are parameters and running statistics unless the caller says otherwise.
    """

    by_default: ClassVar[bool] = True

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        owner = type(self).__name__
        placement(owner, device, dtype)
        channels = self.num_features = integer(owner, "num_features", num_features, 1)
        self.eps = positive(owner, "eps", eps)
        if momentum is not None and at_least_zero(owner, "momentum", momentum) > 1:
            raise ValueError(f"[{owner}] momentum must be at most 1, got {momentum}")
        self.momentum = momentum
        self.weight = self.bias = None
        if flag(owner, "affine", affine):
            self.weight = Parameter(np.ones(channels, np.float32))
        if flag(owner, "bias", bias) and affine:
            self.bias = Parameter(np.zeros(channels, np.float32))
        self.running_mean = self.running_var = self.num_batches_tracked = None
        if flag(owner, "track_running_stats", track_running_stats):
            self.running_mean = Buffer(np.zeros(channels, np.float32))
            self.running_var = Buffer(np.ones(channels, np.float32))
            self.num_batches_tracked = Buffer(np.zeros((), np.int64))

    @property
    def affine(self) -> bool:
        """Whether there is a learned scale."""
        return self.weight is not None

    @property
    def track_running_stats(self) -> bool:
        """Whether there are running statistics."""
        return self.running_mean is not None

    @abstractmethod
    def _check(self, shape: Shape) -> None:
        """Raise ValueError unless the layer takes inputs of this shape."""

    def as_images(self, x: Array) -> Array:
        """Return `x` as images (N, C, H, W), without a copy."""
        return x

    def forward(self, x: Array) -> Array:
        """Normalise; the output has the shape of the input."""
        shape = np.shape(x)
        self._check(shape)
        y = self._normalised(self.as_images(x), shape)
        return y if y.shape == shape else y.reshape(shape)

    def _has_constants(self) -> bool:
        """Whether the statistics are the running ones."""
        return not (self.training or self.running_mean is None or self.running_var is None)

    def takes_own_statistics(self) -> bool:
        """Whether the statistics are those of the batch, and nobody else has a part of that."""
        part = spread_here() if self.training else None
        return not self._has_constants() and (part is None or part.total is None)

    def _normalised(self, x: Array, shape: Shape, limits: Limits = (None, None)) -> Array:
        """Do `forward` on images, which stand for an input of the shape.

        Limits are for the statistics that `takes_own_statistics` means.
        """
        if self._has_constants():
            assert self.running_mean is not None
            assert self.running_var is not None
            mean = self.running_mean.data
            folded = self._folded(mean, self.running_var.data, x.dtype)
            device = device_of(x)
            inv_std, scale, shift = (move(array, device) for array in folded)
            self.save_for_backward(x, move(mean, device), inv_std, scale, None)
            return ops.channel_affine(x, scale, shift)
        weight, bias = self._affine()
        self._check_apart()
        part = spread_here() if self.training else None
        if part is not None and part.total is not None:
            y, mean, var, inv_std, whole = batch_norm_spread(
                x, weight, bias, self.eps, part.total, part.counts
            )
            self._track_later(x, mean, var, whole.values)
            self.save_for_backward(x, mean, inv_std, None, whole)
            return y
        if x.size == self.num_features:
            raise ValueError(
                f"expects more than one value a channel, whose variance is 0 (input was {shape})"
            )
        y, mean, var, inv_std = ops.batch_norm2d_clamp(x, weight, bias, self.eps, None, *limits)
        if self.training:
            self._track_later(x, mean, var, x.size // self.num_features)
        self.save_for_backward(x, mean, inv_std, None, None)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        check_gradient(dy)
        dx = self._backward(self.as_images(dy), *self.saved())
        return dx if dx.shape == dy.shape else dx.reshape(dy.shape)

    def _backward(self, dy: Array, *saved: Any, limits: Limits = (None, None)) -> Array:
        """Do `backward` on images, with what `_normalised` saved, and its limits."""
        x, mean, inv_std, scale, whole = saved
        if scale is not None and not trains(self.weight, self.bias):
            return ops.channel_affine(dy, scale, backends.of(scale).zeros_like(scale))
        weight, bias = self._affine()
        if whole is None:
            dx, dweight, dbias, _ = ops.batch_norm2d_clamp_backward(
                dy, None, x, weight, mean, inv_std, *limits, bias=bias
            )
        else:
            dx, dweight, dbias = batch_norm_spread_backward(dy, x, weight, mean, inv_std, whole)
        if scale is not None:  # none of the gradient goes through statistics that are constants
            dx = ops.channel_affine(dy, scale, backends.of(scale).zeros_like(scale))
        if self.weight is not None:
            self.weight.accumulate(dweight)
        if self.bias is not None:
            self.bias.accumulate(dbias)
        return dx

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass in evaluation mode: 2 for each number."""
        return 2 * math.prod(output_shape)

    def _affine(self) -> tuple[Array | None, Array | None]:
        return (
            None if self.weight is None else self.weight.data,
            None if self.bias is None else self.bias.data,
        )

    def _folded(self, mean: Array, var: Array, dtype: Any) -> tuple[Array, Array, Array]:
        """Return 1 / std, and scale and shift that statistics, weight and bias amount to.

        In float64, so that each is rounded once.
        """
        weight, bias = (None if array is None else on_cpu(array) for array in self._affine())
        if dtype == np.float32:
            found = folded_norm(mean, var, weight, bias, self.eps)
            if found is not None:
                return found
        inv_std = 1 / np.sqrt(var.astype(np.float64) + self.eps)
        scale = inv_std if weight is None else inv_std * weight
        shift = -mean * scale
        if bias is not None:
            shift += bias
        return inv_std.astype(dtype), scale.astype(dtype), shift.astype(dtype)

    def _check_apart(self) -> None:
        """Refuse running statistics that lie in one memory, or in that of a parameter."""
        names = ("running_mean", "running_var", "weight", "bias")
        owned = {name: one.data for name in names if (one := getattr(self, name)) is not None}
        for one, other in overlapping(owned):
            raise ValueError(f"{one} and {other} share memory: each needs an array of its own")

    def _track_later(self, x: Array, mean: Array, var: Array, count: int) -> None:
        """Do `_track` once the statistics are there, with the update of the step."""

        def track() -> None:
            m, v = held(mean), held(var)
            change(lambda: self._track(on_cpu(m), on_cpu(v), count))

        backends.of(x).after_replay(track)

    def _track(self, mean: Array, var: Array, count: int) -> None:
        """Let the running statistics follow those of a batch with `count` values a channel."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None  # all three are there, or none
        with sums.held:
            batches = written(self.num_batches_tracked.data)
            batches += 1
            share = self.momentum
            if share is None:
                share = 1 / int(batches)
            for buffer, value in (
                (self.running_mean, mean),
                (self.running_var, var * np.float32(count / (count - 1))),
            ):
                running = written(buffer.data)
                running *= np.float32(1 - share)
                running += np.float32(share) * value

    def _arguments(self) -> str:
        text = f"{self.num_features}"
        for name, value, default in (
            ("eps", self.eps, 1e-5),
            ("momentum", self.momentum, 0.1),
            ("affine", self.weight is not None, self.by_default),
            ("track_running_stats", self.running_mean is not None, self.by_default),
            ("bias", self.bias is not None, self.weight is not None),
        ):
            text += f", {name}={value}" if value != default else ""
        return text


class OfBatches(BatchNorm):
    """What `BatchNorm1d` and `BatchNorm2d` are, and norms of samples are not."""


class BatchNorm2d(OfBatches):
    """Give each channel mean 0 and variance 1, then a learned scale and shift.

    In training mode the statistics are those of the batch (see `pycnn.ops.batch_norm2d`), and
    running ones follow them:

    ``running = (1 - momentum) * running + momentum * (that of the batch)``

    with the variance of the batch divided by m - 1 instead of m. In evaluation mode the running
    ones are used: the layer is then one scale and one shift of each channel
    (`pycnn.ops.channel_affine`). A backward pass treats them as constants, as fine-tuning with
    frozen statistics wants it: put the layer alone in evaluation mode for that. With
    ``xhat = (x - running_mean) / sqrt(running_var + eps)``,

    ``dx = dy * weight / sqrt(running_var + eps)``, ``dweight = sum of dy * xhat`` and
    ``dbias = sum of dy``.

    Parameters
    ----------
    num_features : int
        Channels C.
    eps : float
        Added to the variance; above 0.
    momentum : float or None
        Share of the newest batch in the running statistics, 0 to 1; None gives all batches the
        same share.
    affine : bool
        Whether there is a learned scale and shift.
    track_running_stats : bool
        Without running statistics, evaluation uses those of its batch, too.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    bias : bool
        Whether there is a shift if there is a scale.

    Attributes
    ----------
    weight, bias : Parameter, (C,), or None
        Scale and shift; at first 1 and 0.
    running_mean, running_var : Buffer, (C,), or None
        Running statistics; at first 0 and 1.
    num_batches_tracked : Buffer, int64, (), or None
        Training batches seen.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", ICML 2015.
    """

    def _check(self, shape: Shape) -> None:
        check_channels(shape, self.num_features)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor, together with an addition and a rectifier that may follow."""
        array, weight = x.array, self.weight
        if (
            not self.takes_own_statistics()
            or array.dtype != np.float32
            or len(array.shape) != 4
            or array.shape[1] != self.num_features
            or array.size <= self.num_features
            or (weight is not None and backends.of(weight.array) is not backends.of(array))
        ):
            return NotImplemented
        try:
            self._check_apart()
        except ValueError:
            return NotImplemented  # `forward` says so with the layer's name
        mean, var, inv_std = ops.batch_norm2d_statistics(array, self.eps)
        if self.training:
            self._track_later(array, mean, var, array.size // self.num_features)
        return normalised(x, weight, self.bias, (mean, inv_std))

    def forward_limited(self, x: Array, limits: Limits) -> Array:
        """Return the limited output of `forward`, where `takes_own_statistics`."""
        shape = np.shape(x)
        self._check(shape)
        return self._normalised(x, shape, limits)

    def backward_limited(self, dy: Array, saved: Any, limits: Limits) -> Array:
        """Do `backward` for `forward_limited`, of what it saved."""
        check_gradient(dy)
        return self._backward(dy, *saved, limits=limits)


class BatchNorm1d(OfBatches):
    """Give each feature mean 0 and variance 1, then a learned scale and shift.

    `BatchNorm2d` for rows of features (N, C), or signals (N, C, L): the statistics of a feature are
    those of its N, or N L, numbers. Formulas, arguments, attributes and errors are those of
    `BatchNorm2d`.
    """

    def _check(self, shape: Shape) -> None:
        if len(shape) not in (2, 3) or shape[1] != self.num_features:
            channels = self.num_features
            raise ValueError(
                f"expects (N, {channels}) or (N, {channels}, L), input was {shape}"
                f"{signal_hint(shape, channels)}"
            )

    def as_images(self, x: Array) -> Array:
        """Return `x` as images of one row, without a copy."""
        if x.ndim not in (2, 3):
            return x  # a gradient: the op refuses it
        images: Array = x.reshape(*x.shape[:2], 1, *(x.shape[2:] or (1,)))
        return images
