"""What `fit`, `evaluate` and `predict` are given: arrays, data sets, or batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pycnn._arguments import integer, written
from pycnn.arrays import take
from pycnn.arrays.column import Column
from pycnn.arrays.read import is_table
from pycnn.arrays.samplewise import Samplewise, is_samplewise
from pycnn.data import ArrayDataset, Dataset
from pycnn.layers.images import OnImages, axes_hint, signal_hint
from pycnn.layers.module import Module
from pycnn.layers.sequential import Sequential
from pycnn.loader import Prepare, preparing
from pycnn.training.inputs import inputs_of

Data = Dataset | Iterable[tuple[Any, Any]]

CLASSES = "classes"
"""Where a model's metadata hold the names of the classes."""


def names_of(model: Module) -> tuple[str, ...]:
    """Return the names of the classes in the metadata of a model; empty if there are none."""
    names = model.metadata.get(CLASSES, ()) if isinstance(model.metadata, Mapping) else ()
    are_names = isinstance(names, (list, tuple)) and all(isinstance(n, str) for n in names)
    return tuple(names) if are_names else ()


def preparing_for(owner: str, model: Module, classes: Sequence[str] = ()) -> Prepare:
    """Return the function that turns batches into arrays for a model."""
    return preparing(
        owner,
        model.input_dtype,
        words=_takes_words(model),
        classes=classes or names_of(model),
        several=inputs_of(model)[0] > 1,
    )


def _takes_words(model: Module) -> bool:
    return any(module.input_dtype is np.int64 for module in model.modules())


def length_of(data: Any) -> int | None:
    """Return the number of samples or batches, or None if it is not known.

    A loader may have a method for it that fails, because its data have none.
    """
    try:
        return len(data)
    except TypeError:
        return None


def carries_targets(value: Any) -> bool:
    """Return whether these are data with targets, rather than samples that need some."""
    if isinstance(value, Dataset) or is_samplewise(value):
        return True
    if isinstance(value, (list, tuple)):
        return bool(value) and _is_batch(value[0])
    return isinstance(value, Iterable) and not _is_samples(value)


