"""Connection tables: which input channels each filter of a convolution sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.bool_]


def connection_table(owner: str, table: Any, filters: int, channels: int) -> Table:
    """Return a table as a new (filters, channels) array of bool.

    Parameters
    ----------
    owner : str
        The layer, for errors.
    table : (filters, channels) array-like of bool or 0 and 1
        Entry [k, c] says whether filter k sees channel c.
    filters, channels : int
        Its shape.

    Raises
    ------
    TypeError
        If it is not an array of bool or int.
    ValueError
        If its shape or a value is wrong, or a filter sees no channel.
    """
    try:
        found = np.asarray(table)
    except ValueError:  # rows of different lengths
        found = np.asarray(None)
    if found.dtype.kind not in "biu":
        raise TypeError(
            f"[{owner}] connections must be an array of bool or of 0 and 1, "
            f"got {_kind(table, found)}"
        )
    if found.shape != (filters, channels):
        raise ValueError(
            f"[{owner}] connections must have shape (out_channels, in_channels) = "
            f"{(filters, channels)}, has {found.shape}"
        )
    wrong = np.argwhere((found != 0) & (found != 1))
    if len(wrong):
        k, c = map(int, wrong[0])
        raise ValueError(f"[{owner}] connections[{k}, {c}] must be 0 or 1, is {found[k, c]}")
    links: Table = found.astype(bool)
    unlinked = np.flatnonzero(~links.any(axis=1))
    if len(unlinked):
        raise ValueError(f"[{owner}] filter {unlinked[0]} has no links in connections")
    return links


def _kind(table: Any, found: npt.NDArray[Any]) -> str:
    if found.dtype == object:
        return f"{type(table).__name__} with rows that are not alike"
    return f"{found.dtype}"
