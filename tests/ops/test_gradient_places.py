"""`out` of the ops that compute gradients of weights: accepted arrays, and their contents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pycnn import devices, ops, reference

Array = np.ndarray


def floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


# The arrays of each op by their names in messages; the gradients are (4, 3, 2, 2) or (4, 3), and 4.
OPS: dict[str, dict[str, Array]] = {
    "linear_backward_weight": {"dy": floats(5, 4), "x": floats(5, 3)},
    "conv2d_backward_weight": {"dy": floats(2, 4, 4, 4), "x": floats(2, 3, 5, 5)},
    "conv2d_relu_max_pool2d_backward": {
        "dy": floats(2, 4, 2, 2),
        "winners": np.zeros((2, 4, 2, 2), np.int32),
        "x": floats(2, 3, 5, 5),
        "weight": floats(4, 3, 2, 2),
    },
}
WEIGHT = {op: (4, 3) if op.startswith("linear") else (4, 3, 2, 2) for op in OPS}


def call(library: Any, op: str, out: Any, arrays: dict[str, Any] | None = None) -> Any:
    """Call the op with these arrays, or those of the table; its last two results."""
    options = {"window": 2} if "pool" in op else {}
    arguments = list((arrays or OPS[op]).values())
    if op == "conv2d_backward_weight":
        arguments.append(WEIGHT[op])
    return getattr(library, op)(*arguments, **options, out=out)[-2:]


def read_only(shape: tuple[int, ...]) -> Array:
    array = np.zeros(shape, np.float32)
    array.flags.writeable = False
    return array


def unaligned(shape: tuple[int, ...]) -> Array:
    size = 4 * int(np.prod(shape))
    return np.zeros(size + 1, np.uint8)[1:].view(np.float32).reshape(shape)


BAD: list[tuple[Callable[[tuple[int, ...]], Any], type[Exception], str]] = [
    (lambda s: np.zeros(s), TypeError, "must be float32, got float64"),
    (lambda s: np.zeros(s, ">f4"), TypeError, "must be float32, got >f4"),
    (lambda s: np.zeros(s, np.int32), TypeError, "must be float32, got int32"),
    (lambda s: np.zeros(s, np.float32).tolist(), TypeError, ", got list"),
    (lambda s: 1.0, TypeError, ", got float"),
    (lambda s: np.zeros((*s, 1), np.float32), ValueError, "must have shape {}, got {}"),
    (lambda s: np.zeros(s[::-1] + s, np.float32), ValueError, "must have shape {}, got {}"),
    (lambda s: np.zeros((*s[:-1], 9), np.float32), ValueError, "must have shape {}, got {}"),
    (lambda s: np.zeros((*s, 2), np.float32)[..., 0], ValueError, "must be C-contiguous"),
]


def assert_refused(
    library: Any, op: str, out: Any, error: type[Exception], *texts: str, **arrays: Any
) -> None:
    given = [a for a in (*out, *arrays.values()) if isinstance(a, np.ndarray)]
    before = [array.tobytes() for array in given]
    with pytest.raises(error) as info:
        call(library, op, out, OPS[op] | arrays)
    message = str(info.value)
    assert message.startswith(f"[{op}] out ")
    assert all(text in message for text in texts), message
    assert [array.tobytes() for array in given] == before


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("make", "error", "text"), BAD)
def test_arrays_that_do_not_fit_are_refused(
    library: Any,
    op: str,
    which: int,
    make: Callable[[tuple[int, ...]], Any],
    error: type[Exception],
    text: str,
) -> None:
    """And nothing is written into the one that does fit."""
    shapes = WEIGHT[op], (4,)
    bad, good = make(shapes[which]), np.full(shapes[1 - which], np.nan, np.float32)
    text = text.format(shapes[which], getattr(bad, "shape", None))
    name = ("weight", "bias")[which]
    for other in (good, None):
        out = (bad, other) if which == 0 else (other, bad)
        assert_refused(library, op, out, error, f"out {name} gradient", text)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
def test_what_cannot_be_written_and_what_is_no_pair_is_refused(library: Any, op: str) -> None:
    for make in (read_only, unaligned):
        assert_refused(library, op, (make(WEIGHT[op]), None), ValueError, "out weight gradient")
        assert_refused(library, op, (None, make((4,))), ValueError, "out bias gradient")
    outs: tuple[Any, ...] = ([None, None], np.zeros((2, 4), np.float32), {})
    for out in ((), (None,), (None, None, None)):
        assert_refused(library, op, out, ValueError, "out must hold")
    for out in outs:
        assert_refused(library, op, out, TypeError, "out must be None or a tuple")


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
def test_arrays_that_share_memory_are_refused(library: Any, op: str) -> None:
    """With an input of the call or with each other, as a whole or in one element."""
    for name, array in OPS[op].items():
        for place, shape in (("weight", WEIGHT[op]), ("bias", (4,))):
            size = int(np.prod(shape))
            memory = np.zeros(array.size + 2 * size, np.float32)
            shared = memory[size : size + array.size].view(array.dtype).reshape(array.shape)
            for start in (1, size, array.size + size - 1):
                there = memory[start : start + size].reshape(shape)
                out = (there, None) if place == "weight" else (None, there)
                text = f"out {place} gradient is changed in place and shares memory with {name}:"
                assert_refused(library, op, out, ValueError, text, **{name: shared})
    memory = np.zeros(100, np.float32)
    weight = memory[: int(np.prod(WEIGHT[op]))].reshape(WEIGHT[op])
    for start in (0, 5, weight.size - 1):
        assert_refused(
            library, op, (weight, memory[start : start + 4]), ValueError, "shares memory"
        )
    call(library, op, (weight, memory[weight.size : weight.size + 4]))  # neighbours share nothing


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
def test_one_of_the_two_may_be_none(library: Any, op: str) -> None:
    fresh = call(library, op, None)
    for wanted in ((True, True), (True, False), (False, True), (False, False)):
        out = tuple(
            np.full(array.shape, np.nan, np.float32) if want else None
            for array, want in zip(fresh, wanted, strict=True)
        )
        result = call(library, op, out)
        for array, place, expected in zip(result, out, fresh, strict=True):
            assert place is None or array is place
            assert array.tobytes() == expected.tobytes()


@pytest.mark.parametrize("op", OPS)
def test_arrays_of_a_device(device: str, op: str) -> None:
    """There arrays share memory where one is another's `reshape`; NumPy's are refused."""
    arrays = {name: devices.move(array, device) for name, array in OPS[op].items()}
    fresh = call(ops, op, None, arrays)
    out = tuple(devices.move(np.full(a.shape, np.nan, np.float32), device) for a in fresh)
    for array, place, expected in zip(call(ops, op, out, arrays), out, fresh, strict=True):
        assert array is place
        np.testing.assert_array_equal(array.numpy(), expected.numpy())
    with pytest.raises(TypeError, match="out bias gradient must be on the device"):
        call(ops, op, (None, np.zeros(4, np.float32)), arrays)
    with pytest.raises(TypeError, match=r"out weight gradient must be a numpy\.ndarray"):
        call(ops, op, out)
    out[1].free()
    with pytest.raises(ValueError, match=r"out bias gradient of shape \(4,\) has been freed"):
        call(ops, op, out, arrays)
    square = devices.move(floats(4, 4), device)
    for shared in (square, square.reshape(4, 4)):
        with pytest.raises(ValueError, match=r"out weight gradient .* shares memory with dy"):
            ops.linear_backward_weight(square, square.copy(), out=(shared, None))
