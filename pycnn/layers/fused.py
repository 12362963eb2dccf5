"""Neighbouring layers that one op can do: the same bits with less memory written and read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pycnn import ops
from pycnn._memory import remember
from pycnn.layers import tree
from pycnn.layers.activation import ReLU
from pycnn.layers.activation_kinds import Hardtanh, ReLU6
from pycnn.layers.batch_norm import BatchNorm2d
from pycnn.layers.conv import Conv2d, Pooled
from pycnn.layers.conv1d import Conv1d
from pycnn.layers.linear import Linear
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.pool import MaxPool2d

_PASSES = ("forward", "backward", "backward_parameters")
# Layers that have ops for several of them; those of sub-classes may have other passes.
_KINDS = frozenset((Conv1d, Conv2d, Linear, BatchNorm2d, ReLU, ReLU6, Hardtanh, MaxPool2d))

Named: TypeAlias = tuple[str, Module]


class Forward(Protocol):
    """An object with a forward pass: a layer, or several layers that run as one op."""

    def forward(self, x: Array) -> Array:
        """Compute the output for the input `x`."""


class Backward(Protocol):
    """An object with a backward pass: a layer, or several layers that ran as one op."""

    def backward(self, dy: Array) -> Array:
        """Turn the gradient of the output into that of the input."""

    def backward_parameters(self, dy: Array) -> None:
        """Do `backward` without the gradient of the input."""


@dataclass(frozen=True, slots=True)
class Step:
    """A forward pass, and the backward passes that belong to it.

    Attributes
    ----------
    name : str
        Name of the layer that errors of the forward pass blame: the first one.
    forward : Forward
        Object with the forward pass. Its method is looked up at each call, since an instance may
        override it.
    backward : tuple of (str, Backward)
        Objects with the backward passes, first to last, each with the name of the layer that its
        errors blame.
    layers : tuple of Step
        If the step stands for several layers, these one by one.
    """

    name: str
    forward: Forward
    backward: tuple[tuple[str, Backward], ...]
    layers: tuple[Step, ...] = ()

    def parts(self, before: Sequence[tuple[str, Backward]]) -> tuple[Step, ...]:
        """Return the step itself, or its layers if they cannot or should not run as one.

        They cannot if an instance among them overrides a pass, or has become one of another class,
        as `weight_norm` makes it. They should not if a gradient goes through a convolution that is
        not trained: the op of all three would compute that of its filters.

        Parameters
        ----------
        before : sequence of (str, Backward)
            The passes of the steps before this one.
        """
        for layer in self.layers:
            one = layer.forward
            if type(one) not in _KINDS or not vars(one).keys().isdisjoint(_PASSES):
                return self.layers
        run = self.forward
        whole = type(run) is not ConvReluMaxPool or run.conv.weight.requires_grad
        if not whole and any(is_trained(part) for _, part in before):
            return self.layers
        return (self,)


class AffineReLU:
    """The forward pass of a `Conv2d`, `Conv1d` or `Linear` and a `ReLU`, as one op.

    Both layers save what their own forward passes would, so their own backward passes follow.
    """

    def __init__(self, affine: Conv1d | Conv2d | Linear, relu: ReLU) -> None:
        self.affine, self.relu = affine, relu

    def forward(self, x: Array) -> Array:
        """Map and rectify."""
        y = self.affine.forward_relu(x)
        self.relu.save_for_backward(y)
        return y


class ConvReluMaxPool:
    """A `Conv2d`, a `ReLU` and a `MaxPool2d` whose windows lie side by side, run as one op.

    The parameters stay the convolution's, which also saves what the backward pass needs. The bits
    are those of the three layers unless a weight is not finite: one that lies beyond the edge of an
    image may be left out (see `pycnn.ops.conv2d`).
    """

    def __init__(self, conv: Conv2d, relu: ReLU, pool: MaxPool2d) -> None:
        self.owner = self.conv = conv
        self.relu, self.pool = relu, pool
        height, width = pool.kernel_size
        self.window = height, width

    def forward(self, x: Array) -> Array:
        """Convolve, rectify and pool: (N, C, H, W) to (N, K, P, Q)."""
        conv = self.conv
        bias = None if conv.bias is None else conv.bias.data
        images = conv.as_images(x)
        y, winners = ops.conv2d_relu_max_pool2d(
            images, conv.filters(), bias, window=self.window, **conv.geometry
        )
        conv.save_for_backward(Pooled(images, winners))
        for layer in (self.relu, self.pool):
            remember(layer, None)  # free what an earlier pass of its own has saved
        return conv.from_images(y, x.ndim)

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        dx: Array = self._accumulate(dy, True)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self._accumulate(dy, False)

    def _accumulate(self, dy: Array, input_gradient: bool) -> Any:
        (saved,) = self.conv.saved()
        if not isinstance(saved, Pooled):
            raise RuntimeError("backward needs a forward pass of the whole before it")
        dx, dw, db = ops.conv2d_relu_max_pool2d_backward(
            self.conv.as_images(dy),
            saved.winners,
            saved.x,
            self.conv.filters(),
            window=self.window,
            input_gradient=input_gradient,
            out=self.conv.gradient_places(),
            **self.conv.geometry,
        )
        self.conv.accumulate(dw, db)
        return dx if dx is None else self.conv.from_images(dx, dy.ndim)


class BatchNormLimited:
    """A `BatchNorm2d` and a `ReLU`, `ReLU6` or `Hardtanh`, run as one op.

    Both layers save what their own backward passes can use. Where other statistics than the batch's
    count, they run one by one.
    """

    def __init__(self, norm: BatchNorm2d, activation: ReLU | Hardtanh) -> None:
        self.owner, self.activation = norm, activation

    def _limits(self) -> tuple[float | None, float | None]:
        activation = self.activation
        if isinstance(activation, ReLU):
            return 0.0, None
        return activation.min_val, activation.max_val

    def forward(self, x: Array) -> Array:
        """Normalise and limit."""
        if not self.owner.takes_own_statistics():
            return self.activation.forward(self.owner.forward(x))
        y = self.owner.forward_limited(x, self._limits())
        # An output lies within the limits where the input does.
        self.activation.save_for_backward(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        saved = self.owner.saved()
        *_, scale, whole = saved
        if scale is not None or whole is not None:
            return self.owner._backward(self.activation.backward(dy), *saved)
        remember(self.activation, None)  # y, of which the limits are found in x again
        return self.owner.backward_limited(dy, saved, self._limits())

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self.backward(dy)


def is_trained(part: Backward) -> bool:
    """Whether there is something to train in what a gradient goes through."""
    return tree.is_trained(part if isinstance(part, Module) else part.owner)  # type: ignore[attr-defined]


def steps_of(layers: Iterable[Named]) -> list[Step]:
    """Return the steps that run these layers in a row: as few as there are ops for."""
    rest = [Step(name, layer, ((name, layer),)) for name, layer in layers]
    steps: list[Step] = []
    while rest:
        step = _pooled(rest[:3]) or _rectified(rest[:2]) or _normalised(rest[:2]) or rest[0]
        steps.append(step)
        del rest[: len(step.layers) or 1]
    return steps


def _pooled(steps: Sequence[Step]) -> Step | None:
    """Return three steps as one, if there is an op for them."""
    match _of_our_own(steps):
        case [Conv2d(border=None) as conv, ReLU() as relu, MaxPool2d() as pool] if (
            pool.is_side_by_side
        ):
            run = ConvReluMaxPool(conv, relu, pool)
            return Step(steps[0].name, run, ((steps[-1].name, run),), tuple(steps))
    return None


def _rectified(steps: Sequence[Step]) -> Step | None:
    """Return two steps as one, if there is an op for them."""
    match _of_our_own(steps):
        case [Conv1d() | Conv2d() | Linear() as affine, ReLU() as relu]:
            backward = tuple(one for step in steps for one in step.backward)
            return Step(steps[0].name, AffineReLU(affine, relu), backward, tuple(steps))
    return None


def _normalised(steps: Sequence[Step]) -> Step | None:
    """Return two steps as one, if there is an op for them."""
    match _of_our_own(steps):
        case [BatchNorm2d() as norm, (ReLU() | Hardtanh()) as activation]:
            run = BatchNormLimited(norm, activation)
            return Step(steps[0].name, run, ((steps[0].name, run),), tuple(steps))
    return None


def _of_our_own(steps: Sequence[Step]) -> list[Forward]:
    """Return the layers without those of sub-classes, which may have other passes."""
    return [step.forward for step in steps if type(step.forward) in _KINDS]
