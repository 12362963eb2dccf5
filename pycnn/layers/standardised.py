"""Mean 0 and variance 1 for parts of a sample: what layers share that look at no other sample."""

from __future__ import annotations

from dataclasses import dataclass

from pycnn import backends, ops
from pycnn.layers.parameter import Array, Parameter, Shape, check_gradient


@dataclass(frozen=True, slots=True)
class Standardised:
    """Numbers with mean 0 and variance 1 in each group, and how they came about.

    A group counts as a channel of one image for `pycnn.ops.batch_norm2d`, so that the statistics of
    a batch are those of each group.

    Attributes
    ----------
    groups : array (1, groups, ...)
        The numbers before.
    values : array
        The numbers after, of the same shape.
    mean, var, inv_std : array (groups,)
        The statistics.
    """

    groups: Array
    values: Array
    mean: Array
    var: Array
    inv_std: Array

    @classmethod
    def of(cls, x: Array, groups: int, eps: float) -> Standardised:
        """Standardise `x`, whose groups lie one after the other in memory."""
        one = x.reshape(1, groups, 1, x.size // groups)
        values, mean, var, inv_std = ops.batch_norm2d(one, None, None, eps)
        return cls(one, values, mean, var, inv_std)

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the numbers before, in the shape of `dy`."""
        check_gradient(dy, self.groups.size)
        inside = dy.reshape(self.groups.shape)
        dx, _, _ = ops.batch_norm2d_backward(inside, self.groups, None, self.mean, self.inv_std)
        return dx.reshape(dy.shape)


def scaled(x: Array, shape: Shape, weight: Parameter | None, bias: Parameter | None) -> Array:
    """Scale and shift `x` as channels of a `shape` (N, C, H, W); None leaves them as they are."""
    if weight is None:
        return x
    scale = weight.data.reshape(-1)
    shift = backends.of(scale).zeros_like(scale) if bias is None else bias.data.reshape(-1)
    return ops.channel_affine(x.reshape(shape), scale, shift).reshape(x.shape)


def scaled_backward(
    dy: Array, x: Array, shape: Shape, weight: Parameter | None, bias: Parameter | None
) -> Array:
    """Return the gradient of the input of `scaled`; accumulate those of weight and bias."""
    check_gradient(dy, x.size)
    if weight is None:
        return dy
    if not trains(weight, bias):
        return scaled(dy, shape, weight, None)
    dx, dweight, dbias = ops.channel_affine_backward(
        dy.reshape(shape), x.reshape(shape), weight.data.reshape(-1)
    )
    weight.accumulate(dweight.reshape(weight.shape))
    if bias is not None:
        bias.accumulate(dbias.reshape(bias.shape))
    return dx.reshape(dy.shape)


def accumulate_zeros(*parameters: Parameter | None) -> None:
    """Accumulate the gradients of parameters that no number has come by."""
    for parameter in parameters:
        if parameter is not None:
            parameter.accumulate(backends.of(parameter.data).zeros_like(parameter.data))


def trains(*parameters: Parameter | None) -> bool:
    """Whether the gradient of one of these parameters is wanted."""
    return any(one is not None and one.requires_grad for one in parameters)
