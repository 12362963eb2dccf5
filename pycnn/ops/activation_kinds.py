"""The newer activations: one op for functions of each number, by name, and its gradient."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = ["activation", "activation_backward"]


def activation(x: FloatArray, kind: str, a: float = 0.0, b: float = 0.0) -> FloatArray:
    """Apply a function of each number, chosen by name.

    With the logistic function s(x) = 1 / (1 + exp(-x)):

    ============== ============================================================= ============
    kind           y                                                             numbers
    ============== ============================================================= ============
    'silu'         ``x s(x)``                                                    none
    'elu'          ``x`` above 0, else ``a (exp(x) - 1)``                        a
    'hardswish'    ``x min(max(x + 3, 0), 6) / 6``                               none
    'hardsigmoid'  ``min(max(x + 3, 0), 6) / 6``                                 none
    'softplus'     ``log(1 + exp(a x)) / a``, but ``x`` where ``a x > b``        a > 0, b
    'mish'         ``x tanh(log(1 + exp(x)))``                                   none
    'hardtanh'     ``min(max(x, a), b)``                                         a <= b
    'negative'     ``min(x, 0)``, what `relu` leaves out                         none
    'focal'        ``b (1 - exp(x))^a x`` of a log-probability x, at most 0      a >= 0, b
    ============== ============================================================= ============

    NaN passes, and an infinity gives the limit.

    Parameters
    ----------
    x : ndarray of float32, any shape
    kind : str
        A name of the table.
    a, b : float
        The numbers of the table; 0 where a kind does not take them.

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous; an unknown kind; a number that is not a
        finite float32, or not as in the table.

    Notes
    -----
    Values are within 12 * 2^-24 relatively ('softplus': and ``|a x|`` such units more below 0;
    'focal': grows with a), and absolutely 2^-119 where they vanish.

    References
    ----------
    S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2017 (SiLU); D.-A. Clevert, T. Unterthiner,
    S. Hochreiter, "Fast and accurate deep network learning by exponential linear units", ICLR 2016
    (ELU); A. Howard et al., "Searching for MobileNetV3", ICCV 2019 (the hard forms); D. Misra,
    "Mish", BMVC 2020; T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    return of(x).ops.activation(x, kind, a, b)


def activation_backward(
    dy: FloatArray, x: FloatArray, kind: str, a: float = 0.0, b: float = 0.0
) -> FloatArray:
    """Gradient of `activation`: ``dx = dy * slope of the function at x``.

    At a kink the slope is PyTorch's: 0 at both ends of 'hardtanh' and 'hardsigmoid' and at -3 of
    'hardswish', 1 at its 3, a at the 0 of 'elu', and 1 at that of 'negative'. Where a slope is 0
    on a whole side, the gradient is 0 for any `dy`.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    x : ndarray of float32, the shape of `dy`
        Input of `activation`.
    kind, a, b
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        As `activation`, or different shapes.
    """
    return of(dy).ops.activation_backward(dy, x, kind, a, b)
