"""Strategies of the hypothesis tests: geometries as wide as the ops allow, and values for them.

Sizes cluster where kernels have edges: SIMD lanes (4, 8, 16) and register tiles (6, 14, 32 ...)
plus and minus one, primes, 1, and sums longer than one block of the contraction dimension (384).
The arrays themselves come from a seed, so that hypothesis shrinks the geometry, which is what
matters, and not the numbers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from pycnn.reference.geometry import Array
from support.windows import WindowAxis, window_axes

LANES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)
TILES = (*LANES, 6, 11, 13, 14, 23, 24, 25, 28, 31, 32, 33, 47, 48, 49, 65)


def examples(factor: float) -> settings:
    """Return settings with so many times the number of examples of the profile."""
    usual = settings.default
    assert usual is not None
    return settings(max_examples=int(factor * usual.max_examples))


@dataclass(frozen=True)
class Values:
    """Recipe for the numbers of a test case.

    `integer` values are so small that every sum of products is exact in float32, in any order:
    there the kernels must agree with the reference to the last bit.
    """

    kind: str
    seed: int

    @property
    def exact(self) -> bool:
        return self.kind == "integer"

    def arrays(self, *shapes: tuple[int, ...]) -> list[Array]:
        """Make one read-only float32 array for each shape."""
        rng = np.random.default_rng(self.seed)
        made = []
        for shape in shapes:
            if self.kind == "integer":
                array = np.array(rng.integers(-4, 5, shape), np.float32)
            else:
                array = np.array(rng.standard_normal(shape), np.float32)
            if self.kind == "wide":
                array = np.array(np.ldexp(array, rng.integers(-25, 26, shape)), np.float32)
            if self.kind == "nonfinite":
                array = sprinkle(rng, array, [np.nan, np.inf, -np.inf])
            made.append(surrounded(array))
        return made


def writable(*arrays: Any) -> list[Any]:
    """Return copies that an op may write into, and None for None."""
    return [None if array is None else array.copy() for array in arrays]


# AddressSanitizer detects reads beyond an array by itself, but only outside our margins.
MARGIN = 0 if "ASAN_OPTIONS" in os.environ else 64


def surrounded(array: Array) -> Array:
    """Copy floats between NaN, read-only: a read beyond them then shows in a result."""
    memory = np.full(array.size + 2 * MARGIN, np.nan, array.dtype)
    copy: Array = memory[MARGIN : MARGIN + array.size].reshape(array.shape)
    copy[...] = array
    copy.flags.writeable = False
    return copy


def sprinkle(
    rng: np.random.Generator, array: Array, values: list[float], part: float = 0.02
) -> Array:
    """Replace some elements of `array`, at least one if there are any."""
    hits = np.asarray(rng.random(array.shape) < part)
    if hits.size:
        hits.flat[rng.integers(hits.size)] = True
    return np.where(hits, rng.choice(np.array(values, np.float32), array.shape), array)


def values(*kinds: str) -> st.SearchStrategy[Values]:
    kinds = kinds or ("normal", "integer", "wide")
    return st.builds(Values, st.sampled_from(kinds), st.integers(0, 2**32 - 1))


@dataclass(frozen=True)
class ConvCase:
    """One convolution: shapes, arguments and numbers."""

    x_shape: tuple[int, int, int, int]
    w_shape: tuple[int, int, int, int]
    bias: bool
    geometry: dict[str, Any]
    values: Values

    def operands(self) -> tuple[Array, Array, Array | None]:
        x, w, b = self.values.arrays(self.x_shape, self.w_shape, self.w_shape[:1])
        return x, w, b if self.bias else None

    def gradient(self, shape: tuple[int, ...]) -> Array:
        """Make the output's gradient."""
        return Values(self.values.kind, self.values.seed + 1).arrays(shape)[0]


@dataclass(frozen=True)
class Sizes:
    """Ranges that one family of convolutions is drawn from."""

    images: tuple[int, ...]
    groups: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    taps: tuple[int, ...]
    strides: tuple[int, ...] = (1, 2)
    dilations: tuple[int, ...] = (1,)
    slack: tuple[int, ...] = tuple(range(9))


