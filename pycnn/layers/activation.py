"""Activations and dropout: layers without parameters, which keep the shape."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import backends, init, ops
from pycnn._arguments import choice, float32, fraction, real, seeds
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import FLOAT, Array, check_kind
from pycnn.layers.spread import spread_here


class ReLU(Module):
    """Rectifier ``max(x, 0)``; NaN passes. See `pycnn.ops.relu`."""

    def forward(self, x: Array) -> Array:
        """Rectify; any shape."""
        y = ops.relu(x)
        self._save(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Pass the gradient where the output was positive."""
        return ops.relu_backward(dy, self._saved())


class LeakyReLU(Module):
    """Rectifier with a slope below zero; see `pycnn.ops.leaky_relu`.

    Parameters
    ----------
    negative_slope : float
        Factor of negative numbers.

    Raises
    ------
    TypeError, ValueError
        If `negative_slope` is not a finite number.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = real("[LeakyReLU] negative_slope", negative_slope)

    def forward(self, x: Array) -> Array:
        """Scale negative numbers; any shape."""
        self._save(x)
        return ops.leaky_relu(x, self.negative_slope)

    def backward(self, dy: Array) -> Array:
        """Scale the gradient where the input was not positive."""
        return ops.leaky_relu_backward(dy, self._saved(), self.negative_slope)

    def _arguments(self) -> str:
        return f"{self.negative_slope}"


class Tanh(Module):
    """Hyperbolic tangent; see `pycnn.ops.tanh`."""

    def forward(self, x: Array) -> Array:
        """Squash to (-1, 1); any shape."""
        y = ops.tanh(x)
        self._save(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by ``1 - y^2``."""
        return ops.tanh_backward(dy, self._saved())


