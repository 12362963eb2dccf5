"""New tensors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import written
from pycnn._random import default_rng
from pycnn.autograd.graph import Recording, is_recording, recording
from pycnn.autograd.shaping import sizes_of
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Part, Value
from pycnn.devices import is_array, move
from pycnn.init import Rng
from pycnn.init import generator as generator_of

__all__ = [
    "arange",
    "as_tensor",
    "bernoulli",
    "empty",
    "enable_grad",
    "eye",
    "from_numpy",
    "full",
    "is_grad_enabled",
    "is_tensor",
    "linspace",
    "no_grad",
    "ones",
    "ones_like",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "set_grad_enabled",
    "tensor",
    "zeros",
    "zeros_like",
]


def tensor(
    data: Any, dtype: Any = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """Make a tensor of a copy of anything that NumPy takes for an array.

    Parameters
    ----------
    data : array, Tensor, number or nested list
        Floats become float32, whole numbers int64; bool and uint8 stay.
    dtype : dtype, optional
        Another kind of numbers.
    device : str, optional
        Where the tensor is to be; the CPU by default, or where `data` is.
    requires_grad : bool
        Whether gradients are wanted.

    Raises
    ------
    TypeError
        If it is no array of numbers, or gradients are wanted of whole numbers.
    """
    if isinstance(data, Value):
        data = data.array
    if is_array(data) and not isinstance(data, np.ndarray):
        made = data.copy()
    else:
        if isinstance(data, (list, tuple)) and any(isinstance(one, Value) for one in data):
            data = [one.item() if one.numel() == 1 else one.numpy() for one in data]
        made = _of_numbers(np.array(data, order="C"), dtype)
    return Tensor(made if device is None else move(made, str(device)), requires_grad)


def _of_numbers(array: Any, dtype: npt.DTypeLike) -> Any:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"[tensor] data must be numbers, got {array.dtype}")
    if dtype is not None:
        return array.astype(np.float32 if np.dtype(dtype).kind == "f" else dtype)
    if array.dtype.kind == "f":
        return array.astype(np.float32, copy=False).view(np.ndarray)
    return array if array.dtype.itemsize == 1 else array.astype(np.int64, copy=False)


def as_tensor(data: Any, dtype: Any = None, device: str | None = None) -> Tensor:
    """Do what `tensor` does, without a copy where there is nothing to convert."""
    if isinstance(data, Tensor) and dtype is None and device is None:
        return data
    plain = type(data) is np.ndarray and data.dtype in (np.float32, np.int64)
    if plain and data.flags.c_contiguous and dtype is None and device in (None, "cpu"):
        x = Tensor(data)
        x._base = Part(None, as_tensor, None, False)
        return x
    return tensor(data, dtype, device)


def from_numpy(array: npt.NDArray[Any]) -> Tensor:
    """Make a tensor that shares the memory of an array, if that is float32 and contiguous."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"[from_numpy] needs an array of NumPy, got {written(array)}")
    return as_tensor(array)


