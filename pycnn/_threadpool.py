"""Let threadpoolctl see and limit the threads of pycnn, as it does those of BLAS and OpenMP.

threadpoolctl searches the loaded libraries for those whose controllers it knows. pycnn's controller
is registered as soon as both are imported, whichever comes first; pycnn never imports it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

_NAME = "threadpoolctl"


def register() -> None:
    """Register pycnn with threadpoolctl, now or when it is imported."""
    module = sys.modules.get(_NAME)
    if module is None:
        sys.meta_path.insert(0, cast(Any, _Watch()))
    else:
        _register_with(module)


def _register_with(threadpoolctl: ModuleType) -> None:
    """Register; warn instead of raising, since an import of either must not fail because of it."""
    if not hasattr(threadpoolctl, "register"):  # an old version
        return
    try:
        threadpoolctl.register(_controller(threadpoolctl))
    except Exception as error:
        warnings.warn(f"threadpoolctl does not see pycnn: {error!r}", stacklevel=2)


def _controller(threadpoolctl: ModuleType) -> type:
    class PycnnController(threadpoolctl.LibController):  # type: ignore[misc, name-defined]
        """The threads of pycnn's ops, through two functions of its compiled module."""

        # OMP_NUM_THREADS sets them, so a limit on OpenMP is meant for them, too.
        user_api = "openmp"
        internal_api = "pycnn"
        filename_prefixes = ("_core",)
        check_symbols = ("pycnn_get_num_threads", "pycnn_set_num_threads")

        def get_num_threads(self) -> int:
            count: int = self.dynlib.pycnn_get_num_threads()
            return count

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.pycnn_set_num_threads(num_threads)

        def get_version(self) -> str:
            version: str = sys.modules["pycnn._core"].version
            return version

    return PycnnController


class _Watch:
    """Waits for threadpoolctl to be imported.

    A finder without its base class: importing importlib.abc takes a tenth of pycnn's import time.
    """

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _NAME:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = cast(Any, _ThenRegister(spec.loader, self))
                return spec
        return None


class _ThenRegister:
    """Loads a module with its own loader, registers with it, and ends the watch."""

    def __init__(self, loader: Any, watch: _Watch) -> None:
        self._loader = loader
        self._watch = watch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if self._watch in sys.meta_path:
            sys.meta_path.remove(self._watch)
        _register_with(module)
