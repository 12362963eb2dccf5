"""Evaluate a model on several views of each image."""

from __future__ import annotations

from math import inf

import numpy as np

from pycnn import ops
from pycnn._arguments import integer, pair
from pycnn.augment.checks import check_images
from pycnn.data import Dataset
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.turns import between_steps

# The views of this many images go through the network together: 10 times as many samples.
BATCH_SIZE = 16


def ten_crop(
    model: Module,
    images: Array | Dataset,
    size: int | tuple[int, int],
    *,
    batch_size: int = BATCH_SIZE,
) -> Array:
    """Average the class probabilities of ten views: the corners and the centre, and their mirrors.

    Parameters
    ----------
    model : Module
        Returns logits (N, classes); it is put into evaluation mode meanwhile.
    images : (N, C, H, W) float32 array or Dataset of such
        Images larger than the model's input.
    size : int or (int, int)
        Height and width of a view.
    batch_size : int
        Images per batch.

    Returns
    -------
    (N, classes) float32 array
        Mean of the softmax over the views; ``.argmax(1)`` is the answer.

    Raises
    ------
    TypeError, ValueError
        If `images` are not images, are smaller than a view, or do not fit the model.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks,
    2012, section 4.1, "At test time".
    """
    height, width = pair("ten_crop", "size", size, 1)
    integer("ten_crop", "batch_size", batch_size, 1, inf)
    results = []
    # An empty set yields one empty batch, and so a result of the right shape.
    for start in range(0, max(len(images), 1), batch_size):
        if isinstance(images, np.ndarray):
            x = images[start : start + batch_size]
        else:
            x = images.gather(np.arange(start, min(start + batch_size, len(images))))
        views = _views(x, height, width)
        with between_steps(model):
            logits = model.forward(views)
            probabilities = ops.softmax(model.scores(logits))
        results.append(probabilities.reshape(10, len(x), logits.shape[1]).mean(axis=0))
    return np.concatenate(results)


def _views(x: Array, height: int, width: int) -> Array:
    """Return ten views of each image, (10 N, C, height, width): all first views, all second, ..."""
    check_images("ten_crop", x)
    down, right = x.shape[2] - height, x.shape[3] - width
    if down < 0 or right < 0:
        raise ValueError(f"[ten_crop] views of {height}x{width} do not fit images {x.shape}")
    corners = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    views = [x[:, :, top : top + height, left : left + width] for top, left in corners]
    return np.concatenate([*views, *(view[:, :, :, ::-1] for view in views)])
