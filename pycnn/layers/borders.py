"""Borders around images that repeat pixels of theirs, on every back-end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycnn import backends
from pycnn.layers.parameter import Array

KINDS = ("reflect", "replicate", "circular")


@dataclass(frozen=True)
class Border:
    """Rows and columns around images that are copies of other ones.

    Attributes
    ----------
    kind : {'reflect', 'replicate', 'circular'}
        Which ones: the image mirrored at its edge (which is not repeated), the edge, or the
        opposite side.
    top, bottom, left, right : int
        Their numbers.
    """

    kind: str
    top: int
    bottom: int
    left: int
    right: int

    def put_around(self, x: Array) -> Array:
        """Return the images (N, C, H, W) with the border.

        Raises
        ------
        ValueError
            If an image has fewer rows or columns than the border mirrors or takes over.
        """
        self._check(x.shape)
        for axis, before, after in self._sides():
            x = _widened(x, axis, *self._sources(x.shape[axis], before, after))
        return x

    def folded(self, dy: Array) -> Array:
        """Return the gradient of the images: that of each copy is added to that of its pixel."""
        for axis, before, after in reversed(self._sides()):
            size = dy.shape[axis] - before - after
            dy = _folded(dy, axis, *self._sources(size, before, after))
        return dy

    def _sides(self) -> list[tuple[int, int, int]]:
        """Return the axes that have a border, with its extent at both ends."""
        sides = ((2, self.top, self.bottom), (3, self.left, self.right))
        return [side for side in sides if side[1] or side[2]]

    def _sources(self, size: int, before: int, after: int) -> tuple[list[int], list[int]]:
        """Return the positions that are repeated in front of an axis, and those behind it."""
        if self.kind == "reflect":
            return list(range(before, 0, -1)), list(range(size - 2, size - 2 - after, -1))
        if self.kind == "replicate":
            return [0] * before, [size - 1] * after
        return list(range(size - before, size)), list(range(after))

    def _check(self, shape: tuple[int, ...]) -> None:
        least = {"reflect": 1, "replicate": 0, "circular": 0}[self.kind]
        for axis, *sides in self._sides():
            needed = 1 if self.kind == "replicate" else max(sides) + least
            if shape[axis] < needed:
                raise ValueError(
                    f"[pad] a border of kind {self.kind!r} with {max(sides)} "
                    f"{'rows' if axis == 2 else 'columns'} needs images with at least {needed} "
                    f"(images: {shape})"
                )


def border_of(
    owner: str, kind: str, taps: tuple[int, ...], geometry: dict[str, Any]
) -> Border | None:
    """Return the border that stands for the padding of a convolution.

    Parameters
    ----------
    owner : str
        The layer, for errors.
    kind : str
        As for `Border`.
    taps : (int, int)
        Height and width of the filter.
    geometry : dict
        Of the convolution, as `pycnn.ops.conv2d` takes it.

    Raises
    ------
    ValueError
        If padding is 'same' and there are strides: it depends on the image then.
    """
    padding = geometry["padding"]
    if padding == "same":
        if geometry["stride"] != (1, 1):
            raise ValueError(
                f"[{owner}] padding 'same' with padding_mode {kind!r} needs stride 1, "
                f"got {geometry['stride']}"
            )
        missing = [d * (tap - 1) for tap, d in zip(taps, geometry["dilation"], strict=True)]
        return Border(kind, *(side for m in missing for side in (m // 2, m - m // 2)))
    if len(padding) == 2:
        padding = (padding[0], padding[0], padding[1], padding[1])
    return Border(kind, *padding)


def _widened(x: Array, axis: int, before: Sequence[int], after: Sequence[int]) -> Array:
    """Return `x` with copies of some positions of an axis in front of it, and behind it."""
    parts, places = _cut(x, axis, {*before, *after})
    copies = [[parts[places[position]] for position in side] for side in (before, after)]
    wide: Array = backends.of(x).concatenate([*copies[0], x, *copies[1]], axis)
    return wide


def _folded(dy: Array, axis: int, before: Sequence[int], after: Sequence[int]) -> Array:
    """Return the gradient of the input of `_widened`."""
    backend = backends.of(dy)
    inside = dy.shape[axis] - len(before) - len(after)
    extents = [*(1 for _ in before), inside, *(1 for _ in after)]
    pieces = backend.split(dy, extents, axis)
    middle = pieces.pop(len(before))
    parts, places = _cut(middle, axis, {*before, *after})
    for position, piece in zip((*before, *after), pieces, strict=True):
        place = places[position]
        parts[place] = backend.binary("add", parts[place], piece)
    folded: Array = backend.concatenate(parts, axis)
    return folded


def _cut(array: Array, axis: int, positions: set[int]) -> tuple[list[Array], dict[int, int]]:
    """Take an axis apart so that each of these positions is a part of its own.

    Returns
    -------
    parts : list of array
        The parts in order.
    places : dict of int to int
        Where among them each position is.
    """
    extents: list[int] = []
    places: dict[int, int] = {}
    end = 0
    for position in sorted(positions):
        if position > end:
            extents.append(position - end)
        places[position] = len(extents)
        extents.append(1)
        end = position + 1
    if end < array.shape[axis]:
        extents.append(array.shape[axis] - end)
    return backends.of(array).split(array, extents, axis), places
