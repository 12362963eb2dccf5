"""Borders, sizes and other shapes of images as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pycnn import layers
from pycnn._arguments import written
from pycnn.autograd import Tensor
from pycnn.autograd.indexing import index
from pycnn.autograd.shaping import cat, sizes_of
from pycnn.autograd.structure import on_arrays_too
from pycnn.autograd.value import new
from pycnn.backends.recording import constant_here

__all__ = [
    "flatten",
    "interpolate",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]


@on_arrays_too
def pad(x: Tensor, pad: Any, mode: str = "constant", value: float | None = None) -> Tensor:
    """Put borders around the last axes.

    Parameters
    ----------
    x : Tensor
    pad : sequence of int
        Two numbers for each axis, of the last axis first: ``(left, right, top, bottom)``. A
        negative number cuts off.
    mode : {'constant', 'reflect', 'replicate', 'circular'}
        What a border holds: `value`, the image mirrored at its edge, its outermost pixels, or the
        opposite side.
    value : float, optional
        0 by default.
    """
    if not isinstance(pad, (Sequence, np.ndarray)):
        raise TypeError(f"[pad] pad must be a sequence of ints, got {written(pad)}")
    sides = sizes_of((tuple(pad),))
    if len(sides) % 2 or len(sides) > 2 * x.ndim:
        raise ValueError(
            f"[pad] needs two numbers for each of the last axes, got {sides} for shape {x.shape}"
        )
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ValueError(
            f"[pad] mode must be constant, reflect, replicate or circular, got {mode!r}"
        )
    for i in range(0, len(sides), 2):
        axis = x.ndim - 1 - i // 2
        before, after = sides[i : i + 2]
        if x.shape[axis] + min(before, 0) + min(after, 0) < 0:
            raise ValueError(
                f"[pad] {(before, after)} cuts off more than the {x.shape[axis]} of axis {axis}"
            )
        if mode == "constant":
            x = _with_constant(x, axis, before, after, value or 0.0)
        elif before or after:
            places = np.arange(-before, x.shape[axis] + after)
            places = constant_here(_within(places, x.shape[axis], mode))
            x = index(x, (*(slice(None),) * axis, places))
    return x if any(n > 0 for n in sides) else x.clone()


def _with_constant(x: Tensor, axis: int, before: int, after: int, value: float) -> Tensor:
    start, stop = max(-before, 0), x.shape[axis] - max(-after, 0)
    if (start, stop) != (0, x.shape[axis]):
        x = index(x, (*(slice(None),) * axis, slice(start, stop)))
    if before <= 0 and after <= 0:
        return x
    backend, parts = x.backend, [x]
    for size, at in ((before, 0), (after, 2)):
        if size > 0:
            shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
            border = new(backend.from_numpy(constant_here(np.full(shape, value, x.dtype))))
            parts.insert(0 if at == 0 else len(parts), border)
    return cat(parts, axis)


def _within(places: Any, size: int, mode: str) -> Any:
    """Return which pixel stands at each place along an axis, some of them beyond its ends."""
    if mode == "replicate":
        return np.clip(places, 0, size - 1)
    furthest = max(-places[0], places[-1] - (size - 1))
    if furthest > (size - 1 if mode == "reflect" else size):
        raise ValueError(f"[pad] a border of {furthest} is too wide for {mode} of {size}")
    if mode == "circular":
        return places % size
    return (size - 1) - np.abs((size - 1) - np.abs(places))


@on_arrays_too
def interpolate(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Tensor:
    """Resize images (N, C, H, W) or signals (N, C, L).

    By whole factors this is `pycnn.Upsample`, an op in C++. Other sizes are put together from
    pixels: 'nearest' takes pixel ``floor(p H / P)``, 'bilinear' (of signals 'linear') weighs the
    two nearest rows and columns; with `align_corners` corner pixels coincide. The scale is
    `scale_factor`, or with `recompute_scale_factor` the ratio of the sizes.
    """
    if antialias:
        raise ValueError("[interpolate] antialias must be False")
    if (size is None) == (scale_factor is None):
        raise ValueError("[interpolate] needs size or scale_factor, and not both")
    axes = x.ndim - 2
    if mode not in ("nearest", "bilinear" if axes == 2 else "linear") or axes not in (1, 2):
        raise ValueError(
            f"[interpolate] mode must be 'nearest', 'bilinear' for images or 'linear' for signals, "
            f"got {mode!r} (x: {x.shape})"
        )
    given = size if size is not None else scale_factor
    given = list(given) if np.ndim(given) else [given] * axes
    if len(given) != axes or any(isinstance(n, str) or float(n) <= 0 for n in given):
        raise ValueError(
            f"[interpolate] size and scale_factor must be {axes} numbers above 0, got {given} "
            f"(x: {x.shape})"
        )
    factors: list[float]
    if size is not None:
        sizes = list(sizes_of((given,)))
        factors = [n / old for n, old in zip(sizes, x.shape[2:], strict=True)]
    else:
        factors = [float(f) for f in given]
        sizes = [math.floor(old * f) for f, old in zip(factors, x.shape[2:], strict=True)]
        if recompute_scale_factor:
            return interpolate(x, sizes, None, mode, align_corners)
    if min(sizes) < 1:
        raise ValueError(f"[interpolate] {given} leaves no pixels of {x.shape}")
    if axes == 2 and all(f >= 1 and f == int(f) for f in factors):
        whole = tuple(int(f) for f in factors)
        corners = {} if mode == "nearest" else {"align_corners": bool(align_corners)}
        return layers.Upsample(scale_factor=whole, mode=mode, **corners)(x)  # type: ignore[no-any-return]
    for i, n in enumerate(sizes):
        scale = 1 / factors[i] if scale_factor is not None else None
        x = _resized(x, 2 + i, n, mode, bool(align_corners), scale)
    return x


def _resized(
    x: Tensor, axis: int, size: int, mode: str, corners: bool, scale: float | None
) -> Tensor:
    old = x.shape[axis]
    step = old / size if scale is None else scale
    front = (slice(None),) * axis
    if mode == "nearest":
        places = np.minimum((np.arange(size) * np.float32(step)).astype(np.int64), old - 1)
        return index(x, (*front, places))
    if corners:
        at = np.arange(size) * ((old - 1) / (size - 1) if size > 1 else 0.0)
    else:
        at = np.maximum((np.arange(size) + 0.5) * step - 0.5, 0)
    low = np.minimum(at.astype(np.int64), old - 1)
    share = (at - low).astype(np.float32).reshape(-1, *[1] * (x.ndim - 1 - axis))
    part = new(x.backend.from_numpy(share))
    below, above = index(x, (*front, low)), index(x, (*front, np.minimum(low + 1, old - 1)))
    return below * (1 - part) + above * part


@on_arrays_too
def upsample(
    x: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Do what `interpolate` does."""
    return interpolate(x, size, scale_factor, mode, align_corners)


