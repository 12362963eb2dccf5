"""The sum of two arrays: NumPy's bits, whatever the numbers and the threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.repeated_ops import assert_same_bits
from support.strategies import Values

from pycnn import backends, ops

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (17,), (2, 3, 41, 43), (70_001,)])
def test_the_bits_are_numpys(shape: tuple[int, ...]) -> None:
    a, b = Values("wide", 0).arrays(shape, shape)
    found = ops.add(a, b)
    assert found.shape == shape
    np.testing.assert_array_equal(found, np.asarray(a + b))


def test_numbers_at_the_ends(backend: str) -> None:
    """On the CPU denormal numbers are kept, also by helpers."""
    ends = np.array([np.nan, np.inf, -np.inf, 3e38, 1e-45, -1e-40, 1.2e-38, -0.0, 0.0], F)
    if backend.startswith("cuda"):
        ends[4:6] = 1, -1
    a, b = (np.tile(np.resize(part, 81), 3000) for part in (ends, np.repeat(ends, 9)))
    with np.errstate(all="ignore"):
        expected = a + b
    found = backends.of(a).binary("add", a, b)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.usefixtures("restore_threads")
def test_the_same_bits_for_any_number_of_threads() -> None:
    a, b = Values("normal", 0).arrays((300_001,), (300_001,))
    assert_same_bits([(ops.add, [a, b], {})])


untyped: Any = ops


@pytest.mark.parametrize(
    ("call", "error", "facts"),
    [
        (lambda: untyped.add([0.0], np.zeros(1, F)), TypeError, "a must be"),
        (lambda: untyped.add(np.zeros(1, F), np.zeros(1)), TypeError, "b must be float32"),
        (lambda: untyped.add(np.zeros((2, 3), F), np.zeros((3, 2), F)), ValueError, r"\(3, 2\)"),
        (lambda: untyped.add(np.zeros((2, 3), F).T, np.zeros((3, 2), F)), ValueError, "contig"),
    ],
)
def test_what_is_refused(call: Any, error: type[Exception], facts: str) -> None:
    with pytest.raises(error, match=facts) as info:
        call()
    assert str(info.value).startswith("[add]")
