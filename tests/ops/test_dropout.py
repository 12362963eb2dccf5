"""Dropout: the same bits as the reference on every ISA; its random numbers; the layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.refusals import assert_refuses, row
from support.strategies import Values, shapes, values

import pycnn
from pycnn import _core, ops, reference
from pycnn.layers import Dropout
from pycnn.reference.dropout import philox4x32, random_words

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
NUMBERS = values("normal", "wide", "nonfinite")
SEEDS = st.integers(0, 2**64 - 1) | st.sampled_from((0, 1, 2**32, 2**64 - 1))
RATES = st.sampled_from((0.0, 2.0**-33, 0.1, 0.5, 0.9, 1 - 2.0**-53)) | st.floats(0, 0.99)


def assert_same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    """Check for equal bits, signs of zeros included."""
    assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
    assert actual.flags.c_contiguous
    assert actual.tobytes() == expected.tobytes()


# --- the generator -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_published_answers_of_the_generator(counter: str, key: str, expected: str) -> None:
    """The test vectors of Random123, the authors' library, for philox4x32 with 10 rounds."""
    words, key_words = ([int(word, 16) for word in text.split()] for text in (counter, key))
    found = philox4x32(np.array(words), np.array(key_words))
    assert " ".join(f"{word:08x}" for word in found) == expected


def test_blocks_and_seeds_are_split_into_words_lower_word_first() -> None:
    counter, key = np.array([[7, 5, 0, 0], [8, 5, 0, 0]]), np.array([3, 2])
    found = random_words(7, (2 << 32) + 3, (5 << 32) + 7)
    np.testing.assert_array_equal(found, philox4x32(counter, key).ravel()[:7])


@pytest.mark.parametrize("first_block", [1, 2**32 - 5, 2**40 + 3, 2**64 - 2])
def test_far_blocks(first_block: int) -> None:
    """Elements beyond 2^34, whose block has an upper word, and where that changes."""
    x, seed = np.ones(1001, F), 2**63 + 11
    words = random_words(x.size, seed, first_block)
    for p in np.linspace(0.03, 0.97, 20):
        _, kept = _core.dropout(x, p, seed, first_block)
        np.testing.assert_array_equal(kept, words >= round(p * 2**32))


def test_a_part_of_an_array_begins_at_its_own_block() -> None:
    x, p, seed = np.ones(40, F), 0.5, 7
    y, kept = reference.dropout(x, p, seed)
    for found, whole in zip(
        reference.dropout(x[12:], p, seed, first_block=3), (y, kept), strict=True
    ):
        np.testing.assert_array_equal(found, whole[12:])


# --- the ops -------------------------------------------------------------------------------------


@given(shapes(), NUMBERS, RATES, SEEDS)
def test_same_bits_as_the_reference(
    shape: tuple[int, ...], numbers: Values, p: float, seed: int
) -> None:
    x, dy = numbers.arrays(shape, shape)
    y, kept = ops.dropout(x, p, seed)
    expected_y, expected_kept = reference.dropout(x, p, seed)
    assert_same_bits(y, expected_y)
    assert_same_bits(kept, expected_kept)
    assert_same_bits(ops.dropout_backward(dy, kept, p), reference.dropout_backward(dy, kept, p))


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.usefixtures("restore_threads")
def test_any_number_of_threads(threads: int) -> None:
    pycnn.set_num_threads(threads)
    (x,) = Values("normal", 0).arrays((300_007,))
    y, kept = ops.dropout(x, 0.25, 9)
    assert_same_bits(y, reference.dropout(x, 0.25, 9)[0])
    assert_same_bits(ops.dropout_backward(x, kept, 0.25), y)


def test_an_element_does_not_depend_on_those_behind_it() -> None:
    """Nor does the number of those that fill the last vectors."""
    (x,) = Values("normal", 1).arrays((1100,))
    y, kept = ops.dropout(x, 0.5, 3)
    for count in (*range(70), *range(1020, 1031)):
        part, part_kept = ops.dropout(x[:count], 0.5, 3)
        assert_same_bits(part, y[:count])
        assert_same_bits(part_kept, kept[:count])


@pytest.mark.parametrize("p", [0.01, 0.3, 0.5, 0.999])
def test_the_share_of_zeros_is_p(p: float) -> None:
    count = 1_000_000
    _, kept = ops.dropout(np.ones(count, F), p, 12345)
    six_deviations = 6 * np.sqrt(count * p * (1 - p))
    assert abs(np.count_nonzero(kept == 0) - count * p) < six_deviations


def test_seeds_drop_independently() -> None:
    """Neighbouring seeds, and those that differ in one high bit, agree on half of the elements."""
    count = 400_000
    x = np.ones(count, F)
    _, first = ops.dropout(x, 0.5, 0)
    for seed in (1, 2**31, 2**32, 2**63):
        agreed = np.count_nonzero(ops.dropout(x, 0.5, seed)[1] == first)
        assert abs(agreed - count / 2) < 6 * np.sqrt(count / 4), seed


def test_nothing_is_dropped_at_zero_and_hardly_anything_is_kept_next_to_one() -> None:
    (x,) = Values("normal", 2).arrays((100_000,))
    y, kept = ops.dropout(x, 0.0, 1)
    assert_same_bits(y, x)
    assert kept.all()
    _, kept = ops.dropout(x, 1 - 2.0**-53, 1)
    assert not kept.any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0])
