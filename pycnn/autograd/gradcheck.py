"""Gradients compared with slopes, in the float64 of the reference."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pycnn._arguments import positive, written
from pycnn.autograd.modes import no_grad
from pycnn.autograd.structure import leaves, mapped
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Value
from pycnn.devices import backend, is_array

Function = Callable[..., Any]


def gradcheck(
    function: Function,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of a function or a model with central differences.

    Everything is computed in float64 by `pycnn.reference`: the inputs are moved there, and of a
    model a copy. For each input, and each parameter of a model, the gradient of a random weighting
    of the outputs must be the slope ``(f(x + eps) - f(x - eps)) / (2 eps)`` within
    ``atol + rtol |slope|``.

    Parameters
    ----------
    function : callable or Module
        What is called with the inputs; it returns a tensor, or several.
    inputs : tensor or array, or a sequence of them
        Floats are checked; whole numbers are handed on.
    eps : float
        Step of the differences.
    atol, rtol : float
        Largest error, and its share of the slope.
    raise_exception : bool
        Whether to raise where a gradient is wrong, and not return False.

    Returns
    -------
    bool
        Whether all gradients are right.

    Raises
    ------
    AssertionError
        If a gradient is wrong; the text names the worst element.
    TypeError
        If the function returns no tensor, or there is nothing to check.

    Notes
    -----
    A function with a kink, such as a ReLU at 0, has no slope there: choose other inputs. What draws
    random numbers, such as dropout, must draw the same ones at each call.

    Examples
    --------
    >>> x = pycnn.randn(2, 3)
    >>> pycnn.gradcheck(lambda x: (x * x).sum(), x)
    True
    """
    positive("gradcheck", "eps", eps)
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    reference = backend("reference")
    tensors = []
    for x in given:
        array = x.array if isinstance(x, Value) else x
        if not is_array(array):
            raise TypeError(f"[gradcheck] inputs must be tensors or arrays, got {written(x)}")
        moved = reference.from_numpy(np.array(np.asarray(array), order="C"))
        tensors.append(Tensor(moved, requires_grad=moved.dtype.kind == "f"))
    checked = [(f"input {i}", t) for i, t in enumerate(tensors) if t.requires_grad]
    if callable(getattr(function, "named_parameters", None)):
        function = copy.deepcopy(function).to("reference")  # type: ignore[attr-defined]
        checked += [(n, p) for n, p in function.named_parameters() if p.requires_grad]  # type: ignore[attr-defined]
    if not checked:
        raise TypeError("[gradcheck] no input holds floats, and there are no parameters")
    outputs = _outputs(function, tensors)
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(y.shape) for y in outputs]
    total: Any = sum(
        (y * Tensor(reference.from_numpy(w))).sum() for y, w in zip(outputs, weights, strict=True)
    )
    for _, x in checked:
        x.gradient = None
    if total.requires_grad:
        total.backward()

    def value() -> float:
        with no_grad():
            found = _outputs(function, tensors)
            return sum(float((y.numpy() * w).sum()) for y, w in zip(found, weights, strict=True))

    worst: tuple[float, str] = (0.0, "")
    for name, x in checked:
        grad = np.zeros(x.shape) if x.gradient is None else _dense(x.gradient)
        slopes = np.empty(x.shape)
        for place in np.ndindex(x.shape):
            before = x.array[place]
            x.array[place] = before + eps
            above = value()
            x.array[place] = before - eps
            slopes[place] = (above - value()) / (2 * eps)
            x.array[place] = before
        over = np.abs(grad - slopes) - (atol + rtol * np.abs(slopes))
        over = np.where(np.isfinite(over), over, np.inf)
        if over.size and over.max() > worst[0]:
            place = np.unravel_index(int(over.argmax()), over.shape)
            at = tuple(int(i) for i in place)
            worst = (
                float(over.max()),
                f"[gradcheck] the gradient of {name} is wrong: element {at} is {grad[at]:.6g}, "
                f"the slope there {slopes[at]:.6g} ({int((over > 0).sum())} of {over.size} wrong)",
            )
    if worst[1] and raise_exception:
        raise AssertionError(worst[1])
    return not worst[1]


def _outputs(function: Function, tensors: Sequence[Tensor]) -> list[Tensor]:
    found = leaves(mapped(lambda y: y, function(*tensors)))
    if not found or not all(isinstance(y, Tensor) for y in found):
        kinds = ", ".join(type(y).__name__ for y in found)
        raise TypeError(f"[gradcheck] the function must return tensors, returned {kinds}")
    return [y for y in found if y.dtype.kind == "f"]


def _dense(grad: Any) -> Any:
    return np.asarray(grad.to_dense() if hasattr(grad, "to_dense") else grad)
