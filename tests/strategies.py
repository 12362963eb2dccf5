"""What the hypothesis tests draw: geometries as wide as the ops allow, and values for them.

Sizes cluster where kernels have edges: SIMD lanes (4, 8, 16) and register tiles (6, 14, 32 ...)
plus and minus one, primes, 1, and sums longer than one block of the contraction dimension (384).
The arrays themselves come from a seed, so that hypothesis shrinks the geometry, which is what
matters, and not the numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from pycnn.reference.geometry import Array

LANES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17)
TILES = (*LANES, 6, 11, 13, 14, 23, 24, 25, 28, 31, 32, 33, 47, 48, 49, 65)


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
            array.flags.writeable = False
            made.append(array)
        return made


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
    "batches": Sizes((4, 5, 7, 8, 9, 15, 16, 17), (1,), (1, 2, 6), (1, 3, 6, 16), (1, 2, 3, 5)),
}


def _int_or_pair(height: int, width: int) -> st.SearchStrategy[Any]:
    """Both spellings where the numbers are equal."""
    both = st.just((height, width))
    return st.just(height) | both if height == width else both


@st.composite
def _axis(draw: st.DrawFn, sizes: Sizes, padding: str) -> dict[str, int]:
    """Draw one axis on which at least one window fits."""
    pick = {
        name: draw(st.sampled_from(getattr(sizes, name + "s"))) for name in ("stride", "dilation")
    }
    taps = draw(st.sampled_from(sizes.taps))
    before, after = 0, 0
    if padding in ("int", "pair", "four"):
        before = after = draw(st.integers(0, taps + 1))
    if padding == "four":
        after = draw(st.integers(0, taps + 1))
    extent = pick["dilation"] * (taps - 1) + 1
    needed = 1 if padding == "same" else max(1, extent - before - after)
    size = needed + draw(st.sampled_from(sizes.slack))
    return {**pick, "taps": taps, "before": before, "after": after, "size": size}


@st.composite
def conv_cases(draw: st.DrawFn, numbers: st.SearchStrategy[Values] | None = None) -> ConvCase:
    """Draw any convolution that `conv2d` accepts and that is small enough to test."""
    sizes = CONVOLUTIONS[draw(st.sampled_from(sorted(CONVOLUTIONS)))]
    form = draw(st.sampled_from(["int", "pair", "four", "same", "valid"]))
    height = draw(_axis(sizes, form))
    width = draw(_axis(sizes, form))
    padding: Any = form
    if form == "int":
        # One number for both axes: the larger, so that both still have a window.
        padding = max(height["before"], width["before"])
    elif form == "pair":
        padding = (height["before"], width["before"])
    elif form == "four":
        padding = (height["before"], height["after"], width["before"], width["after"])
    groups, inputs, outputs = (
        draw(st.sampled_from(choice)) for choice in (sizes.groups, sizes.inputs, sizes.outputs)
    )
    geometry = {
        "stride": draw(_int_or_pair(height["stride"], width["stride"])),
        "padding": padding,
        "dilation": draw(_int_or_pair(height["dilation"], width["dilation"])),
        "groups": groups,
    }
    images = draw(st.sampled_from(sizes.images))
    return ConvCase(
        (images, inputs * groups, height["size"], width["size"]),
        (outputs * groups, inputs, height["taps"], width["taps"]),
        draw(st.booleans()),
        geometry,
        draw(values() if numbers is None else numbers),
    )


@dataclass(frozen=True)
class PoolCase:
    """One pooling: shape of the images, arguments of the op in their order, numbers."""

    x_shape: tuple[int, int, int, int]
    kernel: tuple[int, int]
    arguments: tuple[Any, ...]
    values: Values
    taps: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "taps", math.prod(self.kernel))


@st.composite
def _pool_cases(draw: st.DrawFn, numbers: st.SearchStrategy[Values], largest: bool) -> PoolCase:
    ceil_mode, default_stride = draw(st.booleans()), draw(st.booleans())
    kernel, stride, padding, dilation, image = [], [], [], [], []
    for _ in range(2):
        taps = draw(st.sampled_from((1, 2, 2, 3, 3, 4, 5, 7)))
        spread = draw(st.sampled_from((1, 1, 2, 3))) if largest else 1
        pad = draw(st.integers(0, taps // 2))
        step = draw(st.sampled_from((1, 2, 2, 3, 4, 8)))
        needed = spread * (taps - 1) + 1 - 2 * pad
        if ceil_mode:
            # Rounding up admits a window that is larger than the padded image.
            needed -= (taps if default_stride else step) - 1
        # With fewer than `spread` elements a dilated window could jump over the whole image.
        needed = max(needed, spread)
        image.append(needed + draw(st.sampled_from((0, 1, 2, 3, 5, 7, 11, 14, 28, 32, 33))))
        kernel.append(taps)
        padding.append(pad)
        dilation.append(spread)
        stride.append(step)
    batch = draw(st.sampled_from(((0, 1), (1, 1), (1, 2), (2, 3), (1, 8), (3, 17))))
    sizes = draw(_int_or_pair(*kernel))
    steps = None if default_stride else draw(_int_or_pair(*stride))
    pads = draw(_int_or_pair(*padding))
    if largest:
        arguments = (sizes, steps, pads, draw(_int_or_pair(*dilation)), ceil_mode)
    else:
        override = draw(st.none() | st.sampled_from((1, 3, 7, -2)))
        arguments = (sizes, steps, pads, ceil_mode, draw(st.booleans()), override)
    shape = (*batch, image[0], image[1])
    return PoolCase(shape, (kernel[0], kernel[1]), arguments, draw(numbers))


def max_pool_cases() -> st.SearchStrategy[PoolCase]:
    """Draw any maximum pooling: ties, NaN and infinities included."""
    return _pool_cases(values("normal", "integer", "nonfinite"), largest=True)


def avg_pool_cases() -> st.SearchStrategy[PoolCase]:
    """Draw any average pooling."""
    return _pool_cases(values("normal", "wide", "nonfinite"), largest=False)


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
