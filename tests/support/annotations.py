"""Types that tests share, and what a test knows of a value better than a type checker does."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn.layers import Module, Parameter

Array: TypeAlias = npt.NDArray[Any]
Floats: TypeAlias = npt.NDArray[np.float32]
Shape: TypeAlias = tuple[int, int, int, int]
Options: TypeAlias = dict[str, Any]  # keyword arguments


def wrong(value: object) -> Any:
    """Return a value that is given for one of another type: the test is about the error."""
    return value


def layer_of(model: Module, *path: int) -> Any:
    """Return a layer in a container, or in one within it, of whatever kind it is."""
    for index in path:
        model = model[index]  # type: ignore[index]
    return model


def gradient_of(parameter: Parameter) -> Array:
    """Return the gradient of a parameter, which has one, and not of single rows."""
    assert isinstance(parameter.grad, np.ndarray)
    return parameter.grad


def from_device(array: Any) -> Array:
    """Return a copy of a device array; one of NumPy's is an AttributeError."""
    copy: Array = array.numpy()
    return copy
