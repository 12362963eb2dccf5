"""Plans of inference refuse places beyond their memory, and shapes that do not fit each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pycnn import _core

LANES = _core.simd_lanes()
# A plan for inputs and outputs of 4 * 5 * 6 = 120 floats, and images of LANES channels.
IMAGE = 6 * 7 * LANES  # with a border of 1 below and to the right
ARENA = 4 * (IMAGE + 64)
CLAMP = (-np.inf, np.inf)
INPUT, OUTPUT = (-1, 120, False), (-2, 120, False)


def plan() -> Any:
    return _core.InferencePlan(ARENA, 0, 120, 120)


def images(offset: int = 0, channels: int = 4, border: Any = (0, 0, 0, 0), **other: int) -> Any:
    size = {"height": 5, "width": 6, "pitch": LANES, **other}
    return offset, channels, size["height"], size["width"], border, size["pitch"], False


def weight(*shape: int) -> Any:
    return np.ones(shape, np.float32)


X, Y = images(), images(2 * (IMAGE + 64))


def convolution(algorithm: str, x: Any, y: Any, w: Any, **other: Any) -> tuple[Any, ...]:
    s = {"residual": None, "b": None, "stride": (1, 1), "pad": 0, "dilation": (1, 1), "groups": 1}
    s.update(other)
    return (
        "convolution", algorithm, x, y, s["residual"], w, s["b"], s["stride"], s["pad"],
        s["dilation"], s["groups"], *CLAMP,
    )  # fmt: skip


REFUSED: dict[str, tuple[Any, ...]] = {
    "from float 0 on, and there are": ("to_pixels", INPUT, images(0, 4, height=50, width=60)),
    "from float -3 on": ("to_pixels", INPUT, images(-3)),
    "there are": ("to_pixels", INPUT, images(ARENA - 16)),
    "from float 9223372036854775807 on": ("to_pixels", INPUT, images((1 << 63) - 1)),
    "has 119 floats, and the plan's input 120": ("to_pixels", (-1, 119, False), X),
    "must have 120 floats, has 121": ("to_pixels", (0, 121, False), Y),
    "x must have at least 1 float, has 0": ("to_pixels", (0, 0, False), Y),
    "sizes of y must be at least 1, got 0": ("to_pixels", INPUT, images(0, 0)),
    "sizes of y must be at least 1, got -5": ("to_pixels", INPUT, images(0, 4, height=-5)),
    "got 4611686018427387904": ("to_pixels", INPUT, images(0, 4, height=1 << 62)),
    "borders of y must be at least 0, got -1": ("to_pixels", INPUT, images(0, 4, (-1, 0, 0, 0))),
    "have 3 floats for 4 channels": ("to_pixels", INPUT, images(0, 4, pitch=3)),
    "whole vectors": ("to_pixels", INPUT, images(0, 4, pitch=5)),
    "y has 120 floats of an image from float -1 on": ("to_planes", X, INPUT),
    "and the plan's output 120": ("to_planes", X, (-2, 60, False)),
    "y must have 120 floats, has 60": ("to_planes", X, (0, 60, False)),
    "images must have 7 entries, got 2": ("activation", (0, 4), "relu", 0.0, 0.0),
    "x must have 3 entries, got 1": ("flat_activation", (0,), OUTPUT, "relu", 0.0, 0.0),
    "y must have 60 floats": ("flat_activation", (0, 60, False), OUTPUT, "relu", 0.0, 0.0),
    "not an activation": ("flat_activation", INPUT, OUTPUT, "relish", 0.0, 0.0),
    "y must be (8, 5, 6)": convolution("direct", X, Y, weight(8, 4, 1, 1)),
    "weight has 3 input channels": convolution("direct", X, Y, weight(4, 3, 1, 1)),
    "bias must have 4 numbers, has 3": convolution(
        "direct", X, Y, weight(4, 4, 1, 1), b=weight(3)
    ),
    "windows read rows -1 to": convolution("direct", X, Y, weight(4, 4, 3, 3), pad=1),
    "windows read columns -1 to": convolution(
        "direct", images(0, 4, (1, 1, 0, 1)), Y, weight(4, 4, 3, 3), pad=1
    ),
    "windows read rows -2 to 6": convolution(
        "winograd", images(0, 4, (1, 1, 1, 1), height=4, width=3),
        images(ARENA // 2, 4, height=4, width=3), weight(4, 4, 5, 5), pad=2,
    ),
    "winograd takes 3 x 3 and 5 x 5": convolution("winograd", X, Y, weight(4, 4, 1, 1)),
    "residual must be as large as y": convolution(
        "direct", X, Y, weight(4, 4, 1, 1), residual=images(0, 4, height=4)
    ),
    "residual has 3 channels, y has 4": convolution(
        "direct", X, Y, weight(4, 4, 1, 1), residual=images(0, 3)
    ),
    "groups must have whole vectors": convolution("direct", X, Y, weight(4, 2, 1, 1), groups=2),
    "is none of depthwise, direct and winograd": convolution("fft", X, Y, weight(4, 4, 1, 1)),
    "one filter a channel, got 4 filters in 1": convolution("depthwise", X, Y, weight(4, 4, 1, 1)),
    "stride must be between 1 and": convolution("direct", X, Y, weight(4, 4, 1, 1), stride=(0, 1)),
    "lie beyond x": ("pooling", "max", X, Y, (2, 2), (2, 2), (0, 0), True, 0),
    "windows of 0 x 2": ("pooling", "max", X, Y, (0, 2), (1, 1), (0, 0), True, 0),
    "y must have 3 channels": (
        "pooling", "max", images(0, 3), Y, (1, 1), (1, 1), (0, 0), True, 0,
    ),
    "y must have 3 channels, has 4": ("area_means", images(0, 3), Y),
    "a must be as large as y": ("sum", images(0, 4, height=4), None, Y, *CLAMP),
    "b must have the pixels of y": ("sum", X, images(0, 3), Y, *CLAMP),
    "4 channels do not fit behind 1 of 4": ("channel_copy", X, Y, 1),
    "4 channels do not fit behind -1": ("channel_copy", X, Y, -1),
    "scale must have 4 numbers, has 5": ("channel_affine", X, Y, weight(5), weight(4), *CLAMP),
    "scale must have 4 channels, has 3": (
        "channel_product", X, images(0, 3, height=1, width=1), Y, *CLAMP,
    ),
    "weight": ("linear", INPUT, OUTPUT, weight(120, 119), None, *CLAMP),
    "gives (120, 120)": ("packed_linear", INPUT, OUTPUT, weight(120, 119), None, *CLAMP),
    "from float 0 on, and there are 0": ("to_pixels", INPUT, (*images()[:-1], True)),
    "bias must have 120 numbers": ("linear", INPUT, OUTPUT, weight(120, 120), weight(1), *CLAMP),
    "x must have 121 floats, has 120": (
        "plane_convolution", INPUT, OUTPUT, (1, 11, 11), weight(1, 1, 1, 1), None, (1, 1), 0,
        (1, 1), 1, None,
    ),
    "y must have 30 floats, has 120": (
        "plane_convolution", INPUT, OUTPUT, (4, 5, 6), weight(1, 4, 1, 1), None, (1, 1), 0,
        (1, 1), 1, None,
    ),
    "y must have 6 floats, has 120": (
        "plane_convolution", INPUT, OUTPUT, (4, 5, 6), weight(1, 4, 1, 1), None, (1, 1), 0,
        (1, 1), 1, (2, 2),
    ),
    "y must have 60 floats, has 120": ("softmax", (0, 60, False), OUTPUT, False),
    "x must have the pixels of y": ("local_response_norm", images(0, 3), Y, 3, 1.0, 1.0, 0.5),
    "size must be at least 1, got 0": ("local_response_norm", X, Y, 0, 1.0, 1.0, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_steps_that_are_refused(words: str) -> None:
    call, *arguments = REFUSED[words]
    with pytest.raises((ValueError, TypeError)) as refusal:
        getattr(plan(), call)(*arguments)
    assert str(refusal.value).startswith("[InferencePlan] ")
    assert words in str(refusal.value)


@pytest.mark.parametrize("sizes", [(-1, 1, 1, 1), (1, -1, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1)])
def test_sizes_that_are_refused(sizes: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"\[InferencePlan\] sizes must be at least 0"):
        _core.InferencePlan(*sizes)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((2, 119), (2, 120)),
        ((2, 120), (2, 119)),
        ((2, 120), (3, 120)),
        ((), (2, 120)),
        ((240,), (2, 120)),
    ],
)
def test_arrays_that_are_refused(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    made = plan()
    made.flat_activation(INPUT, OUTPUT, "relu", 0.0, 0.0)
    for run in (made.run, made.times):
        with pytest.raises(ValueError, match=r"images of 120 and 120 floats"):
            run(np.zeros(x, np.float32), np.zeros(y, np.float32))
    out = np.zeros((2, 120), np.float32)
    for bad in (np.zeros((2, 240), np.float32)[:, ::2], np.zeros((120, 2), np.float32).T):
        with pytest.raises(ValueError, match="C-contiguous"):
            made.run(bad, out)
    with pytest.raises(TypeError, match="float32"):
        made.run(np.zeros((2, 120)), out)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        made.run(np.zeros((2, 120), np.float32), out)


def test_what_fits_is_taken() -> None:
    made = plan()
    made.to_pixels(INPUT, X)
    made.convolution(*convolution("direct", X, Y, weight(4, 4, 1, 1))[1:])
    made.to_planes(Y, OUTPUT)
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 6)).astype(np.float32)
    y = np.empty_like(x)
    made.run(x, y)
    np.testing.assert_allclose(y, x.sum(1, keepdims=True).repeat(4, 1), rtol=1e-5, atol=1e-5)


def test_sizes_whose_product_is_too_large() -> None:
    """Four times 2^62 is zero in 64 bits, as many floats as there are in these arrays."""
    empty = np.zeros((4, 0), np.float32)
    with pytest.raises(ValueError, match=r"\[InferencePlan\] .* does not fit the address space"):
        _core.InferencePlan(0, 0, 1 << 62, 1 << 62).run(empty, empty.copy())
