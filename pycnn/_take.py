"""The boundary: arrays as people have them become arrays of the few kinds that pycnn computes with.

`as_array` reads whatever holds numbers, without a copy where that is possible. The rest is one
rule for what the numbers are:

- floats of any size become float32,
- uint8 and bool samples are pixels: they stay bytes, and become float32 a batch at a time,
  ``x.astype(np.float32) / 255``, and 0 or 1,
- other ints become int64: classes, or the numbers of words; a batch of them becomes float32 as it
  is for a model that takes no words,
- names (str) are classes, numbered in sorted order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from pycnn import _pixels
from pycnn._arguments import written
from pycnn._hints import cure_for_kind
from pycnn.devices import is_array

Array = npt.NDArray[Any]

# What DLPack calls the CPU's memory, and memory there that a GPU can reach, too.
_CPU = (1, 3)


class Taken(NamedTuple):
    """Targets as an int64 or float32 array, and the names of the classes if they were names."""

    y: Array
    names: tuple[str, ...]


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
    if getattr(value, "requires_grad", False) is True and hasattr(value, "detach"):
        value = value.detach()
    try:
        if hasattr(value, "__dlpack__") and (array := _from_dlpack(owner, name, value)) is not None:
            return array
        if isinstance(value, (list, tuple)) and len(value) and _is_foreign(value[0]):
            return np.stack([np.asarray(_read(owner, name, item)) for item in value])
        if isinstance(value, (list, tuple)) and _is_mixed(value):
            return np.array(value, object)  # NumPy would write the numbers, such as NaN, as words
        return np.asarray(value)
    except (RuntimeError, TypeError, ValueError, BufferError, OverflowError) as error:
        if str(error).startswith(f"[{owner}]"):
            raise
        if isinstance(error, ValueError) and isinstance(value, (list, tuple)):
            raise ValueError(
                f"[{owner}] {name} has rows of different lengths: an array needs equal ones, so "
                f"pad or cut them ({error})"
            ) from None
        such_as = f", such as {name}.float().cpu()" if hasattr(value, "float") else ""
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
    return hasattr(item, "__dlpack__") and not isinstance(item, (np.ndarray, np.generic))


def _from_dlpack(owner: str, name: str, value: Any) -> Array | None:
    """Return the memory of a tensor as an array; None where only `__array__` can read it."""
    device = value.__dlpack_device__() if hasattr(value, "__dlpack_device__") else (1, 0)
    if int(device[0]) not in _CPU:
        raise TypeError(
            f"[{owner}] {name} is not in the CPU's memory but on device {tuple(map(int, device))} "
            f"of DLPack: copy it there first, such as with {name}.cpu()"
        )
    try:
        return np.from_dlpack(value)
    except (RuntimeError, TypeError, BufferError):
        if hasattr(value, "__array__"):
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
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"[{owner}] {name} is a masked array, whose mask would be lost: give "
            f"{name}.filled(value) with the value that masked numbers should have"
        )
    if hasattr(value, "toarray"):
        raise TypeError(f"[{owner}] {name} is sparse ({kind}): give {name}.toarray()")
    if str(getattr(value, "layout", "torch.strided")).startswith("torch.sparse"):
        raise TypeError(f"[{owner}] {name} is sparse ({kind}): give {name}.to_dense()")
    is_read = hasattr(value, "__array__") or hasattr(value, "__dlpack__") or is_number(value)
    if not is_read and not isinstance(value, (list, tuple)) and not _is_buffer(value):
        raise TypeError(
            f"[{owner}] {name} must be an array, a tensor, a table, a buffer or a list, got "
            f"{written(value)}"
        )


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
    if isinstance(value, np.ndarray) or hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        return True
    return hasattr(value, "toarray") or _is_buffer(value)


def samples(owner: str, name: str, value: Any) -> Array:
    """Take the samples of one input, kept as float32, int64, or pixels (uint8, bool).

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        As from `as_array`, or if a number has no float32 or int64.
    """
    array = as_array(owner, name, value)
    kind = array.dtype.kind
    if array.dtype == np.uint8 or kind == "b":
        return np.ascontiguousarray(array)
    if kind in "iu":
        return _int64(owner, name, array)
    if kind == "f":
        return _float32(owner, name, array)
    _refuse_kind(owner, name, array)


def inputs(owner: str, name: str, value: Any) -> tuple[Array, ...]:
    """Take the samples of a model's inputs: of one, or of several if they are a tuple."""
    if not isinstance(value, tuple):
        return (samples(owner, name, value),)
    if not value:
        raise ValueError(f"[{owner}] {name} is an empty tuple: it holds an array for each input")
    return tuple(samples(owner, f"{name}[{i}]", part) for i, part in enumerate(value))


