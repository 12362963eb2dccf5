"""The graph of a network in evaluation mode: which ops compute which values from which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Node:
    """An op of a graph. Node i computes value i + 1; value 0 is the input of the network.

    Attributes
    ----------
    op : str
        Name of the op in `pycnn.ops`, or of NumPy's function: ``add``, ``multiply``, ...; also
        ``reshape``, ``transpose``, ``broadcast_to``, ``concatenate``, ``index``, ``where``,
        ``matmul``, ``astype``, reductions (``sum``, ``max``, ``min``, ``prod``, ``argmax``,
        ``argmin``) and ``standardise`` (mean 0 and variance 1 over the last axes).
    inputs : tuple of int
        Numbers of the values that it reads.
    shape : tuple of int
        Shape of its result for one image, without the axis of the batch.
    constants : mapping of str to float32 array
        Arrays that do not change, by the name of the op's parameter, such as ``w`` and ``b``;
        ``a`` and ``b`` are the operands of functions of two numbers. Without the axis of the batch.
    settings : mapping of str to plain values
        The other arguments of the op. Those of a convolution are complete: stride and dilation
        (int, int), padding (top, bottom, left, right), groups. Axes and keys are those of an image,
        without the axis of the batch; reduced axes keep the extent 1.
    activation : (str, float, float) or None
        What is applied to the result last: the kind and the parameters a and b of
        `pycnn.ops.activation`, where ``relu``, ``tanh``, ``sigmoid``, ``leaky_relu``, ``gelu`` and
        ``gelu_tanh`` are kinds as well.
    layer : str
        Path of the layer that it belongs to, for messages.
    """

    op: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    constants: Mapping[str, FloatArray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    activation: tuple[str, float, float] | None = None
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """A network as a list of ops, each after those whose results it reads.

    Attributes
    ----------
    input_shape : tuple of int
        Shape of one input image, without the axis of the batch.
    nodes : tuple of Node
    output : int
        Number of the value that the network returns.
    """

    input_shape: tuple[int, ...]
    nodes: tuple[Node, ...]
    output: int

    def shape(self, value: int) -> tuple[int, ...]:
        """Return the shape of a value for one image."""
        return self.nodes[value - 1].shape if value else self.input_shape
