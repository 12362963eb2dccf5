"""New tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import backends
from pycnn._arguments import written
from pycnn.autograd.shaping import sizes_of
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Part, Value
from pycnn.devices import is_array, move

__all__ = [
    "arange",
    "as_tensor",
    "empty",
    "empty_like",
    "eye",
    "from_numpy",
    "full",
    "full_like",
    "is_tensor",
    "linspace",
    "ones",
    "ones_like",
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
        Another kind of numbers; floats of any size become float32.
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
    if is_array(data) and backends.of(data) is not backends.of_cpu():
        made = data.copy()
        if dtype is not None:
            made = backends.of(made).astype(made, _stored(dtype))
    else:
        if isinstance(data, (list, tuple)) and any(isinstance(one, Value) for one in data):
            data = [one.item() if one.numel() == 1 else one.numpy() for one in data]
        try:
            made = _of_numbers(np.array(data, order="C"), dtype)
        except ValueError as error:  # lists of different lengths
            raise ValueError(f"[tensor] data must be numbers in even rows: {error}") from None
    return Tensor(made if device is None else move(made, str(device)), requires_grad)


def _stored(dtype: npt.DTypeLike) -> npt.DTypeLike:
    """Return the dtype in which numbers are kept: float32 for all floats."""
    try:
        return np.float32 if np.dtype(dtype).kind == "f" else dtype
    except TypeError:
        raise TypeError(f"[Tensor] there is no dtype {written(dtype)}") from None


def _of_numbers(array: Any, dtype: npt.DTypeLike) -> Any:
    if array.dtype.kind not in "biuf":
        raise TypeError(f"[tensor] data must be numbers, got {array.dtype}")
    if dtype is not None:
        return array.astype(_stored(dtype))
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


def shape_of(sizes: Any) -> tuple[int, ...]:
    """Return the sizes of a new tensor, given one by one or as one sequence."""
    shape = sizes_of(sizes)
    if any(n < 0 for n in shape):
        raise ValueError(f"[Tensor] sizes must not be negative, got {shape}")
    return shape


def made(array: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """Return an array of NumPy as a tensor of a dtype (None: float32) on a device."""
    if array.dtype.kind not in "biuf":
        raise TypeError(f"[Tensor] values must be numbers, got {array.dtype}")
    array = array.astype(_stored(np.float32 if dtype is None else dtype), copy=False)
    return Tensor(array if device is None else move(array, str(device)), requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor of zeros."""
    return made(np.zeros(shape_of(size), np.float32), dtype, device, requires_grad)


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Do what `zeros` does: no tensor holds what happened to be in memory."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Make a tensor of ones."""
    return made(np.ones(shape_of(size), np.float32), dtype, device, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a tensor of one value."""
    kind = dtype or (np.float32 if isinstance(fill_value, float) else np.asarray(fill_value).dtype)
    return made(np.full(shape_of((size,)), fill_value), kind, device, requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Count from start (0 if it is left out) up to, but not including, end."""
    start, end = (0, start) if end is None else (start, end)
    if step == 0:
        raise ValueError("[arange] step must not be 0")
    numbers = np.arange(start, end, step)
    kind = dtype or (np.int64 if numbers.dtype.kind == "i" else np.float32)
    return made(numbers, kind, device, requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Divide a range evenly; both ends are included."""
    (count,) = shape_of((steps,))
    return made(np.linspace(float(start), float(end), count), dtype, device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a matrix with ones on its diagonal."""
    rows, columns = shape_of((n, n if m is None else m))
    return made(np.eye(rows, columns, dtype=np.float32), dtype, device, requires_grad)


def like(
    x: Tensor, numbers: Any, requires_grad: bool, dtype: Any = None, device: Any = None
) -> Tensor:
    """Return numbers of NumPy as a tensor where another one is, or elsewhere if asked for."""
    if dtype is not None:
        numbers = numbers.astype(_stored(dtype), copy=False)
    return Tensor(move(numbers, x.device if device is None else str(device)), requires_grad)


def full_like(
    x: Tensor,
    fill_value: Any,
    requires_grad: bool = False,
    *,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Make a tensor of one value, of the shape and dtype of another tensor, on its device."""
    numbers = np.full(x.shape, fill_value, _stored(x.dtype))
    return like(x, numbers, requires_grad, dtype, device)


def zeros_like(
    x: Tensor, requires_grad: bool = False, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Make zeros of the shape and dtype of another tensor, on its device."""
    if dtype is device is None:
        return Tensor(x.backend.zeros(x.shape, x.dtype), requires_grad)
    return full_like(x, 0, requires_grad, dtype=dtype, device=device)


def empty_like(
    x: Tensor, requires_grad: bool = False, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Do what `zeros_like` does."""
    return zeros_like(x, requires_grad, dtype=dtype, device=device)


def ones_like(
    x: Tensor, requires_grad: bool = False, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Make ones of the shape and dtype of another tensor, on its device."""
    return full_like(x, 1, requires_grad, dtype=dtype, device=device)


def is_tensor(value: Any) -> bool:
    """Return whether this is a tensor."""
    return isinstance(value, Tensor)