def targets(
    owner: str, name: str, value: Any, known: Sequence[str] = (), *, refuse_nan: bool = True
) -> Taken:
    """Take targets: int64 for classes, float32 for numbers to be learned.

    Parameters
    ----------
    owner, name : str
        For errors.
    value : array-like
        Ints and bools, one or a map for each sample, are classes; floats, and bools of shape
        (N, K), are numbers. Names are numbered.
    known : sequence of str
        Names of the classes, in the order of their numbers; by default those in `value`, sorted.
    refuse_nan : bool
        Whether NaN is an error.

    Raises
    ------
    TypeError
        If they are neither numbers nor names.
    ValueError
        As from `as_array`; if one is NaN, or a name is not among the known ones.
    """
    array = as_array(owner, name, value)
    kind = array.dtype.kind
    if kind in "UST" or (kind == "O" and array.size and _all_names(array)):
        return _numbered(owner, name, array, known)
    if kind == "f" or (kind == "b" and array.ndim == 2):
        array = _float32(owner, name, array)
        if refuse_nan and np.isnan(array).any():
            where = ", ".join(map(str, np.argwhere(np.isnan(array))[0]))
            raise ValueError(
                f"[{owner}] {name}[{where}] is NaN: leave its sample out, or give the class that "
                "the loss ignores (ignore_index, with ints)"
            )
        return Taken(array, ())
    if kind in "biu":
        return Taken(_int64(owner, name, array), ())
    _refuse_kind(owner, name, array)


def _all_names(array: Array) -> bool:
    return all(isinstance(item, str) for item in array.flat)


def _numbered(owner: str, name: str, array: Array, known: Sequence[str]) -> Taken:
    """Return the numbers of names."""
    found, inverse = np.unique(array.astype(str), return_inverse=True)
    y = inverse.reshape(array.shape).astype(np.int64)
    names = tuple(map(str, found))
    if not known:
        return Taken(y, names)
    number = {text: i for i, text in enumerate(known)}
    if strange := [text for text in names if text not in number]:
        raise ValueError(
            f"[{owner}] {name} holds the name {written(strange[0])}, which is none of the "
            f"{len(number)} classes {written(list(known))}"
        )
    return Taken(np.array([number[text] for text in names], np.int64)[y], tuple(known))


def batch(owner: str, name: str, value: Any, dtype: Any, *, words: bool) -> Any:
    """Take a batch of samples for a model: float32, or int64 for words; of a tuple each part.

    Parameters
    ----------
    owner, name : str
        For errors.
    value : array-like, or tuple of them
        The samples; arrays of a device are left as they are.
    dtype : float32 or int64
        What the model takes: `Module.input_dtype`.
    words : bool
        Whether a part of the model takes int64.
    """
    if type(value) is np.ndarray and value.dtype == np.float32 and value.flags.carray:
        return value
    if isinstance(value, tuple):
        return tuple(
            batch(owner, f"{name}[{i}]", part, dtype, words=words) for i, part in enumerate(value)
        )
    if is_array(value) and not isinstance(value, np.ndarray):
        return value
    array = samples(owner, name, value)
    if array.dtype in (np.uint8, np.bool_):
        return array.astype(np.int64) if dtype == np.int64 else _pixels.scaled(array)
    return array.astype(np.float32) if array.dtype == np.int64 and not words else array


def batch_targets(owner: str, name: str, value: Any, known: Sequence[str]) -> Any:
    """Take the targets of a batch; those of a device, and those that fit already, as they are.

    NaN passes: the training says in which batch it was.
    """
    if type(value) is np.ndarray and value.dtype.name in ("int64", "float32"):
        return value if value.flags.c_contiguous else np.ascontiguousarray(value)
    if is_array(value) and not isinstance(value, np.ndarray):
        return value
    if isinstance(value, tuple) and value and is_table(value[0]):
        return tuple(
            batch_targets(owner, f"{name}[{i}]", part, known) for i, part in enumerate(value)
        )
    y, names = targets(owner, name, value, known, refuse_nan=False)
    if names and not known:
        raise ValueError(
            f"[{owner}] {name} holds names, and nothing says which class each one is: give arrays "
            "x and y, or model.metadata = {'classes': [...]}"
        )
    return y


def _float32(owner: str, name: str, array: Array) -> Array:
    try:
        with np.errstate(over="raise"):
            return np.require(array, np.float32, ("C", "A"))
    except FloatingPointError:
        place = int(np.argmax(np.abs(array.ravel())))
        largest = array.ravel()[place]
        raise ValueError(
            f"[{owner}] {name} holds {largest}, too large for float32: scale it"
        ) from None


def _int64(owner: str, name: str, array: Array) -> Array:
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"[{owner}] {name} holds {array.max()}, too large for int64")
    return np.require(array, np.int64, ("C", "A"))


def _refuse_kind(owner: str, name: str, array: Array) -> NoReturn:
    raise TypeError(
        f"[{owner}] {name} must hold numbers, is an array of {array.dtype} (shape {array.shape}): "
        f"{cure_for_kind(name, array)}"
    )
