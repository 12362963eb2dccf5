"""Normalisation of each channel of each sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.devices import on_cpu
from pycnn.layers.batch_norm import BatchNorm
from pycnn.layers.images import OnImages
from pycnn.layers.parameter import Array, Shape, check_contiguous
from pycnn.layers.spread import spread_here
from pycnn.layers.standardised import Standardised, accumulate_zeros, scaled, scaled_backward


class InstanceNorm(OnImages, BatchNorm):
    """What `InstanceNorm2d` and `InstanceNorm1d` share.

    With running statistics, evaluation is that of batch normalisation; everything else uses those
    of the sample.
    """

    by_default = False

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _check(self, shape: Shape) -> None:
        channels, axes = self.num_features, self.axes
        named = self.weight is not None or self.running_mean is not None
        fits = len(shape) in (axes + 1, axes + 2)
        if not fits or (named and shape[-1 - axes] != channels):
            sizes = "H, W" if axes == 2 else "L"
            raise ValueError(
                f"expects (N, {channels}, {sizes}) or ({channels}, {sizes}), input was {shape}"
            )

    def _normalised(self, x: Array, shape: Shape) -> Array:  # type: ignore[override]  # no limits
        if not self.training and self.running_mean is not None:
            return super()._normalised(x, shape)
        self._check_apart()
        check_contiguous(type(self).__name__, "x", x)
        samples, channels, *sides = x.shape
        count = sides[0] * sides[1]
        if count == 1:
            raise ValueError(
                f"expects more than one value a channel, whose variance is 0 (input was {shape})"
            )
        if x.size == 0:
            self.save_for_backward(None)
            return x
        numbers = Standardised.of(x, samples * channels, self.eps)
        if self.training and self.running_mean is not None:
            self._track_later(x, *_statistics(numbers, channels), count)
        self.save_for_backward(numbers)
        return scaled(numbers.values, x.shape, self.weight, self.bias)

    def _track(self, mean: Array, var: Array, count: int) -> None:
        """Let the running statistics follow the means of those of the samples."""
        mean, var = (of.reshape(-1, self.num_features).mean(axis=0) for of in (mean, var))
        super()._track(mean, var, count)

    def _backward(self, dy: Array, *saved: Any) -> Array:  # type: ignore[override]  # no limits
        if len(saved) > 1:
            return super()._backward(dy, *saved)
        (numbers,) = saved
        if numbers is None:  # of a batch without samples
            accumulate_zeros(self.weight, self.bias)
            return dy
        inside = scaled_backward(dy, numbers.values, dy.shape, self.weight, self.bias)
        gradient: Array = numbers.backward(inside)
        return gradient


def _statistics(numbers: Standardised, channels: int) -> tuple[Array, Array]:
    """Return mean and variance of each channel of each sample, or of the whole batch on average.

    The latter where the batch is spread over processes whose running statistics are to be equal.
    """
    part = spread_here()
    if part is None or part.total is None:
        return numbers.mean, numbers.var
    own = [on_cpu(array).reshape(-1, channels) for array in (numbers.mean, numbers.var)]
    samples = len(own[0]) if part.counts else 0
    means = [array.mean(axis=0, dtype=np.float64) for array in own]
    sums = part.total(np.concatenate([[samples], *(samples * mean for mean in means)]))
    mean, var = np.split((sums[1:] / sums[0]).astype(np.float32), 2)
    return mean, var


class InstanceNorm2d(InstanceNorm):
    """Give each channel of each image mean 0 and variance 1.

    With the mean and the variance (divided by H W) of the numbers of a channel of a sample,
    ``y[n,c,h,w] = (x[n,c,h,w] - mean[n,c]) / sqrt(var[n,c] + eps)``, then a learned scale and shift
    of the channels if `affine` is True. It is `pycnn.ops.batch_norm2d` with each channel of each
    sample in the place of a channel. Inputs are (N, C, H, W), or (C, H, W) without the batch axis.

    Parameters
    ----------
    num_features : int
        Channels C. Only a layer with parameters or running statistics insists on them.
    eps : float
        Added to the variance; above 0.
    momentum : float or None
        Share of the newest batch in the running statistics, 0 to 1; None gives all batches the
        same share.
    affine : bool
        Whether there is a learned scale and shift.
    track_running_stats : bool
        Whether there are running statistics, the means of those of the samples, which evaluation
        uses as `BatchNorm2d` does.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    bias : bool
        Whether there is a shift if there is a scale.

    Attributes
    ----------
    weight, bias, running_mean, running_var, num_batches_tracked
        As those of `BatchNorm2d`, or None.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if the input does not fit, or has one number a
        channel.

    References
    ----------
    D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance Normalization: The Missing Ingredient for Fast
    Stylization", 2016.
    """


class InstanceNorm1d(InstanceNorm):
    """Give each channel of each signal mean 0 and variance 1.

    `InstanceNorm2d` for signals (N, C, L), or (C, L) without the batch axis. Formulas, arguments,
    attributes and errors are those of `InstanceNorm2d`.
    """

    axes = 1