def _made(array: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    array = array.astype(np.float32 if dtype is None else dtype, copy=False)
    if array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
    return Tensor(array if device is None else move(array, str(device)), requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor of zeros."""
    return _made(np.zeros(sizes_of(size), np.float32), dtype, device, requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Do what `zeros` does: no tensor holds what happened to be in memory."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor of ones."""
    return _made(np.ones(sizes_of(size), np.float32), dtype, device, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of one value."""
    kind = dtype or (np.float32 if isinstance(fill_value, float) else np.asarray(fill_value).dtype)
    return _made(np.full(sizes_of((size,)), fill_value), kind, device, requires_grad)


def rand(
    *size: Any,
    generator: Rng = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from the uniform distribution on [0, 1)."""
    numbers = generator_of(generator, "rand").random(sizes_of(size), np.float32)
    return _made(numbers, dtype, device, requires_grad)


def randn(
    *size: Any,
    generator: Rng = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw from the normal distribution of mean 0 and variance 1."""
    numbers = generator_of(generator, "randn").standard_normal(sizes_of(size), np.float32)
    return _made(numbers, dtype, device, requires_grad)


def randint(
    low: int, high: Any = None, size: Any = None, *, generator: Rng = None, device: Any = None
) -> Tensor:
    """Draw whole numbers from low to high - 1, or from 0 to low - 1 if only one is given."""
    if size is None:
        low, high, size = 0, low, high
    numbers = generator_of(generator, "randint").integers(low, high, sizes_of((size,)))
    return _made(numbers, np.int64, device, False)


def randperm(n: int, *, generator: Rng = None, device: Any = None) -> Tensor:
    """Draw an order of the numbers 0 to n - 1."""
    numbers = generator_of(generator, "randperm").permutation(operator.index(n))
    return _made(numbers, np.int64, device, False)


def bernoulli(p: Tensor, *, generator: Rng = None) -> Tensor:
    """Draw 1 with the probability at each place, else 0."""
    drawn = generator_of(generator, "bernoulli").random(p.shape, np.float32) < p.numpy()
    return _like(p, drawn.astype(np.float32), False)


def arange(
    start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Count from start (0 if it is left out) up to, but not including, end."""
    start, end = (0, start) if end is None else (start, end)
    numbers = np.arange(start, end, step)
    kind = dtype or (np.int64 if numbers.dtype.kind == "i" else np.float32)
    return _made(numbers, kind, device, False)


def linspace(start: float, end: float, steps: int, *, device: Any = None) -> Tensor:
    """Divide a range evenly; both ends are included."""
    return _made(np.linspace(start, end, operator.index(steps)), None, device, False)


def eye(n: int, m: int | None = None, *, device: Any = None) -> Tensor:
    """Make a matrix with ones on its diagonal."""
    return _made(np.eye(n, m, dtype=np.float32), None, device, False)


def _like(x: Tensor, numbers: Any, requires_grad: bool) -> Tensor:
    return Tensor(move(numbers, x.device), requires_grad)


def zeros_like(x: Tensor, requires_grad: bool = False) -> Tensor:
    """Make zeros of the shape and dtype of another tensor, on its device."""
    return Tensor(x.backend.zeros(x.shape, x.dtype), requires_grad)


def ones_like(x: Tensor, requires_grad: bool = False) -> Tensor:
    """Make ones of the shape of another tensor, on its device."""
    kind = np.float32 if x.dtype.kind == "f" else x.dtype
    return _like(x, np.ones(x.shape, kind), requires_grad)


def rand_like(x: Tensor, requires_grad: bool = False) -> Tensor:
    """Draw what `rand` does, in the shape of another tensor and on its device."""
    return _like(x, default_rng().random(x.shape, np.float32), requires_grad)


def randn_like(x: Tensor, requires_grad: bool = False) -> Tensor:
    """Draw what `randn` does, in the shape of another tensor and on its device."""
    return _like(x, default_rng().standard_normal(x.shape, np.float32), requires_grad)


def no_grad() -> Any:
    """Record nothing in a ``with`` block, or in a function that this decorates.

    Examples
    --------
    >>> weight = pycnn.tensor([1.0], requires_grad=True)
    >>> with pycnn.no_grad():
    ...     weight -= 0.1
    >>> weight
    tensor([0.9], dtype=float32, requires_grad=True)
    """
    return recording(False)


def enable_grad() -> Any:
    """Record in a ``with`` block within `no_grad`."""
    return recording(True)


def set_grad_enabled(mode: bool) -> Any:
    """Record from now on, or do not; as a ``with`` block, until that ends."""
    return Recording(bool(mode))


def is_grad_enabled() -> bool:
    """Return whether ops on tensors are recorded in this thread."""
    return is_recording()


def is_tensor(value: Any) -> bool:
    """Return whether this is a tensor."""
    return isinstance(value, Tensor)
