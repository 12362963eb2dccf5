"""Learning of the neocognitron: the winners of each pattern are reinforced, without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from pycnn import ops
from pycnn._arguments import integer
from pycnn._progress import Progress, progress_wish
from pycnn.data import Dataset, Samples
from pycnn.layers import Module, Sequential
from pycnn.layers.module import evaluation_mode
from pycnn.layers.parameter import Array
from pycnn.layers.s_layer import SLayer
from pycnn.layers.turns import Turn
from pycnn.training.stretch import Stretch

# Patterns that pass through the layers below together: these layers no longer change.
BLOCK = 250


class Cell(NamedTuple):
    """Plane and position of an S-cell."""

    plane: int
    row: int
    column: int


def self_organize(
    model: Sequential,
    data: Dataset,
    presentations: int | Sequence[int],
    *,
    seed: int = 0,
    progress: Progress = "auto",
    on_layer: Callable[[str], None] | None = None,
) -> list[Array]:
    """Train the S-layers of a model in place, one after the other, from the first to the last.

    Patterns are presented to a layer one at a time. At each presentation the strongest cells
    become representatives of their planes (see `representatives`), and the connections of these
    planes are reinforced (see `reinforce`). When a layer has seen its presentations, the next one
    learns from its responses.

    Parameters
    ----------
    model : Sequential
        Has `SLayer` layers; all other layers are only run.
    data : Dataset
        The patterns; labels are ignored.
    presentations : int or sequence of int
        Patterns presented to each S-layer: the same number for all, or one for each.
    seed : int
        Seed of the order: passes over all patterns, each in a new order. The same seed gives the
        same bits.
    progress : bool or 'auto'
        Whether to show a bar for each layer, as `pycnn.fit` does.
    on_layer : function of str, optional
        Called with a line about each S-layer every ten seconds while it learns, and afterwards.

    Returns
    -------
    list of int64 arrays
        For each S-layer how often each plane was reinforced; 0 if it learned nothing.

    Raises
    ------
    TypeError
        If `model` is not a Sequential, a number is not an int or `progress` is of another type.
    ValueError
        If there are no patterns, the model has no S-layer, or `presentations` does not fit it.

    References
    ----------
    Fukushima: Neocognitron: a self-organizing neural network model for a mechanism of pattern
    recognition unaffected by shift in position, 1980, section 3. There all layers learn at once.
    """
    if not isinstance(model, Sequential):
        raise TypeError(f"[self_organize] model must be a Sequential, got {type(model).__name__}")
    if len(data) == 0:
        raise ValueError("[self_organize] the data set is empty")
    integer("self_organize", "seed", seed, 0, inf)
    progress = progress_wish("self_organize", progress)
    stages = [index for index, layer in enumerate(model) if isinstance(layer, SLayer)]
    if not stages:
        raise ValueError("[self_organize] the model has no SLayer")
    numbers = _numbers(presentations, len(stages))
    reinforced: list[Array] = []
    with evaluation_mode(model):
        for index, number in zip(stages, numbers, strict=True):
            layer, below = model[index], Sequential(*tuple(model)[:index])
            assert isinstance(layer, SLayer)
            order = _order(len(data), number, np.random.default_rng([seed, index]))
            label = f"S-layer {len(reinforced) + 1}/{len(stages)}"
            with Stretch(label, number, progress, on_layer) as stretch:
                reinforced.append(_learn(layer, below, data, order, stretch))
    return reinforced


def representatives(y: Array, column: int) -> list[Cell]:
    """Choose the S-cells to be reinforced.

    An S-column holds the cells of all planes in a square of positions; there is one at every
    position, so they overlap. The strongest cell of each column is a candidate; the strongest
    candidate in a plane represents the plane. Cells without output are not candidates. Among equals
    the first one wins.

    Parameters
    ----------
    y : (planes, P, Q) array
        Output of an S-layer for one pattern.
    column : int
        Side of the square, at most the size of the planes.

    Returns
    -------
    list of Cell
        At most one for each plane, in the order of the planes.
    """
    _, height, width = y.shape
    plane = y.argmax(axis=0).ravel()
    strongest = np.max(y, axis=0)
    square = (min(column, height), min(column, width))
    maximum, position = ops.max_pool2d(strongest[np.newaxis, np.newaxis], square, 1)
    candidates = np.unique(position[maximum > 0])
    # From the strongest to the weakest; the sort is stable, so equals stay in their order.
    candidates = candidates[np.argsort(-strongest.ravel()[candidates], kind="stable")]
    planes, first = np.unique(plane[candidates], return_index=True)
    rows, columns = np.divmod(candidates[first], width)
    return [Cell(*map(int, cell)) for cell in zip(planes, rows, columns, strict=True)]


def reinforce(layer: SLayer, x: Array, cells: Sequence[Cell]) -> None:
    """Reinforce the connections of the representatives, and with them those of their planes.

    ``a[j,k,o] += q c[o] x[k,n+o]`` and ``b[j] += q / 2 v[n]`` for the representative of plane j,
    at position n.

    Parameters
    ----------
    layer : SLayer
        Changed in place.
    x : (in_planes, H, W) array
        Its input.
    cells : sequence of Cell
        The representatives.
    """
    top, bottom, left, right = layer.padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    c, q = layer.fixed[0], np.float32(layer.q)
    for plane, row, column in cells:
        seen = x[:, row : row + layer.area, column : column + layer.area]
        layer.excitatory.data[plane] += q * c * seen
        layer.inhibitory.data[plane] += q / 2 * np.sqrt(np.sum(c * np.square(seen)))


def _learn(layer: SLayer, below: Module, data: Dataset, order: Samples, stretch: Stretch) -> Array:
    """Present patterns to one layer; return how often each plane was reinforced."""
    counts = np.zeros(layer.planes, np.int64)
    turn = Turn(layer, alone=True)
    for start in range(0, len(order), BLOCK):
        block = below.forward(data.gather(order[start : start + BLOCK]))
        for x in block:
            cells = representatives(layer.forward(x[np.newaxis])[0], layer.column)
            with turn.taken():  # other threads may evaluate the model
                reinforce(layer, x, cells)
            counts[[cell.plane for cell in cells]] += 1
        stretch.update(start + len(block))
    return counts


def _numbers(presentations: int | Sequence[int], layers: int) -> list[int]:
    """Return the presentations of each layer."""
    if isinstance(presentations, Sequence):
        numbers = list(presentations)
    else:
        numbers = [presentations] * layers
    if len(numbers) != layers:
        raise ValueError(
            f"[self_organize] got presentations for {len(numbers)} S-layers, the model has {layers}"
        )
    return [integer("self_organize", "presentations", number, 0, inf) for number in numbers]


def _order(patterns: int, number: int, rng: np.random.Generator) -> Samples:
    """Return the positions of the patterns to present."""
    passes = [rng.permutation(patterns) for _ in range(-(-number // patterns))]
    return np.concatenate(passes)[:number] if passes else np.zeros(0, np.int64)
