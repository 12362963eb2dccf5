"""Gradients of tables of rows, of which a batch uses few."""

from __future__ import annotations

from typing import Any

from pycnn import _core
from pycnn.backends.contract import Backend
from pycnn.backends.joined_steps import are_joined


def table_gradient(backend: Backend, dy: Any, index: Any, padding_idx: Any, rows: int) -> Any:
    """Return the whole gradient of a table (rows, D), zeros where a row was not used.

    Parameters
    ----------
    backend : Backend
        Of the arrays.
    dy, index, padding_idx
        As for `pycnn.ops.embedding_backward`.
    rows : int
        Rows of the table.
    """
    if backend.name == "cpu" and are_joined():
        # One call can be recorded. Two could not: the next batch has more or fewer different words.
        return _core.table_gradient(dy, index, padding_idx, rows)
    numbers, values = backend.ops.embedding_backward(dy, index, padding_idx)
    gradient = backend.zeros((rows, values.shape[1]), values.dtype)
    backend.put_rows(gradient, numbers, values)
    return gradient