def _is_batch(value: Any) -> bool:
    """Return whether this is (x, y), rather than a row of numbers or an array."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return False
    x, y = value
    several = isinstance(x, tuple) and bool(x) and all(map(_is_samples, x))
    return several or any(is_table(part) and getattr(part, "ndim", 1) > 0 for part in (x, y))


def _is_samples(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value)
    return isinstance(value, (Mapping, str, bytes)) or is_table(value)


def data_of(
    owner: str, name: str, value: Any, y: Any, model: Module, names: Sequence[str] = ()
) -> Data:
    """Return samples `value` and targets `y`, or data with targets of its own, as data.

    Parameters
    ----------
    owner, name : str
        For errors; the name of `value`.
    value, y : object
        Samples and targets, or data and None.
    model : Module
        The model that they are for.
    names : sequence of str
        Names of the classes, where targets are names; sorted names by default.

    Raises
    ------
    TypeError, ValueError
        If they are neither, or do not fit each other.
    """
    if y is not None:
        return _arrays(owner, name, value, y, model, names)
    if isinstance(value, Dataset):
        return value
    if is_samplewise(value):
        data = Samplewise(value)
        if len(data):
            data.pairs(np.arange(1))  # refuse what gives no (x, y), and see whether it gives names
        return data
    if not carries_targets(value) and _is_samples(value):
        raise TypeError(
            f"[{owner}] {name} are samples without targets: data must yield batches (x, y), and "
            f"arrays come with targets, {owner}(model, x, y); two arrays are a data set as "
            "pycnn.ArrayDataset(x, y)"
        )
    if not isinstance(value, Iterable):
        raise TypeError(
            f"[{owner}] {name} must be a Dataset, give batches (x, y), or be samples x with "
            f"targets y, got {written(value)}"
        )
    return value


def _arrays(
    owner: str, name: str, x: Any, y: Any, model: Module, names: Sequence[str]
) -> ArrayDataset:
    """Make a data set of samples and targets."""
    called = ("x", "y") if name in ("data", "train") else (f"{name} x", f"{name} y")
    parts, (targets, found) = take.pairs(owner, called, x, y, names)
    if not len(targets):
        raise ValueError(f"[{owner}] {called[0]} holds no samples (its shape: {parts[0].shape})")
    check_batch_axis(owner, model, parts)
    if model.input_dtype is np.int64:
        parts = tuple(p.astype(np.int64) if p.dtype.itemsize == 1 else p for p in parts)
    several = isinstance(x, tuple)
    like = {"_several": several, "classes": found, "name": "", "named": bool(found)}
    return ArrayDataset.of_columns([Column(part) for part in parts], targets, like)


def check_batch_axis(owner: str, model: Module, parts: Sequence[Any]) -> None:
    """Refuse samples without a batch axis, which a layer of images or signals would take for one.

    What `model(x)` does with a single image is not meant here: the first axis counts samples.
    """
    first = model
    while isinstance(first, Sequential) and len(first):
        first = first[0]
    if not isinstance(first, OnImages) or len(parts) != 1 or parts[0].ndim != first.axes + 1:
        return
    shape, channels = parts[0].shape, getattr(first, "in_channels", 0)
    hint = (axes_hint if first.axes == 2 else signal_hint)(shape, channels) if channels else ""
    axes = f"(N, {channels or 'C'}, {'H, W' if first.axes == 2 else 'L'})"
    raise ValueError(
        f"[{owner}] x must have shape {axes}, has {shape}"
        f"{hint or ': a single sample needs a batch axis, x[np.newaxis]'}"
    )


def check_same_classes(train: Any, other: Any, name: str) -> None:
    """Refuse data in which a class has another number than in the training data."""
    numbers = {text: i for i, text in enumerate(getattr(train, CLASSES, ()))}
    for i, text in enumerate(getattr(other, CLASSES, ())):
        if numbers.get(text, i) != i:
            raise ValueError(
                f"[fit] class {i} of {name} is {written(text)}, which is class {numbers[text]} of "
                f"the training data: give both the same classes, {written(list(numbers))}"
            )


def batches_of_inputs(owner: str, model: Module, x: Any, batch_size: int) -> Iterator[Any]:
    """Yield the samples of arrays, a data set or batches, a batch at a time, for a model.

    An empty array gives one empty batch, and so an output of the right shape.
    """
    integer(owner, "batch_size", batch_size, 1, float("inf"))
    dtype, words = model.input_dtype, _takes_words(model)
    several = inputs_of(model)[0] > 1
    return (
        take.batch(owner, "x", take.in_tuple(batch, several), dtype, words=words)
        for batch in _raw_batches(owner, x, batch_size, model)
    )


def count_of(x: Any, batch_size: int) -> int | None:
    """Return how many batches samples or data give, or None if nobody knows."""
    if not (isinstance(x, Dataset) or is_samplewise(x)) and carries_targets(x):
        return length_of(x)
    length = length_of(x[0] if isinstance(x, tuple) else x)
    return None if length is None else -(-length // batch_size)


def _raw_batches(owner: str, x: Any, batch_size: int, model: Module) -> Iterator[Any]:
    if is_samplewise(x):
        x = Samplewise(x)
    if isinstance(x, Dataset):
        starts = range(0, max(len(x), 1), batch_size)
        return (x.gather(np.arange(i, min(i + batch_size, len(x)))) for i in starts)
    if carries_targets(x):
        return (_first(batch) for batch in x)
    parts = take.inputs(owner, "x", x)
    check_batch_axis(owner, model, parts)
    if len({len(part) for part in parts}) > 1:
        shapes = ", ".join(str(part.shape) for part in parts)
        raise ValueError(f"[{owner}] the inputs must have the same number of samples: {shapes}")
    if model.input_dtype is np.int64:
        parts = tuple(p.astype(np.int64) if p.dtype.itemsize == 1 else p for p in parts)
    columns = [Column(part) for part in parts]
    starts = range(0, max(len(parts[0]), 1), batch_size)
    several = isinstance(x, tuple)
    cut = (tuple(c.between(i, i + batch_size) for c in columns) for i in starts)
    return (batch if several else batch[0] for batch in cut)


def _first(batch: Any) -> Any:
    """Return the samples of a batch (x, y), or the batch itself."""
    return batch[0] if isinstance(batch, (tuple, list)) and _is_batch(batch) else batch
