"""Functions of each number alone, of arrays of any shape: activations and their gradients.

NaN passes through all of them.
"""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray

__all__ = [
    "gelu",
    "gelu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "tanh",
    "tanh_backward",
]


def relu(x: FloatArray) -> FloatArray:
    """Set negative elements to zero: ``y = 0 if x < 0 else x``, so that NaN passes.

    Parameters
    ----------
    x : ndarray of float32, any shape

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous.
    """
    return of(x).ops.relu(x)


def relu_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Gradient of `relu`: ``dx = 0 if y <= 0 else dy``.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    y : ndarray of float32, the shape of `dy`
        Output of `relu` (its input gives the same gradient).

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, or different shapes.
    """
    return of(dy).ops.relu_backward(dy, y)


def leaky_relu(x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """Scale negative elements: ``y = negative_slope * x if x < 0 else x``.

    Parameters
    ----------
    x : ndarray of float32, any shape
    negative_slope : float
        Slope below zero.

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous; the slope is not a finite float32.
    """
    return of(x).ops.leaky_relu(x, negative_slope)


def leaky_relu_backward(dy: FloatArray, x: FloatArray, negative_slope: float = 0.01) -> FloatArray:
    """Gradient of `leaky_relu`: ``dx = negative_slope * dy if x <= 0 else dy``.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    x : ndarray of float32, the shape of `dy`
        Input of `leaky_relu`.
    negative_slope : float
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, or different shapes.
    """
    return of(dy).ops.leaky_relu_backward(dy, x, negative_slope)


def tanh(x: FloatArray, *, amplitude: float = 1.0, slope: float = 1.0) -> FloatArray:
    """Squash to (-amplitude, amplitude): ``y = amplitude * tanh(slope * x)``.

    Parameters
    ----------
    x : ndarray of float32, any shape
    amplitude : float
        Limit of the output, not zero. LeNet-5 has 1.7159.
    slope : float
        Factor of the input. LeNet-5 has 2/3.

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous; a number is not finite; amplitude is zero,
        or not between 1e-18 and 1e18 in size (the gradient takes its square).

    Notes
    -----
    tanh itself is within 2.4 * 2^-24 of its value, relatively.

    References
    ----------
    Y. LeCun et al., "Gradient-based learning applied to document recognition", Proc. IEEE 86,
    1998, appendix A (the scaled form).
    """
    return of(x).ops.tanh(x, amplitude, slope)


def tanh_backward(
    dy: FloatArray, y: FloatArray, *, amplitude: float = 1.0, slope: float = 1.0
) -> FloatArray:
    """Gradient of `tanh`: ``dx = dy * slope / amplitude * (amplitude - y) * (amplitude + y)``.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    y : ndarray of float32, the shape of `dy`
        Output of `tanh`.
    amplitude, slope : float
        As in the forward pass.

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        As `tanh`, or different shapes.
    """
    return of(dy).ops.tanh_backward(dy, y, amplitude, slope)


def sigmoid(x: FloatArray) -> FloatArray:
    """Squash to (0, 1), the logistic function: ``y = 1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : ndarray of float32, any shape

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous.

    Notes
    -----
    Within 2.5 * 2^-24 of the value, relatively; 0 below x = -87.3.
    """
    return of(x).ops.sigmoid(x)


def sigmoid_backward(dy: FloatArray, y: FloatArray) -> FloatArray:
    """Gradient of `sigmoid`: ``dx = dy * y * (1 - y)``.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    y : ndarray of float32, the shape of `dy`
        Output of `sigmoid`.

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        A wrong dtype, or different shapes.
    """
    return of(dy).ops.sigmoid_backward(dy, y)


def gelu(x: FloatArray, approximate: str = "none") -> FloatArray:
    """Gaussian error linear unit: ``y = x * P(X <= x)`` with X standard normal.

    Parameters
    ----------
    x : ndarray of float32, any shape
    approximate : {'none', 'tanh'}
        'tanh' replaces P by ``(1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``, as networks
        of the first years did.

    Returns
    -------
    ndarray of float32, the shape of `x`

    Raises
    ------
    TypeError, ValueError
        The array is not float32, or not C-contiguous; an unknown `approximate`.

    Notes
    -----
    The exact form keeps its relative accuracy, 8 * 2^-24, for large negative `x` as well.
    Minus infinity gives the limit, zero.

    References
    ----------
    D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016.
    """
    return of(x).ops.gelu(x, approximate)


def gelu_backward(dy: FloatArray, x: FloatArray, approximate: str = "none") -> FloatArray:
    """Gradient of `gelu`: ``dx = dy * (P(X <= x) + x * p(x))``, p the density of X.

    Parameters
    ----------
    dy : ndarray of float32, any shape
        Gradient of the loss with respect to the output.
    x : ndarray of float32, the shape of `dy`
        Input of `gelu`.
    approximate : {'none', 'tanh'}
        As in the forward pass; 'tanh' gives the exact gradient of that form.

    Returns
    -------
    ndarray of float32, the shape of `dy`

    Raises
    ------
    TypeError, ValueError
        As `gelu`, or different shapes.
    """
    return of(dy).ops.gelu_backward(dy, x, approximate)