def test_what_is_dropped_is_zero_whatever_it_was(value: float) -> None:
    """Selecting is not multiplying by 0: 0 * NaN and 0 * infinity are NaN, 0 * -1 is -0."""
    x = np.full(1000, value, F)
    y, kept = ops.dropout(x, 0.5, 4)
    dx = ops.dropout_backward(x, kept, 0.5)
    for result in (y, dx):
        assert_same_bits(result[kept == 0], np.zeros(np.count_nonzero(kept == 0), F))
        np.testing.assert_array_equal(result[kept == 1], F(2 * value))


def test_any_other_number_than_zero_means_kept() -> None:
    kept = np.arange(256, dtype=np.uint8)
    expected = np.full(256, 2, F)
    expected[0] = 0
    assert_same_bits(ops.dropout_backward(np.ones(256, F), kept, 0.5), expected)


def test_the_scale_is_rounded_once() -> None:
    """1 / (1 - p) in double, then to float32; 1 - p in float32 would be another number."""
    p = 1 / 3
    y, _ = ops.dropout(np.ones(64, F), p, 0)
    assert set(y.tolist()) == {0.0, float(F(1 / (1 - p)))}


X, KEPT = np.zeros((2, 3, 4), F), np.ones((2, 3, 4), np.uint8)
drop, d_drop = ops.dropout, ops.dropout_backward


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: drop([0.0], 0.5, 1), "[dropout]", "x", "list"),  # type: ignore[arg-type]
        row(lambda: drop(X.astype(float), 0.5, 1), "[dropout]", "float32", "float64"),
        row(lambda: drop(X, "0.5", 1), "[dropout]", "p must", "str"),  # type: ignore[arg-type]
        row(lambda: drop(X, True, 1), "[dropout]", "p must", "bool"),
        row(lambda: drop(X, 0.5, 1.0), "[dropout]", "seed must be an int", "float"),  # type: ignore[arg-type]
        row(lambda: drop(X, 0.5, None), "[dropout]", "seed must be an int", "None"),  # type: ignore[arg-type]
        row(lambda: drop(X, 0.5, False), "[dropout]", "seed must be an int", "bool"),
        row(lambda: d_drop(X.astype("f2"), KEPT, 0.5), "[dropout_backward]", "dy", "float16"),
        row(lambda: d_drop(X, X, 0.5), "[dropout_backward]", "kept", "uint8", "float32"),  # type: ignore[arg-type]
        row(lambda: d_drop(X, KEPT > 0, 0.5), "[dropout_backward]", "uint8", "bool"),  # type: ignore[arg-type]
        row(lambda: d_drop(X, KEPT, None), "[dropout_backward]", "p must", "None"),  # type: ignore[arg-type]
    ],
)
def test_types(call: Callable[[], Any], facts: tuple[str, ...]) -> None:
    assert_refuses(call, TypeError, facts)


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: drop(X, 1, 0), "[dropout]", "p must be in [0, 1), got 1"),
        row(lambda: drop(X, -0.1, 0), "[dropout]", "p must be in [0, 1), got -0.1"),
        row(lambda: drop(X, np.nan, 0), "[dropout]", "p must be in [0, 1), got nan"),
        row(lambda: drop(X, 0.5, -1), "[dropout]", "seed must be in [0, 2**64), got -1"),
        row(lambda: drop(X, 0.5, 2**64), "seed must be in [0, 2**64), got 18446744073709551616"),
        row(lambda: drop(X[:, :, ::2], 0.5, 0), "[dropout]", "contiguous", "(2, 3, 2)"),
        row(lambda: d_drop(X, KEPT, 1.5), "[dropout_backward]", "p must be in [0, 1), got 1.5"),
        row(
            lambda: d_drop(X, KEPT[0], 0.5),
            "[dropout_backward]",
            "dy",
            "kept",
            "(2, 3, 4)",
            "(3, 4)",
        ),
        row(lambda: d_drop(X, KEPT[:, ::2], 0.5), "[dropout_backward]", "contiguous", "(2, 2, 4)"),
    ],
)
def test_values(call: Callable[[], Any], facts: tuple[str, ...]) -> None:
    assert_refuses(call, ValueError, facts)


# --- the layer -----------------------------------------------------------------------------------


def test_the_layer_draws_a_seed_for_each_forward_pass() -> None:
    layer, seeds = Dropout(0.3, rng=5), np.random.default_rng(5)
    x, dy = Values("normal", 3).arrays((50, 20), (50, 20))
    for _ in range(3):
        seed = int(seeds.integers(2**64, dtype=np.uint64))
        expected, kept = reference.dropout(x, 0.3, seed)
        assert_same_bits(layer(x), expected)
        assert_same_bits(layer.backward(dy), reference.dropout_backward(dy, kept, 0.3))


def test_the_layer_goes_back_with_the_rate_it_came_with() -> None:
    layer, x = Dropout(0.5, rng=0), np.ones((30, 30), F)
    y = layer(x)
    layer.p = 0.0
    assert_same_bits(layer.backward(x), y)


def test_the_layer_takes_float32_in_training() -> None:
    layer, x = Dropout(0.5, rng=0), np.ones(4)
    with pytest.raises(TypeError, match=r"\[dropout\] x must be float32, got float64"):
        layer(x)
    assert layer.eval()(x) is x
