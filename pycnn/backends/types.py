"""Types of the arguments and results of ops."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
IntArray: TypeAlias = npt.NDArray[np.int64]
IndexArray: TypeAlias = npt.NDArray[np.int32]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
AnyArray: TypeAlias = npt.NDArray[Any]

Pair: TypeAlias = int | tuple[int, int]
"""One number for both axes, or (height, width)."""

Sides: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int]
"""n, (height, width) or (top, bottom, left, right)."""

Padding: TypeAlias = Sides | str
"""As `Sides`, or 'valid' or 'same'."""

Shape2: TypeAlias = tuple[int, int]
Shape4: TypeAlias = tuple[int, int, int, int]

Places: TypeAlias = tuple[FloatArray | None, FloatArray | None]
"""Arrays that gradients of a weight and its bias are written into; a new one for None."""
