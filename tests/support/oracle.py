"""The reference, which computes each result once.

Tests ask it for the same float64 convolutions again and again: for each instruction set, for the
CUDA kernels, and for each algorithm. It is the slowest part of most of them.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from pycnn import reference

# Bytes of results that are kept, in each process: those of the largest test files.
MOST = 1 << 28


class Oracle:
    """A module of pure functions of arrays, whose last results are kept.

    Parameters
    ----------
    functions : module
        Where the functions are.
    most : int
        Bytes of results to keep.
    """

    def __init__(self, functions: Any, most: int = MOST) -> None:
        self._functions, self._most = functions, most
        self._kept: OrderedDict[str, Any] = OrderedDict()
        self._bytes = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return the function of this name; its results must not be written to."""
        function = getattr(self._functions, name)

        def remembered(*arguments: Any, **options: Any) -> Any:
            key = _key(name, arguments, options)
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            result = function(*arguments, **options)
            for array in _arrays(result):
                array.flags.writeable = False
            self._keep(key, result)
            return result

        return remembered

    def _keep(self, key: str, result: Any) -> None:
        self._kept[key] = result
        self._bytes += _size(result)
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def _arrays(result: Any) -> list[np.ndarray]:
    parts = result if isinstance(result, tuple) else (result,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def _size(result: Any) -> int:
    return sum(array.nbytes for array in _arrays(result))


def _key(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> str:
    """Return a digest of a call: of all its numbers, and of what is no array as it is written."""
    digest = hashlib.blake2b(name.encode(), digest_size=16)
    for label, value in (*enumerate(arguments), *sorted(options.items())):
        if isinstance(value, np.ndarray):
            digest.update(f"{label} {value.dtype} {value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(f"{label} {value!r}".encode())
    return digest.hexdigest()


oracle = Oracle(reference)
