"""Data sets and loaders under the names of ``torch.utils.data``."""

from __future__ import annotations

from typing import Any

from pycnn.loader import DataLoader
from pycnn.splits import random_split

__all__ = ["DataLoader", "Dataset", "random_split"]


class Dataset:
    """A base class for data sets with ``__len__`` and ``__getitem__``; see `docs/data.md`."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError(f"[{type(self).__name__}] the class defines no __getitem__")
