"""The newer activations, each a kind of one op: `pycnn.ops.activation` has their formulas."""

from __future__ import annotations

from typing import Any, ClassVar

from pycnn import ops
from pycnn._arguments import flag, float32, positive
from pycnn.autograd import Tensor
from pycnn.autograd.fused_norm import limited
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array


class _Activation(Module):
    """A kind of `pycnn.ops.activation`, with the numbers that it takes.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.
    """

    _kind: ClassVar[str]

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = flag(type(self).__name__, "inplace", inplace)

    def _numbers(self) -> tuple[float, float]:
        """Return the op's a and b."""
        return 0.0, 0.0

    def forward(self, x: Array) -> Array:
        """Apply the function to each number; any shape."""
        y = ops.activation(x, self._kind, *self._numbers())
        self.save_for_backward(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Multiply by the slope at the input."""
        (x,) = self.saved()
        return ops.activation_backward(dy, x, self._kind, *self._numbers())

    def _arguments(self) -> str:
        return "inplace=True" if self.inplace else ""

    def _with_inplace(self, text: str) -> str:
        return text + (", inplace=True" if self.inplace else "")


class SiLU(_Activation):
    """Sigmoid linear unit, or swish: ``x / (1 + exp(-x))``.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2017.
    """

    _kind = "silu"


class Mish(_Activation):
    """Mish: ``x tanh(log(1 + exp(x)))``.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.

    References
    ----------
    D. Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
    """

    _kind = "mish"


class Hardswish(_Activation):
    """Swish in straight lines: ``x min(max(x + 3, 0), 6) / 6``.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """

    _kind = "hardswish"


class Hardsigmoid(_Activation):
    """Sigmoid in straight lines: ``min(max(x + 3, 0), 6) / 6``.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """

    _kind = "hardsigmoid"


class ELU(_Activation):
    """Exponential linear unit: ``x`` above 0, else ``alpha (exp(x) - 1)``.

    Parameters
    ----------
    alpha : float
        Minus the limit of the output for large negative numbers.
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError, ValueError
        If `alpha` is not a finite float32, or `inplace` not a bool.

    References
    ----------
    D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by
    exponential linear units (ELUs)", ICLR 2016.
    """

    _kind = "elu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = float32("ELU", "alpha", alpha)

    def _numbers(self) -> tuple[float, float]:
        return self.alpha, 0.0

    def _arguments(self) -> str:
        return self._with_inplace(f"alpha={self.alpha}")


class Softplus(_Activation):
    """Smooth rectifier: ``log(1 + exp(beta x)) / beta``, but ``x`` where ``beta x > threshold``.

    Parameters
    ----------
    beta : float
        Sharpness of the bend, above 0.
    threshold : float
        Where the straight line begins.

    Raises
    ------
    TypeError, ValueError
        If a number is not a finite float32, or `beta` is not above 0.

    References
    ----------
    C. Dugas et al., "Incorporating second-order functional knowledge for better option pricing",
    NIPS 2000.
    """

    _kind = "softplus"

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        positive("Softplus", "beta", beta)
        self.beta = float32("Softplus", "beta", beta)
        self.threshold = float32("Softplus", "threshold", threshold)

    def _numbers(self) -> tuple[float, float]:
        return self.beta, self.threshold

    def _arguments(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(_Activation):
    """Clipped identity: ``min(max(x, min_val), max_val)``.

    The gradient is 0 at both ends and beyond.

    Parameters
    ----------
    min_val, max_val : float
        Least and largest output; `min_val` is below `max_val`.
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError, ValueError
        If a limit is not a finite float32, `min_val` is not below `max_val`, or `inplace` is not a
        bool.
    """

    _kind = "hardtanh"

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        owner = type(self).__name__
        self.min_val = float32(owner, "min_val", min_val)
        self.max_val = float32(owner, "max_val", max_val)
        if not self.min_val < self.max_val:
            raise ValueError(
                f"[{owner}] min_val must be below max_val, got {self.min_val} and {self.max_val}"
            )

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor: as one op with a batch norm before it, if there is one."""
        y = limited(x, self.min_val, self.max_val, self.inplace)
        return NotImplemented if y is None else y

    def _numbers(self) -> tuple[float, float]:
        return self.min_val, self.max_val

    def _arguments(self) -> str:
        return self._with_inplace(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """Rectifier that ends at 6: ``min(max(x, 0), 6)``.

    Parameters
    ----------
    inplace : bool
        Whether a tensor that it is given becomes the result, as in PyTorch. Arrays stay.

    Raises
    ------
    TypeError
        If `inplace` is not a bool.

    References
    ----------
    A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def _arguments(self) -> str:
        return "inplace=True" if self.inplace else ""
