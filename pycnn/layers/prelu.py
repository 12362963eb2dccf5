"""A rectifier whose slope below zero is learned."""

from __future__ import annotations

import math

from pycnn import backends, ops
from pycnn import init as initial
from pycnn._arguments import float32, integer
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter


class PReLU(Module):
    """Parametric rectifier: ``x`` above 0, else ``weight[c] x``.

    Parameters
    ----------
    num_parameters : int
        1 for one slope, or the number of channels for a slope of each: axis 1 of the input, of any
        number of axes from two on.
    init : float
        First value of the slopes.

    Attributes
    ----------
    weight : Parameter, (num_parameters,)
        The slopes. Weight decay, which pulls them to 0, makes little sense for them.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    The gradients of the slopes are summed in double precision; a number that is 0 gets the slope.

    References
    ----------
    K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        self.num_parameters = integer("PReLU", "num_parameters", num_parameters, 1)
        self.init = float32("PReLU", "init", init)
        self.weight = Parameter(initial.constant((self.num_parameters,), self.init))

    def forward(self, x: Array) -> Array:
        """Scale negative numbers by the slope of their channel."""
        negative = self._by_channel(ops.activation(x, "negative"))
        scaled = ops.channel_affine(negative, self.weight.data, self._no_shift())
        y: Array = backends.of(x).binary("add", ops.relu(x), scaled.reshape(x.shape))
        self.save_for_backward(x, negative)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradient of the slopes, and return that of the input."""
        x, negative = self.saved()
        below = self._by_channel(ops.activation_backward(dy, x, "negative"))
        if self.weight.requires_grad:
            scaled, dweight, _ = ops.channel_affine_backward(below, negative, self.weight.data)
            self.weight.accumulate(dweight)
        else:
            scaled = ops.channel_affine(below, self.weight.data, self._no_shift())
        above = ops.relu_backward(dy, x)
        dx: Array = backends.of(dy).binary("add", above, scaled.reshape(x.shape))
        return dx

    def _by_channel(self, x: Array) -> Array:
        """Return an array as images of shape (N, num_parameters, ..., 1)."""
        channels = self.num_parameters
        if channels > 1 and (x.ndim < 2 or x.shape[1] != channels):
            raise ValueError(f"expects (N, {channels}, ...), input was {x.shape}")
        first = x.shape[0] if x.ndim > 1 else 1
        rest = math.prod(x.shape[1:]) if x.ndim > 1 else x.size
        return x.reshape((first, channels, rest // channels, 1))

    def _no_shift(self) -> Array:
        weight = self.weight.data
        zeros: Array = backends.of(weight).zeros_like(weight)
        return zeros

    def _arguments(self) -> str:
        return f"num_parameters={self.num_parameters}" + (
            "" if self.init == 0.25 else f", init={self.init}"
        )
