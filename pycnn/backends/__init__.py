"""Back-ends: where ops are computed, chosen by the kind of their arrays.

`contract.Backend` says what a back-end offers, `cpu` and `cuda` are the two there are. The ops of
`pycnn.ops` ask `of` for the back-end of their first array; nothing else looks where an array is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from pycnn.backends import cudnn
from pycnn.backends.contract import Backend
from pycnn.backends.cpu import Cpu
from pycnn.backends.cuda import Cuda
from pycnn.backends.operations import Operations
from pycnn.backends.reference import Reference, ReferenceArray

__all__ = [
    "Backend",
    "Cpu",
    "Cuda",
    "Operations",
    "Reference",
    "ReferenceArray",
    "computing_with",
    "cudnn",
    "of",
    "of_cpu",
    "of_extension",
    "of_reference",
    "register",
    "together",
]

_cpu: Backend = Cpu()

# The back-ends of extension modules, by the module's name and by the type of its arrays.
_extensions: dict[str, Backend] = {}
_reference: Backend = Reference()
_devices: dict[type, Backend] = {ReferenceArray: _reference}
_others: set[type] = set()  # types that have been looked at and are no device's


def of(array: Any) -> Backend:
    """Return the back-end of an array; that of the CPU for anything that is no array.

    The CPU's ops then say what is wrong with the argument.
    """
    return _cpu if type(array) is np.ndarray else _elsewhere(type(array))


def _elsewhere(kind: type) -> Backend:
    """Return the back-end of a type: that of a device if it is the type of its arrays."""
    if kind in _others:
        return _cpu
    if kind in _devices:
        return _devices[kind]
    module = getattr(kind, "ops", None)  # the extension module that the type comes from
    if isinstance(module, ModuleType) and issubclass(kind, getattr(module, "DeviceArray", ())):
        return _devices.setdefault(kind, of_extension(module))
    if issubclass(kind, np.ndarray):
        _others.add(kind)
    return _cpu


def register(kind: type, backend: Backend) -> None:
    """Let a back-end take the arrays of a type."""
    _devices[kind] = backend


def together(one: Backend, other: Backend) -> Backend | None:
    """Return the back-end that computes with arrays of both; None if there is none."""
    if one is other:
        return one
    for mine, theirs in ((one, other), (other, one)):
        if mine.traces and theirs is _cpu:
            return mine
    return None


def of_cpu() -> Backend:
    """Return the back-end of NumPy's arrays."""
    return _cpu


def of_reference() -> Backend:
    """Return the back-end that computes in float64 with NumPy."""
    return _reference


def of_extension(module: ModuleType) -> Backend:
    """Return the back-end of an extension module, ``pycnn._cuda`` or ``pycnn._cuda_emulated``."""
    name = module.__name__
    return _extensions.get(name) or _extensions.setdefault(name, Cuda(module))


@contextmanager
def computing_with(backend: Backend) -> Iterator[None]:
    """Let another back-end take NumPy's arrays, in all threads, until the ``with`` block ends.

    For tests and measurements, such as calls of a device's ops with NumPy's arrays.

    Parameters
    ----------
    backend : Backend
        What `of` returns meanwhile for arrays of NumPy.
    """
    global _cpu
    before, _cpu = _cpu, backend
    try:
        yield
    finally:
        _cpu = before


def __getattr__(name: str) -> Any:
    """Import the names that only programs for PyTorch use when they do."""
    if name in ("cudnn", "mps"):
        return import_module(f"pycnn.backends.{name}")
    raise AttributeError(f"module 'pycnn.backends' has no attribute {name!r}")
