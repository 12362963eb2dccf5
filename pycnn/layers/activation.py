"""Activations: layers without parameters that keep the shape."""

from __future__ import annotations

from pycnn import ops
from pycnn._arguments import choice, flag, float32, real
from pycnn.autograd import Tensor
from pycnn.autograd.fused import relu
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array


class ReLU(Module):
    """Rectifier ``max(x, 0)``; NaN passes. See `pycnn.ops.relu`.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag("ReLU", "inplace", inplace)

    def on_tensors(self, x: Tensor) -> Tensor:
        """Do `forward` on a tensor: as one op with a layer before it, if there is one."""
        return relu(x, self.inplace)

    def forward(self, x: Array) -> Array:
        """Rectify; any shape."""
        y = ops.relu(x)
        self.save_for_backward(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Pass the gradient where the output was positive."""
        (y,) = self.saved()
        return ops.relu_backward(dy, y)

    def _arguments(self) -> str:
        return "inplace=True" if self.inplace else ""


class LeakyReLU(Module):
    """Rectifier with a slope below zero; see `pycnn.ops.leaky_relu`.

    Parameters
    ----------
    negative_slope : float
        Factor of negative numbers.
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError, ValueError
        If `negative_slope` is not a finite number, or `inplace` not a bool.
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.inplace = flag("LeakyReLU", "inplace", inplace)
        self.negative_slope = real("LeakyReLU", "negative_slope", negative_slope)

    def forward(self, x: Array) -> Array:
        """Scale negative numbers; any shape."""
        self.save_for_backward(x)
        return ops.leaky_relu(x, self.negative_slope)

    def backward(self, dy: Array) -> Array:
        """Scale the gradient where the input was not positive."""
        (x,) = self.saved()
        return ops.leaky_relu_backward(dy, x, self.negative_slope)

    def _arguments(self) -> str:
        return f"{self.negative_slope}" + (", inplace=True" if self.inplace else "")


class Tanh(Module):
    """Hyperbolic tangent; see `pycnn.ops.tanh`."""

    def forward(self, x: Array) -> Array:
        """Squash to (-1, 1); any shape."""
        y = ops.tanh(x)
        self.save_for_backward(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by ``1 - y^2``."""
        (y,) = self.saved()
        return ops.tanh_backward(dy, y)


class ScaledTanh(Module):
    """``amplitude * tanh(slope * x)``, LeNet-5's squashing function; see `pycnn.ops.tanh`.

    By default f(1) = 1 and f(-1) = -1, and the second derivative has its extremes there.

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
        self.amplitude = float32("ScaledTanh", "amplitude", amplitude)
        self.slope = float32("ScaledTanh", "slope", slope)
        if self.amplitude == 0:
            raise ValueError("[ScaledTanh] amplitude must not be zero")
        if not 1e-18 <= abs(self.amplitude) <= 1e18:  # its square is taken
            raise ValueError(
                f"[ScaledTanh] amplitude must be between 1e-18 and 1e18 in size, got {amplitude}"
            )

    def forward(self, x: Array) -> Array:
        """Squash to (-amplitude, amplitude); any shape."""
        y = ops.tanh(x, amplitude=self.amplitude, slope=self.slope)
        self.save_for_backward(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by the derivative, which is a function of the output."""
        (y,) = self.saved()
        return ops.tanh_backward(dy, y, amplitude=self.amplitude, slope=self.slope)

    def _arguments(self) -> str:
        return f"amplitude={self.amplitude}, slope={self.slope}"


class Sigmoid(Module):
    """Logistic function ``1 / (1 + exp(-x))``; see `pycnn.ops.sigmoid`."""

    def forward(self, x: Array) -> Array:
        """Squash to (0, 1); any shape."""
        y = ops.sigmoid(x)
        self.save_for_backward(y)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by ``y (1 - y)``."""
        (y,) = self.saved()
        return ops.sigmoid_backward(dy, y)


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
        self.approximate = choice("GELU", "approximate", approximate, ("none", "tanh"))

    def forward(self, x: Array) -> Array:
        """Weigh each number by the normal distribution function; any shape."""
        self.save_for_backward(x)
        return ops.gelu(x, self.approximate)

    def backward(self, dy: Array) -> Array:
        """Multiply by the derivative."""
        (x,) = self.saved()
        return ops.gelu_backward(dy, x, self.approximate)

    def _arguments(self) -> str:
        return "" if self.approximate == "none" else f"approximate={self.approximate!r}"
