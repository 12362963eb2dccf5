"""Strategies of the hypothesis tests of pooling: usual geometries and edge cases."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from support.strategies import Values, int_or_pair, values
from support.windows import WindowAxis, window_axes


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
def _pool_axis(draw: st.DrawFn, dilations: tuple[int, ...], ceil_mode: bool) -> WindowAxis:
    """Draw one axis on which at least one window fits, where rounding up may admit it."""
    taps = draw(st.sampled_from((1, 2, 2, 3, 3, 4, 5, 7)))
    spread = draw(st.sampled_from(dilations))
    pad = draw(st.integers(0, taps // 2))
    step = draw(st.sampled_from((1, 2, 2, 3, 4, 8, taps)))
    needed = spread * (taps - 1) + 1 - 2 * pad
    if ceil_mode:
        # Rounding up admits a window that is larger than the padded image.
        needed -= step - 1
    # With fewer than `spread` elements a dilated window could jump over the whole image.
    needed = max(needed, spread)
    size = needed + draw(st.sampled_from((0, 1, 2, 3, 5, 7, 11, 14, 28, 32, 33)))
    return WindowAxis(size, taps, step, spread, pad, pad)


@st.composite
def _pool_cases(draw: st.DrawFn, numbers: st.SearchStrategy[Values], largest: bool) -> PoolCase:
    ceil_mode = draw(st.booleans())
    dilations = (1, 1, 2, 3) if largest else (1,)
    axis = _pool_axis(dilations, ceil_mode) | window_axes(
        lambda taps, _: taps // 2, dilations=dilations, wider_than_dilation=True
    )
    height = draw(axis)
    width = draw(axis | st.just(height))  # square windows have their own kernels
    batch = draw(st.sampled_from(((0, 1), (1, 1), (1, 2), (2, 3), (1, 8), (3, 17))))
    sizes = draw(int_or_pair(height.taps, width.taps))
    steps: Any = draw(int_or_pair(height.stride, width.stride))
    if (height.stride, width.stride) == (height.taps, width.taps):
        steps = draw(st.none() | st.just(steps))
    pads = draw(int_or_pair(height.before, width.before))
    arguments: tuple[Any, ...]
    if largest:
        spreads = draw(int_or_pair(height.dilation, width.dilation))
        arguments = (sizes, steps, pads, spreads, ceil_mode)
    else:
        override = draw(st.none() | st.sampled_from((1, 3, 7, -2)))
        arguments = (sizes, steps, pads, ceil_mode, draw(st.booleans()), override)
    shape = (*batch, height.size, width.size)
    return PoolCase(shape, (height.taps, width.taps), arguments, draw(numbers))


def max_pool_cases() -> st.SearchStrategy[PoolCase]:
    """Draw any maximum pooling: ties, NaN and infinities included."""
    return _pool_cases(values("normal", "integer", "nonfinite"), largest=True)


def avg_pool_cases() -> st.SearchStrategy[PoolCase]:
    """Draw any average pooling."""
    return _pool_cases(values("normal", "wide", "nonfinite"), largest=False)
