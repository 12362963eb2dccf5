"""Arrays that count their changes, so that a gradient is not computed from the wrong values."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn.autograd.array_methods import ArrayMethods

_WRITERS = (np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis)


class TrackedArray(ArrayMethods):
    """A NumPy array that counts its changes, with PyTorch's methods.

    `Parameter.data` is one, so that ``weight.data.normal_(0, 0.01)`` works as in PyTorch. Views
    count together with the whole, copies by themselves; results of arithmetic are plain arrays.
    """

    changes: list[int]

    def __array_finalize__(self, other: Any) -> None:
        # A view counts with the whole, a copy by itself.
        changes = None if self.base is None else getattr(other, "changes", None)
        self.changes = [0] if changes is None else changes

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute with plain arrays; count it if the result is written here."""
        out = options.get("out", ())
        for target in out:
            if isinstance(target, TrackedArray):
                target.changes[0] += 1
        if method == "at" and isinstance(inputs[0], TrackedArray):
            inputs[0].changes[0] += 1
        if out:
            options["out"] = tuple(map(_plain, out))
        result = getattr(ufunc, method)(*map(_plain, inputs), **options)
        if len(out) == 1 and isinstance(out[0], TrackedArray):
            return out[0]
        return result

    def __array_function__(self, function: Any, types: Any, inputs: Any, options: Any) -> Any:
        """Call NumPy's function; count it if it writes."""
        if function in _WRITERS and isinstance(inputs[0], TrackedArray):
            inputs[0].changes[0] += 1
        return super().__array_function__(function, types, inputs, options)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.changes[0] += 1
        super().__setitem__(key, value)

    def __repr__(self) -> str:
        return repr(_plain(self))


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, TrackedArray) else value


def tracked(array: Any) -> Any:
    """Return an array of NumPy's as one that counts its changes; others as they are."""
    return array.view(TrackedArray) if type(array) is np.ndarray else array
