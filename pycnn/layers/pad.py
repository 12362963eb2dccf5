"""Padding: layers that put numbers, or copies of pixels, around images and signals."""

from __future__ import annotations

from typing import Any, ClassVar

from pycnn import backends, ops
from pycnn._arguments import LARGEST, integer, number, written
from pycnn.layers.borders import Border
from pycnn.layers.images import ByImages
from pycnn.layers.ones import ones
from pycnn.layers.parameter import Array, Shape

_Sides = int | tuple[int, ...]
_FourSides = tuple[int, int, int, int]


class _Pad(ByImages):
    """Numbers around images: what the layers of padding share."""

    least: ClassVar[int] = 0

    def __init__(self, padding: Any) -> None:
        owner, count = type(self).__name__, 2 * self.axes
        several = isinstance(padding, (tuple, list))
        sides = tuple(padding) if several else (padding,) * count
        if len(sides) not in self._counts():
            words = "(left, right, top, bottom)" if self.axes == 2 else "(left, right)"
            raise ValueError(f"[{owner}] padding must be an int or {words}, got {written(padding)}")
        self.padding = tuple(integer(owner, "padding", side, self.least) for side in sides)

    def _counts(self) -> tuple[int, ...]:
        return (2 * self.axes,)

    def _rows_and_columns(self) -> _FourSides:
        """Return (top, bottom, left, right)."""
        left, right, top, bottom = (*self.padding, 0, 0)[:4]
        return top, bottom, left, right

    def _arguments(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """One number around images; a side below 0 is cut off."""

    least = -LARGEST

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = number(type(self).__name__, "value", value)

    def _counts(self) -> tuple[int, ...]:
        return 2, 2 * self.axes  # two for images are (left, right)

    def _forward(self, x: Array) -> Array:
        cut, added = self._cut(), self._added()
        inside = self._inside(x.shape)
        self.save_for_backward(x.shape, inside)
        if inside != x.shape:
            x = ops.zero_pad2d_backward(x, inside, cut)
        if self.value == 0:
            return ops.zero_pad2d(x, added)
        for axis, before, after in ((2, *added[:2]), (3, *added[2:])):
            x = _between(x, axis, before, after, self.value)
        return x

    def _backward(self, dy: Array) -> Array:
        shape, inside = self.saved()
        dx = ops.zero_pad2d_backward(dy, inside, self._added())
        return dx if inside == shape else ops.zero_pad2d(dx, self._cut())

    def _cut(self) -> _FourSides:
        """Return what is cut off: (top, bottom, left, right)."""
        top, bottom, left, right = (max(-side, 0) for side in self._rows_and_columns())
        return top, bottom, left, right

    def _added(self) -> _FourSides:
        """Return what is added: (top, bottom, left, right)."""
        top, bottom, left, right = (max(side, 0) for side in self._rows_and_columns())
        return top, bottom, left, right

    def _inside(self, shape: Shape) -> Any:
        """Return the shape of what is left of images after the cut."""
        top, bottom, left, right = self._cut()
        n, c, h, w = shape
        if h <= top + bottom or w <= left + right:
            raise ValueError(f"padding {self.padding} leaves nothing of the images {shape}")
        return n, c, h - top - bottom, w - left - right

    def _arguments(self) -> str:
        return f"{self.padding}, {self.value}"


class ConstantPad2d(_ConstantPad):
    """Put rows and columns of one number around images (N, C, H, W), or (C, H, W).

    ``y[n,c,p,q] = x[n, c, p - top, q - left]`` inside, and `value` elsewhere.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        All sides, or each; two numbers are (left, right). A side below 0 is cut off. This is
        PyTorch's order, not that of `Conv2d`.
    value : float
        The number.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if nothing is left of an image.
    """


class ConstantPad1d(_ConstantPad):
    """Put one number around signals (N, C, L), or (C, L).

    Parameters
    ----------
    padding : int or (left, right)
        Both ends, or each. An end below 0 is cut off.
    value : float
        The number.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if nothing is left of a signal.
    """

    axes = 1


class ZeroPad2d(_ConstantPad):
    """Put rows and columns of zeros around images (N, C, H, W), or (C, H, W).

    See `pycnn.ops.zero_pad2d`, whose padding has another order.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        All sides, or each; two numbers are (left, right). A side below 0 is cut off. This is
        PyTorch's order, not that of `Conv2d`.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above; in `forward`, if nothing is left of an image.
    """

    def __init__(self, padding: _Sides) -> None:
        super().__init__(padding, 0.0)

    def _arguments(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ConstantPad):
    """Put zeros around signals (N, C, L), or (C, L).

    Parameters
    ----------
    padding : int or (left, right)
        Both ends, or each. An end below 0 is cut off.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above; in `forward`, if nothing is left of a signal.
    """

    axes = 1

    def __init__(self, padding: _Sides) -> None:
        super().__init__(padding, 0.0)

    def _arguments(self) -> str:
        return f"{self.padding}"


class _BorderPad(_Pad):
    """Copies of pixels around images."""

    kind: ClassVar[str]

    def __init__(self, padding: _Sides) -> None:
        super().__init__(padding)
        self._border = Border(self.kind, *self._rows_and_columns())

    def _forward(self, x: Array) -> Array:
        self.save_for_backward(x.shape)
        return self._border.put_around(x)

    def _backward(self, dy: Array) -> Array:
        ((n, c, h, w),) = self.saved()
        top, bottom, left, right = self._rows_and_columns()
        self._check_gradient(dy, (n, c, top + h + bottom, left + w + right))
        return self._border.folded(dy)


class ReflectionPad2d(_BorderPad):
    """Mirror images (N, C, H, W), or (C, H, W), at their edges, which are not repeated.

    A row 1, 2, 3 with two columns on each side becomes 3, 2, 1, 2, 3, 2, 1.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        Columns and rows on all sides, or on each; fewer than the image has.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above; in `forward`, if an image is too small.

    Notes
    -----
    The gradient of a copy is added to that of its pixel: columns after rows, left to right. On a
    device, each row or column of the border is a copy by itself.
    """

    kind = "reflect"


class ReflectionPad1d(_BorderPad):
    """Mirror signals (N, C, L), or (C, L), at their ends, which are not repeated.

    Parameters
    ----------
    padding : int or (left, right)
        Numbers at both ends, or at each; fewer than the signal has.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above; in `forward`, if a signal is too short.
    """

    axes = 1
    kind = "reflect"


class ReplicationPad2d(_BorderPad):
    """Repeat the outermost pixels of images (N, C, H, W), or (C, H, W).

    A row 1, 2, 3 with two columns on each side becomes 1, 1, 1, 2, 3, 3, 3.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        Columns and rows on all sides, or on each.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above.

    Notes
    -----
    The gradient of a copy is added to that of its pixel: columns after rows, left to right. On a
    device, each row or column of the border is a copy by itself.
    """

    kind = "replicate"


class ReplicationPad1d(_BorderPad):
    """Repeat the first and the last number of signals (N, C, L), or (C, L).

    Parameters
    ----------
    padding : int or (left, right)
        Numbers at both ends, or at each.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above.
    """

    axes = 1
    kind = "replicate"


class CircularPad2d(_BorderPad):
    """Continue images (N, C, H, W), or (C, H, W), with their opposite sides.

    A row 1, 2, 3 with two columns on each side becomes 2, 3, 1, 2, 3, 1, 2.

    Parameters
    ----------
    padding : int or (left, right, top, bottom)
        Columns and rows on all sides, or on each; not more than the image has.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above; in `forward`, if an image is too small.

    Notes
    -----
    The gradient of a copy is added to that of its pixel: columns after rows, left to right. On a
    device, each row or column of the border is a copy by itself.
    """

    kind = "circular"


class CircularPad1d(_BorderPad):
    """Continue signals (N, C, L), or (C, L), with their other end.

    Parameters
    ----------
    padding : int or (left, right)
        Numbers at both ends, or at each; not more than the signal has.

    Raises
    ------
    TypeError, ValueError
        If `padding` is not as above; in `forward`, if a signal is too short.
    """

    axes = 1
    kind = "circular"


def _between(x: Array, axis: int, before: int, after: int, value: float) -> Array:
    """Return `x` with a number in front of an axis, and behind it."""
    backend = backends.of(x)
    parts = [x]
    for extent, place in ((before, 0), (after, 2)):
        if extent:
            block = ones(x, (*x.shape[:axis], extent, *x.shape[axis + 1 :]))
            backend.scale(block, value)
            parts.insert(place, block)
    wide: Array = backend.concatenate(parts, axis) if len(parts) > 1 else x
    return wide
