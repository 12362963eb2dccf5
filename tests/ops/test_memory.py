"""Poisoned memory, in which all tests run, shows reads and writes outside of arrays."""

from __future__ import annotations

import ctypes

import numpy as np
from support.child import output

from pycnn import ops

NEEDED = "import ctypes, numpy as np; from pycnn import _core, ops; "


def behind(y: np.ndarray, count: int) -> np.ndarray:
    """Return the floats past the end of an array."""
    address = y.ctypes.data + y.nbytes
    return np.array((ctypes.c_float * count).from_address(address))


def test_a_result_is_followed_by_nan() -> None:
    for size in (1, 63, 64, 65, 1000):
        assert np.isnan(behind(ops.relu(np.ones(size, np.float32)), 64)).all()


def test_each_block_has_a_nan_of_its_own() -> None:
    """A NaN read behind one block, and written behind another, is noticed."""
    x = np.ones(100, np.float32)
    y, z = ops.relu(x), ops.relu(x)
    assert behind(y, 1).view(np.uint32) != behind(z, 1).view(np.uint32)


def test_a_byte_written_behind_a_block_is_counted() -> None:
    code = """
_core.poison_memory(True)
for size in (1, 64, 1000):
    for at in (0, 255):
        y = ops.relu(np.ones(size, "f"))
        ctypes.memset(y.ctypes.data + y.nbytes + at, 0, 1)
        before = _core.damaged_blocks()
        del y
        print(_core.damaged_blocks() - before, end=" ")
print(_core.damaged_blocks())
"""
    assert output(NEEDED + code) == "1 1 1 1 1 1 6"


def test_without_poison_nothing_is_checked() -> None:
    code = "y = ops.relu(np.ones(8, 'f')); del y; print(_core.damaged_blocks())"
    assert output(NEEDED + code) == "0"


def test_blocks_from_before_the_switch_are_not_looked_at() -> None:
    code = (
        "y = ops.relu(np.ones(8, 'f')); _core.poison_memory(True); del y; "
        "z = ops.relu(np.ones(8, 'f')); _core.poison_memory(False); del z; "
        "print(_core.damaged_blocks())"
    )
    assert output(NEEDED + code) == "0"
