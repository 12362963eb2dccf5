"""Neighbouring layers that one op can do: the same bits with less memory written and read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from pycnn import ops
from pycnn.layers.activation import ReLU
from pycnn.layers.conv import Conv2d
from pycnn.layers.linear import Linear
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.pool import MaxPool2d

_PASSES = ("forward", "backward", "backward_parameters")

Named = Sequence[tuple[str, Module]]


def are_plain(layers: Named) -> bool:
    """Whether no layer has a method of its own, as an object, that has to be called."""
    return all(vars(layer).keys().isdisjoint(_PASSES) for _, layer in layers)


class AffineReLU:
    """A `Conv2d` or `Linear` and a `ReLU`, whose forward passes are one op.

    It leaves both layers as their own forward passes would, so it needs no backward pass.

    Parameters
    ----------
    layers : sequence of (str, Module)
        The two layers with their names.
    """

    def __init__(self, layers: Named) -> None:
        self.layers = layers
        (_, affine), (_, relu) = layers
        assert isinstance(affine, Conv2d | Linear)
        self.affine, self.relu = affine, relu

    @staticmethod
    def takes(layers: Named) -> bool:
        """Whether these layers, which may not be of sub-classes, are such two."""
        return [type(layer) for _, layer in layers] in ([Conv2d, ReLU], [Linear, ReLU])

    def forward(self, x: Array) -> Array:
        """Map and rectify."""
        y = self.affine.forward_relu(x)
        self.relu._save(y)
        return y


class _Memory(NamedTuple):
    """What the fused forward pass leaves, with the convolution, for the fused backward pass."""

    x: Array
    winners: Array


class ConvReluMaxPool:
    """A `Conv2d`, a `ReLU` and a `MaxPool2d` whose windows lie side by side, run as one op.

    The parameters stay the convolution's, and with it is what a forward pass leaves for backward.
    Bits are those of the three layers unless a weight is not finite: one that lies beyond the edge
    of an image may be left out (see `pycnn.ops.conv2d`).

    Parameters
    ----------
    layers : sequence of (str, Module)
        The three layers with their names.
    """

    def __init__(self, layers: Named) -> None:
        self.layers = layers
        (_, conv), _, (_, pool) = layers
        assert isinstance(conv, Conv2d)
        assert isinstance(pool, MaxPool2d)
        self.conv, self.window = conv, pool.kernel_size

    @staticmethod
    def takes(layers: Named) -> bool:
        """Whether these layers, which may not be of sub-classes, are such three."""
        kinds = [type(layer) for _, layer in layers]
        pool = layers[-1][1]
        return (
            kinds == [Conv2d, ReLU, MaxPool2d]
            and isinstance(pool, MaxPool2d)
            and pool.is_side_by_side
        )

    def forward(self, x: Array) -> Array:
        """Convolve, rectify and pool: (N, C, H, W) to (N, K, P, Q)."""
        conv = self.conv
        bias = None if conv.bias is None else conv.bias.data
        y, winners = ops.conv2d_relu_max_pool2d(
            x, conv.filters(), bias, window=self.window, **conv.geometry
        )
        conv._save(_Memory(x, winners))
        for _, layer in self.layers[1:]:
            layer._save(None)  # nor does it keep that of an earlier pass of its own
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and give that of the input."""
        dx: Array = self._accumulate(dy, True)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self._accumulate(dy, False)

    @property
    def _has_parameters(self) -> bool:
        return self.conv._has_parameters

    def _accumulate(self, dy: Array, input_gradient: bool) -> Any:
        memory = self.conv._saved()
        if not isinstance(memory, _Memory):
            raise RuntimeError("backward needs a forward pass of the whole before it")
        x, winners = memory
        dx, dw, db = ops.conv2d_relu_max_pool2d_backward(
            dy,
            winners,
            x,
            self.conv.filters(),
            window=self.window,
            input_gradient=input_gradient,
            out=self.conv.gradient_places(),
            **self.conv.geometry,
        )
        self.conv.accumulate(dw, db)
        return dx


# What has a forward and a backward pass.
Step: TypeAlias = Module | ConvReluMaxPool


def fused(layers: Mapping[str, Module]) -> list[tuple[str, Step | AffineReLU]]:
    """Return the layers with their names; of those that one op can do, an object for all of them.

    Parameters
    ----------
    layers : mapping of str to Module
        Layers in a row.

    Returns
    -------
    list of (str, Module, ConvReluMaxPool or AffineReLU)
        Layers, and what stands for several, by the name of the first.
    """
    items = list(layers.items())
    steps: list[tuple[str, Step | AffineReLU]] = []
    while items:
        if ConvReluMaxPool.takes(items[:3]):
            steps.append((items[0][0], ConvReluMaxPool(items[:3])))
            del items[:3]
        elif AffineReLU.takes(items[:2]):
            steps.append((items[0][0], AffineReLU(items[:2])))
            del items[:2]
        else:
            steps.append(items.pop(0))
    return steps
