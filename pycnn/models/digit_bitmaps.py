"""The digits as 7x12 bitmaps: the targets that LeNet-5's last hidden layer learns to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

HEIGHT, WIDTH = 12, 7

# Drawn here after the description of figure 3 of the paper, in upright characters of two-pixel
# strokes; the paper's own bitmaps are printed too small to be read off pixel by pixel.
_DIGITS = """
..###..  ...##..  .#####.  .#####.  ....##.  #######  ..####.  #######  .#####.  .#####.
.##.##.  ..###..  ##...##  ##...##  ...###.  ##.....  .##....  .....##  ##...##  ##...##
##...##  .####..  .....##  .....##  ..####.  ##.....  ##.....  .....##  ##...##  ##...##
##...##  ...##..  .....##  .....##  .##.##.  ##.....  ##.....  ....##.  ##...##  ##...##
##...##  ...##..  ....##.  .....##  ##..##.  ######.  ######.  ....##.  .#####.  ##...##
##...##  ...##..  ...##..  ..####.  ##..##.  .....##  ##...##  ...##..  ##...##  .######
##...##  ...##..  ..##...  .....##  #######  .....##  ##...##  ...##..  ##...##  .....##
##...##  ...##..  .##....  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
##...##  ...##..  ##.....  .....##  ....##.  .....##  ##...##  ..##...  ##...##  .....##
.##.##.  ...##..  ##.....  ##...##  ....##.  ##...##  ##...##  ..##...  ##...##  ....##.
..###..  .######  #######  .#####.  ....##.  .#####.  .#####.  ..##...  .#####.  .####..
.......  .......  .......  .......  .......  .......  .......  .......  .......  .......
"""


def digit_bitmaps() -> npt.NDArray[np.float32]:
    """Return the bitmaps of '0' to '9' as a (10, 84) array: +1 for ink, -1 for ground.

    Row by row; ``digit_bitmaps().reshape(10, 12, 7)`` are pictures.
    """
    rows = [line.split() for line in _DIGITS.split("\n") if line]
    digits = ["".join(column) for column in zip(*rows, strict=True)]
    return np.array([[1 if c == "#" else -1 for c in digit] for digit in digits], np.float32)
