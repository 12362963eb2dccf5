"""Read arrays, tensors, tables, buffers and lists as NumPy arrays, without a copy if possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import written

Array = npt.NDArray[Any]

# What DLPack calls the CPU's memory, and memory there that a GPU can reach, too.
_CPU = (1, 3)

# How objects offer numbers; sparse matrices are among them, to be refused with a cure.
_READABLE = ("__array__", "__dlpack__", "__array_interface__", "toarray")


def as_array(owner: str, name: str, value: Any) -> Array:
    """Read an array, tensor, table, buffer or list as a NumPy array, of any dtype.

    Raises
    ------
    TypeError
        If it holds no numbers or names, would lose something (a mask), or is not in the CPU's
        memory.
    ValueError
        If its rows have different lengths, or it has no axis of samples.
    """
    array = value if type(value) is np.ndarray else _read(owner, name, value)
    if not array.ndim:
        raise ValueError(f"[{owner}] {name} must have an axis of samples, got {written(value)}")
    return array


def _read(owner: str, name: str, value: Any) -> Array:
    _refuse(owner, name, value)
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    if _offers(value, "requires_grad", "detach") and value.requires_grad is True:
        value = value.detach()
    try:
        if _offers(value, "__dlpack__") and (array := _from_dlpack(owner, name, value)) is not None:
            return array
        if isinstance(value, (list, tuple)) and len(value) and _is_foreign(value[0]):
            return np.stack([np.asarray(_read(owner, name, item)) for item in value])
        if isinstance(value, (list, tuple)) and _is_mixed(value):
            return np.array(value, object)  # NumPy would write the numbers, such as NaN, as words
        return np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:  # of whatever library the value is from
        if str(error).startswith(f"[{owner}]"):
            raise
        if isinstance(error, ValueError) and isinstance(value, (list, tuple)):
            raise ValueError(
                f"[{owner}] {name} has rows of different lengths: an array needs equal ones, so "
                f"pad or cut them; several inputs are a tuple ({error})"
            ) from None
        such_as = f", such as {name}.float().cpu()" if _offers(value, "float") else ""
        raise TypeError(
            f"[{owner}] {name}, of type {type(value).__name__}, cannot be read as an array "
            f"({error}): make it float32 in the CPU's memory first{such_as}"
        ) from None


def _is_mixed(values: Sequence[Any]) -> bool:
    """Return whether some are words and others are not."""
    words = sum(isinstance(item, str) for item in values)
    return 0 < words < len(values)


def _is_foreign(item: Any) -> bool:
    """Return whether a row is an array of another library, which NumPy might read in pieces."""
    return _offers(item, "__dlpack__") and not isinstance(item, (np.ndarray, np.generic))


def _from_dlpack(owner: str, name: str, value: Any) -> Array | None:
    """Return the memory of a tensor as an array; None where only `__array__` can read it."""
    device = value.__dlpack_device__() if _offers(value, "__dlpack_device__") else (1, 0)
    if int(device[0]) not in _CPU:
        raise TypeError(
            f"[{owner}] {name} is not in the CPU's memory but on device {tuple(map(int, device))} "
            f"of DLPack: copy it there first, such as with {name}.cpu()"
        )
    try:
        return np.from_dlpack(value)
    except (RuntimeError, TypeError, BufferError):
        if _offers(value, "__array__"):
            return None
        raise


def _refuse(owner: str, name: str, value: Any) -> None:
    """Refuse what NumPy would turn into an array of something else than the numbers in it."""
    kind = type(value).__name__
    if isinstance(value, Mapping):
        raise TypeError(
            f"[{owner}] {name} must not be a {kind} of arrays: give a tuple of them, in the order "
            "of the arguments of the model's forward"
        )
    rows = value if isinstance(value, (list, tuple)) else (value,)
    if any(isinstance(row, np.ma.MaskedArray) for row in rows):
        raise TypeError(
            f"[{owner}] {name} is a masked array, whose mask would be lost: give "
            f"{name}.filled(value) with the value that masked numbers should have"
        )
    if _offers(value, "toarray"):
        raise TypeError(f"[{owner}] {name} is sparse ({kind}): give {name}.toarray()")
    if _offers(value, "layout") and str(value.layout).startswith("torch.sparse"):
        raise TypeError(f"[{owner}] {name} is sparse ({kind}): give {name}.to_dense()")
    if not isinstance(value, (list, tuple)) and not is_number(value) and not is_table(value):
        raise TypeError(
            f"[{owner}] {name} must be an array, a tensor, a table, a buffer or a list, got "
            f"{written(value)}"
        )


def _offers(value: Any, *names: str) -> bool:
    """Return whether the type of a value has these attributes; the value itself is not asked."""
    return all(hasattr(type(value), name) for name in names)


def is_number(value: Any) -> bool:
    """Return whether this is a single number."""
    return isinstance(value, (int, float, complex, np.generic))


def _is_buffer(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return False
    try:
        memoryview(value).release()
    except TypeError:
        return False
    return True


def is_table(value: Any) -> bool:
    """Return whether this holds numbers that `as_array` reads, other than in a list or tuple."""
    return any(_offers(value, name) for name in _READABLE) or _is_buffer(value)
