"""An op that changes an array in place refuses one that shares memory with another argument."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pycnn import devices, ops, reference

Array = np.ndarray

# The arrays of each op and its other arguments; all arrays but the gradient change in place.
STEPS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "sgd_step": (("w", "grad", "velocity"), {"lr": 0.1, "momentum": 0.9}),
    "adam_step": (("w", "grad", "m", "v"), {"step": 1}),
    "adadelta_step": (("w", "grad", "square_avg", "acc_delta"), {}),
    "rmsprop_step": (
        ("w", "grad", "square_avg", "momentum_buffer", "grad_avg"),
        {"lr": 0.1, "momentum": 0.9},
    ),
}
PAIRS = [
    pytest.param(op, one, other, id=f"{op} {one} {other}")
    for op, (names, _) in STEPS.items()
    for one, other in itertools.combinations(names, 2)
]
SIZE = 40


def between(shift: int) -> tuple[Array, Array]:
    """Return two arrays in one piece of memory, the second `shift` elements after the first."""
    memory = np.zeros(2 * SIZE, np.float32)
    return memory[:SIZE], memory[shift : shift + SIZE]


def step(library: Any, op: str, arrays: dict[str, Any]) -> None:
    names, options = STEPS[op]
    getattr(library, op)(*(arrays[name] for name in names), **options)


@pytest.mark.parametrize("library", [ops, reference])
@pytest.mark.parametrize("shift", [0, 1, 7, SIZE - 1])
@pytest.mark.parametrize(("op", "one", "other"), PAIRS)
def test_in_place_ops_on_overlapping_arrays_are_refused(
    library: Any, shift: int, op: str, one: str, other: str
) -> None:
    """Both ways round, whether an array is the other or shares one element with it."""
    for first, second in ((one, other), (other, one)):
        arrays = {name: np.zeros(SIZE, np.float32) for name in STEPS[op][0]}
        arrays[first], arrays[second] = between(shift)
        with pytest.raises(ValueError, match="shares memory") as info:
            step(library, op, arrays)
        message = str(info.value)
        assert message.startswith(f"[{op}] ")
        assert {one, other} <= set(message.replace(":", " ").split()), message
        assert "(40,)" in message
        assert not any(array.any() for array in arrays.values())


@pytest.mark.parametrize("library", [ops, reference])
@pytest.mark.parametrize(("op", "one", "other"), PAIRS)
def test_neighbours_in_memory_and_empty_arrays_are_not(
    library: Any, op: str, one: str, other: str
) -> None:
    arrays = {name: np.zeros(SIZE, np.float32) for name in STEPS[op][0]}
    arrays[one], arrays[other] = between(SIZE)
    step(library, op, arrays)
    memory = np.zeros(SIZE, np.float32)
    step(library, op, {name: memory[3:3] for name in arrays})


@pytest.mark.parametrize(("op", "one", "other"), PAIRS)
def test_arrays_of_a_device_are_refused_alike(device: str, op: str, one: str, other: str) -> None:
    """There arrays share memory where one is another's `reshape`."""
    arrays = {name: devices.move(np.zeros(SIZE, np.float32), device) for name in STEPS[op][0]}
    for shared in (arrays[one], arrays[one].reshape(SIZE)):
        with pytest.raises(ValueError, match=rf"\[{op}\] .* shares memory") as info:
            step(ops, op, {**arrays, other: shared})
        assert {one, other} <= set(str(info.value).replace(":", " ").split())


def test_rows_of_a_table_are_not_put_into_itself(device: str) -> None:
    """Writing some rows while reading others used to give wrong results."""
    table = devices.move(np.arange(12, dtype=np.float32).reshape(4, 3), device)
    rows = devices.move(np.array([1, 2, 3, 0]), device)
    for values in (table, table.reshape(4, 3)):
        with pytest.raises(ValueError, match=r"\[DeviceArray.put_rows\] table .* with values"):
            table.put_rows(rows, values)
    table.put_rows(rows, table.copy())
    np.testing.assert_array_equal(table.numpy()[:, 0], [9, 0, 3, 6])


@pytest.mark.parametrize("change", [lambda a: a.write(a), lambda a: a.write(a.reshape(2, 3))])
def test_a_device_array_written_into_itself_stays_as_it_is(
    device: str, change: Callable[[Any], None]
) -> None:
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    array = devices.move(numbers, device)
    change(array)
    np.testing.assert_array_equal(array.numpy(), numbers)
    array += array
    np.testing.assert_array_equal(array.numpy(), 2 * numbers)
