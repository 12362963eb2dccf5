"""Where windows may lie along an axis, at the edges of all relations between their numbers.

Sizes drawn on their own hardly ever meet these: a single window with input left over, a stride
beyond the window or the image, padding at its limit. So they are drawn by what they give, the
number of windows and what is left over behind the last one, and the size follows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

HUGE = 2**31 - 1
"""The largest stride that the ops take."""


@dataclass(frozen=True)
class WindowAxis:
    """Windows along one axis of an image."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    after: int

    @property
    def room(self) -> int:
        """How far the first window could be moved."""
        return self.size + self.before + self.after - self.dilation * (self.taps - 1) - 1

    @property
    def outputs(self) -> int:
        return self.room // self.stride + 1

    @property
    def left_over(self) -> int:
        """Elements behind the last window, padding included."""
        return self.room % self.stride


@st.composite
def window_axes(
    draw: st.DrawFn,
    most_padding: Callable[[int, int], int] = lambda taps, dilation: 0,
    *,
    dilations: tuple[int, ...] = (1,),
    one_sided: bool = False,
    wider_than_dilation: bool = False,
) -> WindowAxis:
    """Draw an axis with one window at least.

    Parameters
    ----------
    most_padding : callable
        Gives the limit of the padding for a number of taps and a dilation.
    dilations : tuple of int
        Steps between taps.
    one_sided : bool
        Whether padding may differ in front and behind.
    wider_than_dilation : bool
        Give the image as many elements as the dilation, so that no window jumps over it.
    """
    taps = draw(st.sampled_from((1, 2, 2, 3, 3, 3, 4, 5, 7)))
    dilation = draw(st.sampled_from(dilations))
    span, limit = dilation * (taps - 1) + 1, most_padding(taps, dilation)
    pads = st.sampled_from((0, min(1, limit), limit // 2, limit))
    before = draw(pads)
    after = draw(pads) if one_sided else before
    outputs = draw(st.sampled_from((1, 1, 2, 3, 5, 8, 16, 17)))
    if outputs == 1:
        left = draw(st.sampled_from((0, 1, 2, 3, 5, 8, 15, 16, 17, 33)))
        stride = draw(st.sampled_from((left + 1, left + 2, left + span, left + span + 9, HUGE)))
    else:
        stride = draw(st.sampled_from((1, 2, 2, 3, 4, span, span + 1, span + 5)))
        left = draw(st.sampled_from((0, stride // 2, stride - 1)))
    size = (outputs - 1) * stride + span - before - after + left
    missing = max((dilation if wider_than_dilation else 1) - size, 0)
    if outputs == 1:
        stride = min(stride + missing, HUGE)
    else:
        missing = -(-missing // stride) * stride
    return WindowAxis(size + missing, taps, stride, dilation, before, after)
