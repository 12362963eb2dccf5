"""The samples of one input, as a data set in memory keeps them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn.arrays import pixels

Array = npt.NDArray[Any]


class Column:
    """Samples as floats, ints, or pixels: bytes that become float32 when they are used.

    Parameters
    ----------
    kept : (N, ...) float32, int64, uint8 or bool array, C-contiguous
        The samples.
    values : pycnn.pixels.Values, optional
        What uint8 pixels stand for; 0 to 1 by default.
    """

    __slots__ = ("_state",)

    def __init__(self, kept: Array, values: pixels.Values | None = None) -> None:
        # In one place, so that another thread sees both change at once.
        self._state = kept, values

    @property
    def state(self) -> tuple[Array, pixels.Values | None]:
        """The array that is kept, and what its bytes stand for if that is not the default."""
        return self._state

    def __len__(self) -> int:
        return len(self._state[0])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all samples."""
        return self._state[0].shape

    def numbers(self) -> Array:
        """Return all samples as they were given; normalised pixels as float32, from then on kept.

        Who changes the array changes the data set.
        """
        kept, values = self._state
        if values is not None:
            kept = pixels.rows(kept, np.arange(len(kept)), values)
            self._state = kept, None
        return kept

    def part(self, index: Any) -> Column:
        """Return some of the samples: a view for a slice of step 1, else a copy."""
        kept, values = self._state
        return Column(np.ascontiguousarray(kept[index]), values)

    def buffer(self, samples: int) -> Array:
        """Return an array that `take` can fill."""
        kept = self._state[0]
        dtype = np.float32 if kept.dtype.itemsize == 1 else kept.dtype
        return np.empty((samples, *kept.shape[1:]), dtype)

    def take(self, index: npt.NDArray[np.int64], out: Array) -> Array:
        """Write the samples at these positions, which are not negative, into an array."""
        kept, values = self._state
        if kept.dtype.itemsize == 1:
            return pixels.rows(kept, index, values or pixels.plain(kept.dtype), out)
        # With "clip" take writes into `out` directly; the default mode gathers into a copy.
        return np.take(kept, index, axis=0, out=out, mode="clip")

    def gather(self, index: Any) -> Array:
        """Return the samples at these positions as a new array."""
        kept = self._state[0]
        if kept.dtype.itemsize > 1:
            return np.asarray(kept[index])
        if not isinstance(index, np.ndarray) or index.dtype != np.int64 or (index < 0).any():
            index = np.ascontiguousarray(np.arange(len(kept))[index])
        return self.take(index, self.buffer(len(index)))

    def between(self, start: int, stop: int) -> Array:
        """Return consecutive samples, without a copy where they need none."""
        kept = self._state[0]
        if kept.dtype.itemsize > 1:
            return kept[start:stop]
        return self.gather(np.arange(start, min(stop, len(kept))))
