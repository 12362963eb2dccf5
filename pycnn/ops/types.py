"""Types of the ops' arguments."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
IntArray: TypeAlias = npt.NDArray[np.int64]
IndexArray: TypeAlias = npt.NDArray[np.int32]
AnyArray: TypeAlias = npt.NDArray[Any]

Pair: TypeAlias = int | tuple[int, int]
"""One number for both axes, or (height, width)."""

Padding: TypeAlias = int | tuple[int, int] | tuple[int, int, int, int] | str
"""n, (height, width), (top, bottom, left, right), 'valid' or 'same'."""

Shape2: TypeAlias = tuple[int, int]
Shape4: TypeAlias = tuple[int, int, int, int]
