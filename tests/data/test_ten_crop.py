"""The mean prediction over ten views."""

from __future__ import annotations

import numpy as np
import pytest

from pycnn import ops
from pycnn.augment import ten_crop
from pycnn.data import ArrayDataset
from pycnn.layers import Conv2d, Dropout, Flatten, Linear, Sequential


def net() -> Sequential:
    return Sequential(Conv2d(3, 2, 3, rng=0), Flatten(), Dropout(0.5), Linear(40, 4, rng=1))


def test_views_are_corners_centre_and_their_mirror_images() -> None:
    x = np.random.default_rng(0).random((5, 3, 10, 9), np.float32)
    model = net().eval()
    total = np.zeros((5, 4))
    for top, left in ((0, 0), (0, 2), (4, 0), (4, 2), (2, 1)):
        view = x[:, :, top : top + 6, left : left + 7]
        for crop in (view, view[..., ::-1]):
            total += ops.softmax(model(np.ascontiguousarray(crop)))
    model.train()
    found = ten_crop(model, x, (6, 7), batch_size=2)
    np.testing.assert_allclose(found, total / 10, rtol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert model.training
    data = ArrayDataset(x, np.zeros(5, np.int64))
    np.testing.assert_array_equal(ten_crop(model, data, (6, 7), batch_size=2), found)
    assert ten_crop(model, x[:0], (6, 7)).shape == (0, 4)


def test_errors_name_the_shapes() -> None:
    x = np.zeros((1, 3, 5, 9), np.float32)
    with pytest.raises(ValueError, match=r"views of 6x7 do not fit images \(1, 3, 5, 9\)"):
        ten_crop(net(), x, (6, 7))
    with pytest.raises(ValueError, match="expects 40 features, got 8"):
        ten_crop(net(), x, 4)
    with pytest.raises(TypeError, match="float32 array, got float64"):
        ten_crop(net(), x.astype(np.float64), 4)
    with pytest.raises(ValueError, match="size must be at least 1"):
        ten_crop(net(), x, 0)
