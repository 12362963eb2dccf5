"""Advice for error messages about samples and targets of the wrong kind."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn._arguments import written

# Most targets that are looked at: a hint must stay cheap.
MOST = 1 << 24
REGRESSION = "numbers to be learned, a regression, need loss=MSELoss() or another of its kind"


def samples_hint(x: Any, dtype: Any = np.float32) -> str:
    """Say how samples become an array of a dtype, float32 or int64; empty if they already are."""
    name = f"np.{np.dtype(dtype).name}"
    if not isinstance(x, np.ndarray):
        return f"give np.array(x, {name})"
    if x.dtype == dtype:
        return ""
    if x.dtype == np.uint8 and dtype == np.float32:
        return "give x.astype(np.float32) / 255, if these are pixels from 0 to 255"
    return f"give x.astype({name})"


def classes_hint(y: Any, classes: int | None = None) -> str:
    """Say how targets become classes, an int64 array (N,) of 0 to C - 1.

    Parameters
    ----------
    y : object
        The targets, which are not classes.
    classes : int, optional
        C, if known.

    Returns
    -------
    str
        Such as ``give y.argmax(axis=1)``; empty if there is no advice.
    """
    try:
        if _size(y) > MOST:
            return ""
        numbers = np.asarray(y)
    except Exception:  # such as rows of different lengths, or any error of a foreign object
        return ""
    name = "y" if isinstance(y, np.ndarray) else "np.array(y)"
    kind, rows = numbers.dtype.kind, numbers.ndim
    if kind not in "biuf":
        return "names become classes by names, y = np.unique(y, return_inverse=True)"
    if rows == 2 and numbers.shape[1] == 1:
        return f"give {name}[:, 0]{_as_int64(numbers)}"
    if rows == 2 and _one_for_each_row(numbers):
        return f"give {name}.argmax(axis=1), the place of the 1 in each row"
    if rows != 1:
        return REGRESSION
    if kind == "f":
        if not np.array_equal(numbers, np.trunc(numbers)):
            return REGRESSION
        return f"give {name}.astype(np.int64) if these are classes; {REGRESSION}"
    if numbers.dtype != np.int64 or not isinstance(y, np.ndarray):
        return f"give {name}.astype(np.int64)"
    return _range_hint(numbers, classes)


def _size(y: Any) -> int:
    return y.size if isinstance(y, np.ndarray) else len(y) if hasattr(y, "__len__") else 1


def _range_hint(y: Any, classes: int | None) -> str:
    """Say how classes with other numbers become 0 to C - 1."""
    if classes is None or y.size == 0:
        return ""
    found = np.unique(y)
    if found[0] == 1 and found[-1] == classes:
        return "classes are numbered from 0: give y - 1"
    if len(found) <= classes and found[0] >= 0:
        return (
            "either the model needs an output for each class up to "
            f"{found[-1]}, or names, y = np.unique(y, return_inverse=True) numbers them from 0"
        )
    return ""


def numbers_hint(y: Any, shape: tuple[int, ...]) -> str:
    """Say how targets become numbers to be learned: float32, of the shape of the outputs."""
    if not isinstance(y, np.ndarray):
        return "give np.array(y, np.float32)"
    if y.dtype.kind not in "biuf":
        return classes_hint(y) + ", and loss=CrossEntropyLoss() learns them"
    if y.shape == shape:
        return "" if y.dtype == np.float32 else "give y.astype(np.float32)"
    column = y.ndim == 1 and shape == (len(y), 1)
    if column:
        return "give y[:, np.newaxis]" + ("" if y.dtype == np.float32 else ".astype(np.float32)")
    if y.ndim == 1 and y.dtype.kind in "iu" and len(shape) == 2:
        return "classes, one for each sample, are learned with loss=CrossEntropyLoss()"
    return ""


def _as_int64(y: Any) -> str:
    return "" if y.dtype == np.int64 else ".astype(np.int64)"


def _one_for_each_row(y: Any) -> bool:
    """Return whether each row holds a single 1 and zeros."""
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


_OF_NAMES = (
    "words become numbers with pycnn.text.Vocabulary, and kinds become columns of 0 and 1, such as "
    "with pandas.get_dummies"
)


def cure_for_kind(name: str, array: Any) -> str:
    """Say what to do with an array of neither floats nor ints."""
    kind = array.dtype.kind
    if kind == "c":
        return f"give {name}.real, np.abs({name}), or both parts as channels"
    if kind in "Mm":
        return f"give numbers, such as {name}.astype(np.int64)"
    if kind == "V" and array.dtype.names:
        return f"give np.stack([{name}[field] for field in {name}.dtype.names], axis=1)"
    if kind in "UST":
        return _OF_NAMES
    if kind != "O" or not array.size:
        return f"give {name}.astype(np.float32)"
    first = array.flat[0]
    if hasattr(first, "shape"):
        return f"give np.stack({name}), if its arrays have one shape"
    names = [item for item in array.flat if isinstance(item, str)]
    odd = [item for item in array.flat if not isinstance(item, (str, int, float))]
    if names and array.ndim > 1:
        return _OF_NAMES
    if names:
        other = next(item for item in array.flat if not isinstance(item, str))
        return f"it holds names beside {written(other)}: give each sample a name, or none"
    if odd:
        kind = type(odd[0]).__name__
        return f"it holds a {kind} among its objects; numbers alone become an array"
    return f"give {name}.astype(np.float32)"
