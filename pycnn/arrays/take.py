"""The boundary: arrays as people have them become arrays of the few kinds that pycnn computes with.

`pycnn.arrays.read` reads whatever holds numbers, without a copy where that is possible. What the
numbers become is one rule:

- floats of any size become float32,
- uint8 and bool samples are pixels: they stay bytes, and become float32 a batch at a time,
  ``x.astype(np.float32) / 255``, and 0 or 1,
- other ints become int64: classes, or the numbers of words; a batch of them becomes float32 as it
  is for a model that takes no words,
- names (str) are classes, numbered in sorted order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from pycnn._arguments import written
from pycnn._hints import cure_for_kind
from pycnn.arrays import pixels
from pycnn.arrays.read import as_array, is_table
from pycnn.devices import is_array

Array = npt.NDArray[Any]


class Taken(NamedTuple):
    """Targets as an int64 or float32 array, and the names of the classes if they were names."""

    y: Array
    names: tuple[str, ...]


def samples(owner: str, name: str, value: Any) -> Array:
    """Take the samples of one input, kept as float32, int64, or pixels (uint8, bool).

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        As from `as_array`, or if a number has no float32 or int64.
    """
    if isinstance(value, (list, tuple)):
        _check_alike(owner, name, value)
    array = as_array(owner, name, value)
    kind = array.dtype.kind
    if array.dtype == np.uint8 or kind == "b":
        return np.ascontiguousarray(array)
    if kind in "iu":
        return _int64(owner, name, array)
    if kind == "f":
        return _float32(owner, name, array)
    _refuse_kind(owner, name, array)


def _check_alike(owner: str, name: str, rows: Sequence[Any]) -> None:
    """Refuse pixels among samples of another kind, which NumPy would join without scaling them."""
    if not rows or not hasattr(rows[0], "dtype"):
        return
    kinds = {str(getattr(row, "dtype", "")).removeprefix("torch.") for row in rows}
    if len(kinds) > 1 and kinds & {"uint8", "bool"}:
        raise TypeError(
            f"[{owner}] {name} holds samples of {' and '.join(sorted(kinds))}: uint8 are pixels, "
            "which become 0 to 1, and other numbers stay as they are, so give all of them one dtype"
        )


def inputs(owner: str, name: str, value: Any) -> tuple[Array, ...]:
    """Take the samples of a model's inputs: of one, or of several if they are a tuple."""
    if not isinstance(value, tuple):
        return (samples(owner, name, value),)
    if not value:
        raise ValueError(f"[{owner}] {name} is an empty tuple: it holds an array for each input")
    return tuple(samples(owner, f"{name}[{i}]", part) for i, part in enumerate(value))


def pairs(
    owner: str, names: tuple[str, str], x: Any, y: Any, known: Sequence[str]
) -> tuple[tuple[Array, ...], Taken]:
    """Take samples and as many targets, see `inputs` and `targets`.

    The targets are counted before they are converted.
    """
    parts = inputs(owner, names[0], x)
    read = as_array(owner, names[1], y)
    if any(len(part) != len(read) for part in parts):
        shapes = ", ".join(str(part.shape) for part in parts)
        several = isinstance(y, tuple) and all(map(is_table, y))
        hint = "; several targets need batches, ((a, b), (y1, y2))" if several else ""
        raise ValueError(
            f"[{owner}] needs one target for each sample ({names[0]}: {shapes}, {names[1]}: "
            f"{read.shape}){hint}"
        )
    return parts, targets(owner, names[1], read, known)


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
    try:
        words = array.astype(str)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"[{owner}] {name} holds bytes that are no ASCII text ({written(error.object)}): give "
            f"str, such as [name.decode() for name in {name}]"
        ) from None
    found, inverse = np.unique(words, return_inverse=True)
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


def in_tuple(value: Any, several: bool) -> Any:
    """Return the arrays of a list as a tuple if these are `several` inputs; else the value.

    The loaders of PyTorch make lists of the tuples that their data sets give.
    """
    is_list = several and isinstance(value, list) and len(value) > 0
    return tuple(value) if is_list and all(is_table(part) for part in value) else value


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
        return array.astype(np.int64) if dtype == np.int64 else pixels.scaled(array)
    return array.astype(np.float32) if array.dtype == np.int64 and not words else array


def batch_targets(owner: str, name: str, value: Any, known: Sequence[str]) -> Any:
    """Take the targets of a batch; those of a device, and those that fit already, as they are.

    NaN passes: the training says in which batch it was.
    """
    if type(value) is np.ndarray and value.dtype in (np.int64, np.float32):
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
