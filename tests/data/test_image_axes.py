"""Errors about images with axes in another order say how to transpose them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pycnn.data import ArrayDataset
from pycnn.layers import BatchNorm2d, Conv2d, ConvTranspose2d, MaxPool2d, Module, ReLU, Sequential
from pycnn.training import evaluate, fit, predict


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(
    "layers",
    [
        lambda c: [Conv2d(c, 2, 3)],
        lambda c: [Conv2d(c, 2, 3), ReLU(), MaxPool2d(2)],
        lambda c: [ConvTranspose2d(c, 2, 3)],
        lambda c: [BatchNorm2d(c)],
    ],
    ids=["alone", "fused", "transposed", "norm"],
)
def test_images_whose_channels_come_last_are_told_how_to_turn(
    layers: Callable[[int], list[Module]], channels: int
) -> None:
    hint = r"channels stand before height and width, .*x\.transpose\(0, 3, 1, 2\)"
    model = Sequential(*layers(channels))
    x = np.zeros((6, 12, 12, channels), np.float32)
    data = ArrayDataset(x, np.zeros(6, np.int64))
    for call in (
        lambda: fit(model, data, progress=False), lambda: predict(model, x),
        lambda: evaluate(model, data), lambda: model(x),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=hint):
            call()
    turned = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    assert len(predict(model, turned)) == 6
    with pytest.raises(ValueError, match="12") as info:  # neither axis is that of the channels
        model(np.zeros((6, 12, 12, 5), np.float32))
    assert "transpose" not in str(info.value)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_single_image_whose_channels_come_last_too(channels: int) -> None:
    x = np.zeros((12, 12, channels), np.float32)
    with pytest.raises(ValueError, match=r"x\.transpose\(2, 0, 1\)\)\[np\.newaxis\]"):
        Sequential(Conv2d(channels, 2, 3))(x)
    Sequential(Conv2d(channels, 2, 3))(np.ascontiguousarray(x.transpose(2, 0, 1))[np.newaxis])
