"""The table that a notebook shows a model as."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pycnn import _html

if TYPE_CHECKING:
    from pycnn.layers.module import Module

HEADER = ("layer", "made by", "parameters")
HINT = "Shapes and operations: model.summary(shape), with the shape of one sample."


def model_table(model: Module) -> str:
    """Return the layers of a model and the sizes of their parameters as HTML.

    Unlike `summary` it needs no shape of a sample, and runs nothing.
    """
    rows = []
    counted: set[int] = set()
    total = 0
    for path, layer in _layers(model, "", set()):
        fresh = [p for p in layer.parameters() if id(p) not in counted]
        counted.update(map(id, fresh))
        size = sum(parameter.data.size for parameter in fresh)
        total += size
        is_leaf = not any(True for _ in layer.named_children())
        if is_leaf or size:  # a container is there for parameters of its own
            made_by = repr(layer) if is_leaf else type(layer).__name__
            rows.append((path, made_by, f"{size:,}" if size else "-"))
    rows.append(("total", "", f"{total:,}"))
    return _html.table(HEADER, rows, type(model).__name__) + _html.paragraph(HINT)


def _layers(module: Module, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    """Yield every module once with its path, a container after its layers."""
    if id(module) in seen:
        return
    seen.add(id(module))
    for name, child in module.named_children():
        yield from _layers(child, f"{path}.{name}" if path else name, seen)
    yield path, module
