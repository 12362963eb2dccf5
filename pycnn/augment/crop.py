"""Crop and mirror images at random."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from pycnn._arguments import at_least_zero, check_generator, pair
from pycnn.augment.checks import check_images
from pycnn.data import Samples


class RandomCrop:
    """Cut a window out of each image, at a random position for each.

    Every whole-pixel position inside the padded image is equally likely.

    Parameters
    ----------
    size : int or (int, int)
        Height and width of the window.
    padding : int or (int, int)
        Rows and columns of zeros to put around the image first.

    Raises
    ------
    TypeError, ValueError
        If a size is not a positive int or a padding is negative; when called, if the images are
        smaller than the window or not an (N, C, H, W) float32 array.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks,
    2012, section 4.1: windows of 224x224 in images of 256x256.
    """

    def __init__(self, size: int | tuple[int, int], padding: int | tuple[int, int] = 0) -> None:
        self.size = pair("RandomCrop", "size", size, 1)
        self.padding = pair("RandomCrop", "padding", padding, 0)

    def __call__(self, x: Samples, rng: np.random.Generator) -> Samples:
        """Cut (N, C, H, W) to (N, C, *size)."""
        check_images("RandomCrop", x)
        check_generator("RandomCrop", rng)
        n, channels, *shape = x.shape
        (height, width), (rows, columns) = self.size, self.padding
        if height > shape[0] + 2 * rows or width > shape[1] + 2 * columns:
            raise ValueError(
                f"[RandomCrop] a window of {height}x{width} does not fit images of "
                f"{shape[0]}x{shape[1]} with padding {self.padding}"
            )
        tops = rng.integers(shape[0] + 2 * rows - height + 1, size=n)
        lefts = rng.integers(shape[1] + 2 * columns - width + 1, size=n)
        if rows or columns:
            padded_shape = (n, channels, shape[0] + 2 * rows, shape[1] + 2 * columns)
            padded = np.zeros(padded_shape, np.float32)
            padded[:, :, rows : rows + shape[0], columns : columns + shape[1]] = x
            x = padded
        windows = sliding_window_view(x, self.size, (2, 3))
        cut: Samples = windows[np.arange(n), :, tops, lefts]
        return cut

    def __repr__(self) -> str:
        return f"RandomCrop({self.size}, padding={self.padding})"


class RandomHorizontalFlip:
    """Mirror each image left to right, with probability p.

    Parameters
    ----------
    p : float in [0, 1]
        Probability.

    Raises
    ------
    TypeError, ValueError
        If `p` is not such a number; when called, if the images are not an (N, C, H, W) float32
        array.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = at_least_zero("RandomHorizontalFlip", "p", p)
        if p > 1:
            raise ValueError(f"[RandomHorizontalFlip] p must be at most 1, got {p}")

    def __call__(self, x: Samples, rng: np.random.Generator) -> Samples:
        """Mirror some images."""
        check_images("RandomHorizontalFlip", x)
        check_generator("RandomHorizontalFlip", rng)
        chosen = rng.random(len(x)) < self.p
        y: Samples = x.copy()
        y[chosen] = x[chosen, :, :, ::-1]
        return y

    def __repr__(self) -> str:
        return f"RandomHorizontalFlip({self.p})"