EDGES = "edges of windows"
CONVOLUTIONS = {
    "wild geometry": Sizes(
        images=(0, 1, 2, 3),
        groups=(1, 1, 2, 3),
        inputs=(1, 2, 3, 5),
        outputs=(1, 2, 3, 4, 5),
        taps=(1, 2, 3, 4, 5, 7),
        strides=(1, 2, 3, 4, 6, 8),
        dilations=(1, 1, 2, 3),
        slack=tuple(range(14)),
    ),
    "many channels": Sizes((1, 2), (1, 1, 2), TILES, TILES, (1, 2, 3)),
    "long sums over channels": Sizes(
        (1, 2), (1,), (48, 61, 97), LANES, (3,), slack=tuple(range(5))
    ),
    "long sums, 1x1": Sizes((1, 2), (1,), (383, 384, 385, 400, 769), TILES, (1,)),
    "long sums over pixels": Sizes(
        (1, 2), (1,), (1, 3, 6), LANES, (1, 3, 5), slack=(19, 23, 27, 31, 32, 33)
    ),
    "depthwise": Sizes(
        (1, 2), (4, 8, 9, 17, 33), (1,), (1, 1, 2), (1, 2, 3, 5), dilations=(1, 1, 2)
    ),
    EDGES: Sizes((1, 2), (1, 1, 2), (1, 2, 3, 16), (1, 2, 3, 16, 17), ()),
    "batches": Sizes((4, 5, 7, 8, 9, 15, 16, 17), (1,), (1, 2, 6), (1, 3, 6, 16), (1, 2, 3, 5)),
}


def int_or_pair(height: int, width: int) -> st.SearchStrategy[Any]:
    """Return a strategy of both spellings if the numbers are equal."""
    both = st.just((height, width))
    return st.just(height) | both if height == width else both


@st.composite
def _axis(draw: st.DrawFn, sizes: Sizes, padding: str) -> WindowAxis:
    """Draw one axis on which at least one window fits."""
    stride, dilation, taps = (
        draw(st.sampled_from(choice)) for choice in (sizes.strides, sizes.dilations, sizes.taps)
    )
    before, after = 0, 0
    if padding in ("int", "pair", "four"):
        before = after = draw(st.integers(0, taps + 1))
    if padding == "four":
        after = draw(st.integers(0, taps + 1))
    extent = dilation * (taps - 1) + 1
    needed = 1 if padding == "same" else max(1, extent - before - after)
    size = needed + draw(st.sampled_from(sizes.slack))
    return WindowAxis(size, taps, stride, dilation, before, after)


def _edge_axis(padding: str) -> st.SearchStrategy[WindowAxis]:
    """Draw one axis at the edge of some relation; padding up to more than the filter's extent."""
    numbers = padding in ("int", "pair", "four")
    return window_axes(
        lambda taps, dilation: dilation * (taps - 1) + 3 if numbers else 0,
        dilations=(1, 1, 2, 3),
        one_sided=padding == "four",
    )


@st.composite
def conv_cases(draw: st.DrawFn, numbers: st.SearchStrategy[Values] | None = None) -> ConvCase:
    """Draw any convolution that `conv2d` accepts and that is small enough to test."""
    family = draw(st.sampled_from(sorted(CONVOLUTIONS)) | st.just(EDGES))
    sizes = CONVOLUTIONS[family]
    form = draw(st.sampled_from(["int", "pair", "four", "same", "valid"]))
    axis = _edge_axis(form) if family == EDGES else _axis(sizes, form)
    height, width = draw(axis), draw(axis)
    padding: Any = form
    if form == "int":
        # One number for both axes: the larger, so that both still have a window.
        padding = max(height.before, width.before)
    elif form == "pair":
        padding = (height.before, width.before)
    elif form == "four":
        padding = (height.before, height.after, width.before, width.after)
    groups, inputs, outputs = (
        draw(st.sampled_from(choice)) for choice in (sizes.groups, sizes.inputs, sizes.outputs)
    )
    geometry = {
        "stride": draw(int_or_pair(height.stride, width.stride)),
        "padding": padding,
        "dilation": draw(int_or_pair(height.dilation, width.dilation)),
        "groups": groups,
    }
    images = draw(st.sampled_from(sizes.images))
    return ConvCase(
        (images, inputs * groups, height.size, width.size),
        (outputs * groups, inputs, height.taps, width.taps),
        draw(st.booleans()),
        geometry,
        draw(values() if numbers is None else numbers),
    )


def shapes(max_dims: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    """Draw the shape of an array for an elementwise op: scalars and empty ones included."""
    short = st.lists(st.sampled_from((0, 1, 2, 3, 5, 8, 17)), max_size=max_dims).map(tuple)
    flat = st.sampled_from((4, 7, 15, 16, 31, 33, 63, 64, 65, 127, 1000, 70_001)).map(
        lambda n: (n,)
    )
    return short | flat


def matrices() -> st.SearchStrategy[tuple[int, int, int]]:
    """Draw (N, in, out) of a linear layer: each of them is the length of a sum in some gradient."""
    return st.tuples(
        st.sampled_from((0, *TILES, 64, 65, 257)),
        st.sampled_from((*TILES, 84, 120, 400, 769, 1023, 1025, 2100)),
        st.sampled_from((*TILES, 10, 84, 120, 255, 257, 520)),
    )