class ScaledTanh(Module):
    """``amplitude * tanh(slope * x)``, LeNet-5's squashing function; see `pycnn.ops.tanh`.

    With the default numbers f(1) = 1 and f(-1) = -1, and the slope's extremes are there.

    Parameters
    ----------
    amplitude : float
        Limit of the output; not zero.
    slope : float
        Factor of the input.

    Raises
    ------
    TypeError, ValueError
        If a number is not finite, or `amplitude` is zero.

    References
    ----------
    Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86,
    1998, appendix A.
    """

    def __init__(self, amplitude: float = 1.7159, slope: float = 2 / 3) -> None:
        self.amplitude = float32("[ScaledTanh] amplitude", amplitude)
        self.slope = float32("[ScaledTanh] slope", slope)
        if self.amplitude == 0:
            raise ValueError("[ScaledTanh] amplitude must not be zero")
        if not 1e-18 <= abs(self.amplitude) <= 1e18:  # its square is taken
            raise ValueError(
                f"[ScaledTanh] amplitude must be between 1e-18 and 1e18 in size, got {amplitude}"
            )

    def forward(self, x: Array) -> Array:
        """Squash to (-amplitude, amplitude); any shape."""
        y = ops.tanh(x, amplitude=self.amplitude, slope=self.slope)
        self._save(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by the slope, known from the output."""
        return ops.tanh_backward(dy, self._saved(), amplitude=self.amplitude, slope=self.slope)

    def _arguments(self) -> str:
        return f"amplitude={self.amplitude}, slope={self.slope}"


class Sigmoid(Module):
    """Logistic function ``1 / (1 + exp(-x))``; see `pycnn.ops.sigmoid`."""

    def forward(self, x: Array) -> Array:
        """Squash to (0, 1); any shape."""
        y = ops.sigmoid(x)
        self._save(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by ``y (1 - y)``."""
        return ops.sigmoid_backward(dy, self._saved())


class GELU(Module):
    """Gaussian error linear unit; see `pycnn.ops.gelu`.

    Parameters
    ----------
    approximate : {'none', 'tanh'}
        The exact function, or its older approximation by tanh.

    Raises
    ------
    ValueError
        If `approximate` is neither.
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = choice("[GELU] approximate", approximate, ("none", "tanh"))

    def forward(self, x: Array) -> Array:
        """Weigh each number by the normal distribution function; any shape."""
        self._save(x)
        return ops.gelu(x, self.approximate)

    def backward(self, dy: Array) -> Array:
        """Multiply by the slope."""
        return ops.gelu_backward(dy, self._saved(), self.approximate)

    def _arguments(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"


class Softmax(Module):
    """Probabilities of the classes, which add up to 1; see `pycnn.ops.softmax`.

    A network that is trained with `CrossEntropyLoss` does not need it: the loss contains it.
    """

    def forward(self, x: Array) -> Array:
        """Turn scores (N, C) into probabilities."""
        if x.ndim != 2:
            raise ValueError(f"expects (N, C), one row a sample, input was {x.shape}")
        p = ops.softmax(x)
        self._save(p)
        return p

    def backward(self, dy: Array) -> Array:
        """Multiply by the Jacobian of each row."""
        return ops.softmax_backward(dy, self._saved())


class LogSoftmax(Module):
    """Logarithms of the probabilities of the classes, for `NLLLoss`; see `pycnn.ops.log_softmax`.

    `CrossEntropyLoss` on the scores does the same as this layer with `NLLLoss`, in one step.
    """

    def forward(self, x: Array) -> Array:
        """Turn scores (N, C) into log-probabilities."""
        if x.ndim != 2:
            raise ValueError(f"expects (N, C), one row a sample, input was {x.shape}")
        y = ops.log_softmax(x)
        self._save(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by the Jacobian of each row."""
        return ops.log_softmax_backward(dy, self._saved())


class Dropout(Module):
    """In training, zero each number with probability p and scale the rest by 1 / (1 - p).

    See `pycnn.ops.dropout`; each forward pass draws a new seed for it.

    Parameters
    ----------
    p : float in [0, 1)
        Probability of a zero.
    rng : Generator, int or None
        Random numbers. `pycnn.fit` restarts them from its own seed.

    Raises
    ------
    TypeError, ValueError
        If `p` is not a number in [0, 1); in `forward`, if the input is not a float array, or in
        training not a C-contiguous one of float32.

    References
    ----------
    Srivastava et al.: Dropout: a simple way to prevent neural networks from overfitting, 2014.
    """

    def __init__(self, p: float = 0.5, *, rng: init.Rng = None) -> None:
        self.p = fraction("[Dropout] p", p)
        self.rng = init.generator(rng, "Dropout")

    def forward(self, x: Array) -> Array:
        """Drop in training mode; give `x` itself in evaluation mode."""
        check_kind("Dropout", "x", x, FLOAT)
        if not self.training:
            self._save((x.shape, None))
            return x
        y, kept = backends.of(x).on_replay(lambda: _drop(x, self.p, self._seed()))
        self._save((x.shape, (kept, self.p)))
        return y

    def backward(self, dy: Array) -> Array:
        """Drop and scale the gradient as the forward pass did."""
        shape, dropped = self._saved()
        self._check_gradient(dy, shape)
        return dy if dropped is None else ops.dropout_backward(dy, *dropped)

    def _seed(self) -> int:
        return int(self.rng.integers(2**64, dtype=np.uint64))

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Restart the random numbers from `seed`."""
        self.rng = np.random.default_rng(seeds("Dropout", seed))

    def _arguments(self) -> str:
        return f"{self.p}"


def _drop(x: Array, p: float, seed: int) -> tuple[Array, Array]:
    """Drop the numbers that would be dropped if the whole batch, of which `x` is a part, were here.

    The random numbers come in blocks of four (see `pycnn.ops.dropout`): where the part begins
    inside of one, it is moved behind what is missing of the block.
    """
    part = spread_here()
    if part is None or not part.first:
        return ops.dropout(x, p, seed)
    block, inside = divmod(part.numbers_before(x.size), 4)
    if not inside:
        return ops.dropout(x, p, seed, first_block=block)
    padded = np.zeros(inside + x.size, np.float32)
    padded[inside:] = on_cpu(x).ravel()
    y, kept = ops.dropout(padded, p, seed, first_block=block)
    device = device_of(x)
    return (
        move(np.ascontiguousarray(y[inside:]).reshape(x.shape), device),
        move(np.ascontiguousarray(kept[inside:]).reshape(x.shape), device),
    )
