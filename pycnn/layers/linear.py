"""The fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pycnn import backends, init, ops
from pycnn._arguments import flag, integer
from pycnn.autograd import Tensor
from pycnn.autograd.fused import affine
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter, Shape, add_bias_gradient, places


class Linear(Module):
    """Affine map of each row: ``y = x W^T + b``; see `pycnn.ops.linear`.

    Parameters
    ----------
    in_features, out_features : int
        Columns of x and of y.
    bias : bool
        Whether to add a learned number to each output.
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
        self, in_features: int, out_features: int, bias: bool = True, *, rng: init.Rng = None
    ) -> None:
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
        """Map (N, in_features) to (N, out_features)."""
        return self._forward(ops.linear, x)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor, together with a rectifier that may follow."""
        array, weight = x.data, self.weight.data
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
        try:
            y = op(x, self.weight.data, None if bias is None else bias.data)
        except ValueError:
            # The layer's own words; checked only after a failure, so that a good x costs nothing.
            if x.ndim != 2 or x.shape[1] != self.in_features:
                raise ValueError(self._shape_text(x.shape)) from None
            raise
        self.save_for_backward(x)
        return y

    def _shape_text(self, shape: Shape) -> str:
        """Say what is wrong with the shape of an input."""
        text = f"expects (N, {self.in_features}), input was {shape}"
        features = math.prod(shape[1:])
        if features == self.in_features:
            return f"{text}: is a Flatten missing?"
        if len(shape) in (2, 4):  # rows, or images that were to be rows
            return f"expects {self.in_features} features, got {features} (input was {shape})"
        if shape and shape[-1] == self.in_features:
            return f"{text}: give x.reshape(-1, {self.in_features})"
        return text

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        (x,) = self.saved()
        dx = ops.linear_backward_input(dy, self.weight.data)
        self._accumulate(dy, x)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Accumulate the gradients of weight and bias only."""
        self._accumulate(dy, *self.saved())

    def _accumulate(self, dy: Array, x: Array) -> None:
        if not self.weight.requires_grad:
            add_bias_gradient(self.bias, dy)
            return
        dw, db = ops.linear_backward_weight(dy, x, out=places(self.weight, self.bias))
        self.weight.accumulate(dw)
        if self.bias is not None:
            self.bias.accumulate(db)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N in out."""
        return 2 * output_shape[0] * self.weight.numel()

    def _arguments(self) -> str:
        text = f"{self.in_features}, {self.out_features}"
        return text + (", bias=False" if self.bias is None else "")
