"""The parts of distributed training, without MPI: sums, rows, threads, places of gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycnn
from pycnn.distributed import Ranks, threads
from pycnn.distributed.buckets import Buckets
from pycnn.distributed.home import Home, aligned_zeros, room
from pycnn.distributed.mpi import DistributedError
from pycnn.distributed.rows import merged
from pycnn.distributed.sums import add_up
from pycnn.layers.parameter import Array, Parameter
from pycnn.layers.sparse_rows import SparseRows


@given(st.integers(1, 12), st.integers(0, 5))
def test_rows_are_added_up_as_a_tree(ranks: int, size: int) -> None:
    rng = np.random.default_rng(ranks)
    parts = rng.standard_normal((ranks, size)).astype(np.float32)

    def tree(rows: Sequence[Array]) -> Array:
        if len(rows) == 1:
            return rows[0]
        half = 1 << (len(rows) - 1).bit_length() - 1  # the largest power of two below
        return tree(rows[:half]) + tree(rows[half:])

    expected = tree(list(parts))
    add_up(parts)
    np.testing.assert_array_equal(parts[0], expected)


def test_rows_of_several_ranks_are_merged() -> None:
    rows = np.array([1, 4, 0, 4, 2])
    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    found = merged(rows, values, np.array([2, 0, 3]), Parameter(np.zeros((6, 2), np.float32)))
    assert isinstance(found, SparseRows)
    np.testing.assert_array_equal(found.rows, [0, 1, 2, 4])
    np.testing.assert_array_equal(found.values, [[4, 5], [0, 1], [8, 9], [2 + 6, 3 + 7]])


@pytest.mark.parametrize(
    ("cores", "sharing", "budget", "ranks", "expected"),
    [
        ([0, 1, 2, 3], [2, 2, 2, 2], 4, 2, 2),  # all ranks may use all cores
        ([0], [1, 1], 1, 2, 1),  # each rank is bound to its own core
        ([2, 3], [1, 1, 1, 1], 2, 2, 2),  # or to two
        ([0, 1], [4, 4], 2, 4, 1),  # more ranks than cores
        ([0, 1, 2, 3, 4, 5, 6], [3] * 7, 7, 3, 2),
        (list(range(8)), [2] * 8, 2, 2, 1),  # a quota of two cores for both
    ],
)
def test_threads_of_a_rank(
    cores: list[int], sharing: list[int], budget: int, ranks: int, expected: int
) -> None:
    assert threads.share_of(cores, sharing, budget, ranks) == expected


def test_machines_with_more_threads_than_cores_are_named() -> None:
    ones = np.ones(2, int)
    assert threads.sentence(np.array([1, 0]), ones, np.array([[2, 2, 2]] * 2)) == (
        "2 ranks on 1 machine, 1 thread each"
    )
    text = threads.sentence(np.array([1, 1]), np.array([1, 4]), np.array([[4, 1, 1], [2, 4, 1]]))
    assert text == (
        "2 ranks on 2 machines, 1 to 4 threads each; oversubscribed: 1 ranks with 4 threads share "
        "2 cores"
    )


def homes(*sizes: int) -> tuple[Array, list[Home]]:
    parameters = [Parameter(np.zeros(size, np.float32)) for size in sizes]
    starts = room(parameters)
    flat = aligned_zeros(starts[-1] + 3)
    return flat, [Home(p, flat, s) for p, s in zip(parameters, starts[:-1], strict=True)]


def test_gradients_lie_at_cache_lines_in_one_array() -> None:
    flat, found = homes(5, 16, 1, 40)
    for home in found:
        assert home.view.ctypes.data % 64 == 0
        assert np.shares_memory(home.view, flat)
    assert [home.start for home in found] == [0, 16, 32, 48]


def test_a_gradient_that_lies_there_already_is_not_copied() -> None:
    _, (home,) = homes(4)
    home.view[...] = [1, 2, 3, 4]
    assert home.add(None, home.view) is home.view
    np.testing.assert_array_equal(home.view, [1, 2, 3, 4])
    home.add(home.view, np.ones(4, np.float32))
    np.testing.assert_array_equal(home.view, [2, 3, 4, 5])
    home.add(np.full(4, 10, np.float32), np.ones(4, np.float32))  # one that lay elsewhere so far
    np.testing.assert_array_equal(home.view, [11, 11, 11, 11])
    home.add(None, home.view[::-1])  # not what lies there
    home.view[...] = [1, 2, 3, 4]
    home.add(None, home.view[::-1])
    np.testing.assert_array_equal(home.view, [4, 3, 2, 1])
    home.add(None, SparseRows(np.array([2]), np.array([9], np.float32), (4,)))
    np.testing.assert_array_equal(home.view, [0, 0, 9, 0])


def test_buckets_begin_in_one_order_and_only_when_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycnn.distributed.buckets.NUMBERS", 16)
    flat, found = homes(16, 16, 16)
    begun: list[tuple[int, int]] = []

    def add(stretch: Array) -> None:
        start = (stretch.ctypes.data - flat.ctypes.data) // 4
        begun.append((start, start + stretch.size))

    buckets = Buckets(flat, found, add)
    for home in found:
        home.on_arrival = buckets.arrived
    one = np.ones(16, np.float32)
    everything = [(0, 16), (16, 32), (32, 48), (48, 51)]
    for _ in range(2):  # gradients are counted in the second step
        for home in found:
            home.add(None, one)
        assert not begun
        buckets.finish()
        assert begun == everything
        begun.clear()
    found[1].add(None, one)  # out of order: it waits for the first
    found[0].add(None, one)
    buckets._begun[1].result()
    assert begun == everything[:2]
    with pytest.raises(RuntimeError, match="more gradients than the 1 of the steps before"):
        found[0].add(None, one)
    buckets.finish()
    assert begun == everything
    buckets.close()


def test_arguments_of_ranks() -> None:
    with pytest.raises(TypeError, match=r"\[Ranks\] deterministic must be"):
        Ranks(deterministic=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\[Ranks\] timeout must be"):
        Ranks(timeout=0)
    with pytest.raises(ValueError, match=r"\[Ranks\] device must be one of .* got 'tpu'"):
        Ranks(device="tpu")
    with pytest.raises(TypeError, match=r"\[fit\] distributed must be .*, got None"):
        pycnn.fit(pycnn.models.lenet5(rng=0), [], distributed=None)  # type: ignore[arg-type]


def test_what_is_no_communicator_is_refused() -> None:
    pytest.importorskip("mpi4py", reason="needs mpi4py")
    with pytest.raises(TypeError, match=r"\[distributed\] needs a communicator .* got str"):
        pycnn.fit(pycnn.models.lenet5(rng=0), [], distributed="all")  # type: ignore[arg-type]


def test_one_process_is_refused() -> None:
    pytest.importorskip("mpi4py", reason="needs mpi4py")
    with pytest.raises(DistributedError, match="there is one rank only: start several with"):
        Ranks()
