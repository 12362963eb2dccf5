"""Back-ends: which one takes an array, and that all of them do the same with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pycnn import backends, devices, ops
from pycnn.backends import Backend

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((5, 3)).astype(np.float32)
ROWS, VALUES = np.array([4, 1]), RNG.standard_normal((2, 3)).astype(np.float32)


def new_arrays(backend: Backend, table: Any) -> list[Any]:
    rows, values = backend.from_numpy(ROWS), backend.from_numpy(VALUES)
    return [
        backend.zeros((2, 0, 3), np.float32),
        backend.zeros_like(table),
        backend.concatenate([table, backend.zeros((5, 8), np.float32), table], 1),
        *backend.split(table, [1, 0, 2], 1),
        backend.add_rows(table, rows, values),
        table,
    ]


def in_place(backend: Backend, table: Any) -> list[Any]:
    rows, values = backend.from_numpy(ROWS), backend.from_numpy(VALUES)
    written = backend.zeros_like(table)
    backend.write(written, TABLE[::-1])
    backend.put_rows(table, rows, values)
    backend.scale(table, 1 / 3)
    return [written, table]


def looks(backend: Backend, table: Any) -> list[Any]:
    numbers: tuple[list[float], ...] = ([3e38] * 9, [1, -np.inf], [np.nan, 1], [])
    arrays = [backend.from_numpy(np.array(some, np.float32)) for some in numbers]
    calls: list[int] = []
    backend.after_replay(lambda: calls.append(1))
    return [
        *(np.array(backend.is_finite(array)) for array in arrays),
        np.array(backend.sum_of_squares(backend.from_numpy(np.full(9, 2, np.float32)))),
        np.array(backend.on_replay(lambda: 7)),
        np.array(calls),
    ]


@pytest.mark.parametrize("work", [new_arrays, in_place, looks])
def test_a_device_does_what_the_cpu_does(
    work: Callable[[Backend, Any], list[Any]], device: str
) -> None:
    cpu, other = backends.of_cpu(), devices.backend(device)
    expected = work(cpu, TABLE.copy())
    found = work(other, other.from_numpy(TABLE))
    for one, two in zip(map(devices.on_cpu, found), expected, strict=True):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        assert one.tobytes() == two.tobytes()


def test_an_array_has_the_back_end_of_its_device(device: str) -> None:
    array = devices.move(TABLE, device)
    assert backends.of(array) is backends.of(array + array) is devices.backend(device)
    assert backends.of(array).name == device
    assert backends.of(array).ops is type(array).ops


def test_what_is_no_array_of_a_device_goes_to_the_cpu() -> None:
    class Pretender:
        ops = ops

    for value in (TABLE, TABLE.view(np.memmap), [1.0], None, Pretender(), Pretender, np.float32(1)):
        assert backends.of(value) is backends.of_cpu() is devices.backend("cpu")
        assert devices.device_of(value) == "cpu"
    with pytest.raises(TypeError, match=r"\[relu\] x must be a numpy.ndarray, got Pretender"):
        ops.relu(Pretender())  # type: ignore[arg-type]


def test_another_back_end_takes_arrays_of_numpy_until_the_block_ends() -> None:
    before, one, other = backends.of_cpu(), backends.Cpu(), backends.Cpu()

    def fails() -> None:
        with backends.computing_with(one):
            with backends.computing_with(other):
                assert backends.of(TABLE) is other
            assert backends.of(TABLE) is one
            raise RuntimeError("ends")

    with pytest.raises(RuntimeError, match="ends"):
        fails()
    assert backends.of(TABLE) is before
