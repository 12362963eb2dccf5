"""Digits made of strokes, and the network of the paper that learns them."""

from __future__ import annotations

import numpy as np

from pycnn import ArrayDataset, Sequential, models

# Five digits in a few strokes, as the paper's.
DIGITS = """
    ..###..  ...#...  .#####.  .#####.  .....#.
    .#...#.  ..##...  #.....#  #.....#  ....##.
    #.....#  ...#...  ......#  ......#  ...#.#.
    #.....#  ...#...  ......#  ......#  ..#..#.
    #.....#  ...#...  .....#.  ..####.  .#...#.
    #.....#  ...#...  ...##..  ......#  #....#.
    #.....#  ...#...  ..#....  ......#  #######
    .#...#.  ...#...  .#.....  #.....#  .....#.
    ..###..  .#####.  #######  .#####.  .....#.
"""


def digits(n: int, seed: int) -> ArrayDataset:
    """Draw each of the five digits n times, at random positions that differ by up to 5 pixels."""
    lines = [line.split() for line in DIGITS.split("\n") if line]
    shapes = [[[c == "#" for c in line[k]] for line in lines if line] for k in range(5)]
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(5), n)
    x = np.zeros((len(y), 1, 16, 16), np.float32)
    for image, k in zip(x, y, strict=True):
        top, left = rng.integers(2, 6), rng.integers(2, 8)
        image[0, top : top + 9, left : left + 7] = shapes[k]
    return ArrayDataset(x, y, tuple("01234"), "strokes")


def published(seed: int = 0, classes: int = 5) -> Sequential:
    """Make the network of the paper."""
    return models.neocognitron(
        classes,
        size=16,
        planes=(24, 24, 24),
        selectivity=(4, 1.5, 1.5),
        columns=(5, 5, 2),
        rng=seed,
    )