@on_arrays_too
def upsample_bilinear(x: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Do what `interpolate` does with mode 'bilinear' and aligned corners."""
    return interpolate(x, size, scale_factor, "bilinear", True)


@on_arrays_too
def upsample_nearest(x: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Do what `interpolate` does with mode 'nearest'."""
    return interpolate(x, size, scale_factor, "nearest")


@on_arrays_too
def pixel_shuffle(x: Tensor, upscale_factor: int) -> Tensor:
    """Turn channels into pixels: (N, C r^2, H, W) to (N, C, H r, W r). See `pycnn.PixelShuffle`."""
    batch, c, h, w = _planes("pixel_shuffle", x, upscale_factor)
    r = upscale_factor
    if c % r**2:
        raise ValueError(f"[pixel_shuffle] {c} channels are not a multiple of {r} squared")
    y = x.reshape(-1, c // r**2, r, r, h, w).permute(0, 1, 4, 2, 5, 3)
    return y.reshape(*batch, c // r**2, h * r, w * r)


@on_arrays_too
def pixel_unshuffle(x: Tensor, downscale_factor: int) -> Tensor:
    """Turn pixels into channels: (N, C, H r, W r) to (N, C r^2, H, W)."""
    batch, c, h, w = _planes("pixel_unshuffle", x, downscale_factor)
    r = downscale_factor
    if h % r or w % r:
        raise ValueError(f"[pixel_unshuffle] {(h, w)} pixels are not a multiple of {r}")
    y = x.reshape(-1, c, h // r, r, w // r, r).permute(0, 1, 3, 5, 2, 4)
    return y.reshape(*batch, c * r**2, h // r, w // r)


def _planes(name: str, x: Tensor, factor: int) -> tuple[tuple[int, ...], int, int, int]:
    """Return the axes in front of the channels, and the last three extents."""
    if x.ndim < 3 or factor < 1:
        raise ValueError(
            f"[{name}] needs images (..., C, H, W) and a factor from 1, got shape {x.shape} and "
            f"{factor}"
        )
    return (x.shape[:-3], *x.shape[-3:])  # type: ignore[return-value]


@on_arrays_too
def one_hot(x: Tensor, num_classes: int = -1) -> Tensor:
    """Return rows that are 1 at the class and 0 elsewhere; int64, with an axis more."""
    classes = x.numpy()
    if classes.dtype.kind not in "iu":
        raise TypeError(f"[one_hot] needs whole numbers, got {classes.dtype}")
    count = int(classes.max(initial=-1)) + 1 if num_classes < 0 else num_classes
    if classes.size and not 0 <= classes.min() <= classes.max() < count:
        raise ValueError(f"[one_hot] classes must lie in 0..{count - 1}")
    return new(x.backend.from_numpy(np.eye(count, dtype=np.int64)[classes]))


@on_arrays_too
def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join axes into one."""
    return x.flatten(start_dim, end_dim)
