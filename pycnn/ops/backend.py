"""Where an op is computed: where its arrays are."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn import _core


def backend(array: Any) -> Any:
    """Return the module that has the ops for an array: `pycnn._core`, or that of a device array."""
    return _core if type(array) is np.ndarray else getattr(type(array), "ops", _core)
