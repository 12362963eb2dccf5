"""The fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from pycnn import backends, init, ops
from pycnn._arguments import flag, integer, placement
from pycnn.autograd import Tensor
from pycnn.autograd.fused import affine
from pycnn.layers.factored_gradient import is_put_off, put_off
from pycnn.layers.module import Module
from pycnn.layers.parameter import (
    Array,
    Parameter,
    Shape,
    add_bias_gradient,
    check_contiguous,
    places,
)


class Linear(Module):
    """Affine map of each row: ``y = x W^T + b``; see `pycnn.ops.linear`.

    Rows are the last axis of the input: (N, in_features), (N, ..., in_features) or one row alone,
    as in PyTorch.

    Parameters
    ----------
    in_features, out_features : int
        Columns of x and of y.
    bias : bool
        Whether to add a learned number to each output.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(in_features)).

    Attributes
    ----------
    weight : Parameter, (out_features, in_features)
        W.
    bias : Parameter, (out_features,), or None
        b.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        placement("Linear", device, dtype)
        self.in_features = integer("Linear", "in_features", in_features, 1)
        self.out_features = integer("Linear", "out_features", out_features, 1)
        shape = (out_features, in_features)
        generator = init.generator(rng, "Linear")
        bound = init.default_bound(shape)
        self.weight = Parameter(init.uniform(shape, bound, generator))
        self.bias = (
            Parameter(init.uniform(shape[:1], bound, generator))
            if flag("Linear", "bias", bias)
            else None
        )

    def forward(self, x: Array) -> Array:
        """Map (..., in_features) to (..., out_features)."""
        return self._forward(ops.linear, x)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor, together with a rectifier that may follow."""
        array, weight = x.array, self.weight.array
        if (
            len(array.shape) != 2
            or array.shape[1] != self.in_features
            or backends.of(array) is not backends.of(weight)
            or array.dtype != weight.dtype
        ):
            return NotImplemented
        return affine("linear", x, self.weight, self.bias, {})

    def forward_relu(self, x: Array) -> Array:
        """Return the rectified output of `forward`; `backward` remains that of `forward`."""
        return self._forward(ops.linear_relu, x)

    def _forward(self, op: Callable[..., Array], x: Array) -> Array:
        bias = self.bias
        rows = x if np.ndim(x) == 2 else self._rows(x)
        try:
            y = op(rows, self.weight.data, None if bias is None else bias.data)
        except ValueError:
            # The layer's own words; checked only after a failure, so that a good x costs nothing.
            if x.shape[-1] != self.in_features:
                raise ValueError(self._shape_text(x.shape)) from None
            raise
        self.save_for_backward(rows)
        return y if rows is x else y.reshape(*x.shape[:-1], self.out_features)

    def _rows(self, x: Array) -> Array:
        """Return the rows of an array of any number of axes, without a copy."""
        shape = np.shape(x)
        if not shape or shape[-1] != self.in_features:
            raise ValueError(self._shape_text(shape))
        check_contiguous("Linear", "x", x)
        rows: Array = x.reshape(math.prod(shape[:-1]), self.in_features)
        return rows

    def _shape_text(self, shape: Shape) -> str:
        """Say what is wrong with the shape of an input."""
        text = f"expects (N, {self.in_features}), input was {shape}"
        features = math.prod(shape[1:])
        if features == self.in_features:
            return f"{text}: is a Flatten missing?"
        if len(shape) in (2, 4):  # rows, or images that were to be rows
            return f"expects {self.in_features} features, got {features} (input was {shape})"
        return text

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        (x,) = self.saved()
        rows = self._gradient_rows(dy)
        dx = ops.linear_backward_input(rows, self.weight.data)
        self._accumulate(rows, x)
        return dx if rows is dy else dx.reshape(*dy.shape[:-1], self.in_features)

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        (x,) = self.saved()
        self._accumulate(self._gradient_rows(dy), x)

    def _gradient_rows(self, dy: Array) -> Array:
        """Return the rows of a gradient of any number of axes."""
        if np.ndim(dy) in (0, 2):
            return dy
        check_contiguous("Linear", "dy", dy)
        rows: Array = dy.reshape(math.prod(dy.shape[:-1]), dy.shape[-1])
        return rows

    def _accumulate(self, dy: Array, x: Array) -> None:
        if not self.weight.requires_grad:
            add_bias_gradient(self.bias, dy)
            return
        weight = self.weight
        if is_put_off(weight.array.size, dy, x) and weight.home is None:
            factored, db = put_off(dy, x)
            weight.accumulate_factored(factored)
        else:
            dw, db = ops.linear_backward_weight(dy, x, out=places(weight, self.bias))
            weight.accumulate(dw)
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N in out."""
        return 2 * math.prod(output_shape[:-1]) * self.weight.numel()

    def _arguments(self) -> str:
        text = f"{self.in_features}, {self.out_features}"
        return text + (", bias=False" if self.bias is None else "")
