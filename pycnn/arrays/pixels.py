"""Pixels that are kept as bytes, and turned into float32 a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pycnn import _core

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


class Values(NamedTuple):
    """The float32 of each byte, in each of C channels or in all of them.

    Attributes
    ----------
    tables : (1, 256) or (C, 256) float32 array
        The values, which decide.
    lines : (1, 2) or (C, 2) float64 array
        Scale and shift of the line that they lie on. Where the rounded line has exactly the bits of
        the table, it is computed instead, which is faster.
    """

    tables: Floats
    lines: npt.NDArray[np.float64]


def values_of(mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)) -> Values:
    """Return the value of each byte b in each channel: ``(b / 255 - mean[c]) / std[c]``.

    Each is computed in float64 and rounded once. With mean 0 and deviation 1 these are the bits of
    ``np.float32(b) / np.float32(255)``; ``b * np.float32(1 / 255)`` has others for 126 bytes.
    """
    scaled = np.arange(256) / 255
    channels = list(zip(mean, std, strict=True))
    tables = np.array([(scaled - m) / s for m, s in channels]).astype(np.float32)
    return Values(tables, np.array([(1 / (255 * s), -m / s) for m, s in channels]))


SCALED = values_of()
"""Pixels from 0 to 255 as 0 to 1."""

MASK = Values(np.minimum(np.arange(256, dtype=np.float32), 1.0)[np.newaxis], np.array([[1.0, 0.0]]))
"""Bools as 0 and 1."""


def plain(dtype: Any) -> Values:
    """Return the values of uint8 pixels, or of bools, that are not normalised."""
    return MASK if np.dtype(dtype) == np.bool_ else SCALED


def rows(kept: npt.NDArray[Any], index: Any, values: Values, out: Floats | None = None) -> Floats:
    """Return the samples at some positions as float32.

    Parameters
    ----------
    kept : (N, ...) uint8 or bool array, C-contiguous
        The pixels; with values for each channel (N, C, ...).
    index : (n,) int64 array
        Positions, 0 to N - 1.
    values : Values
        What the bytes stand for.
    out : (n, ...) float32 array, optional
        Where to put the result, C-contiguous.

    Raises
    ------
    ValueError
        If a position is out of range, or a shape does not fit.
    """
    n, sample = len(kept), kept.shape[1:]
    if out is None:
        out = np.empty((len(index), *sample), np.float32)
    channels = sample[0] if len(values.tables) > 1 else 1
    plane = prod(sample) // channels if channels else 0
    pixels = kept.view(np.uint8).reshape(n, channels, plane)
    _core.pixel_rows(pixels, index, *values, out.reshape(len(index), channels, plane))
    return out


def scaled(kept: npt.NDArray[Any]) -> Floats:
    """Return all of some uint8 or bool pixels as float32 from 0 to 1."""
    return rows(np.ascontiguousarray(kept), np.arange(len(kept)), plain(kept.dtype))
