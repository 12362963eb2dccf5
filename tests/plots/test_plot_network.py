"""Pictures of a network's knowledge: filters, feature maps, mistakes, n-grams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.patches import Patch, Rectangle
from support.annotations import layer_of
from support.pictures import branched_net, images, texts
from support.small_training import blobs, small_net

from pycnn import models, plot, predict
from pycnn._pixels import displayable, stretch
from pycnn.data import ArrayDataset
from pycnn.layers import RBF, Conv2d, Flatten, Linear, Sequential
from pycnn.plot.feature_maps import layer_outputs, strongest

NAMES = ("a", "b", "$", "_{x}")


# Filters -------------------------------------------------------------------------------------


def test_filters_are_those_of_the_first_convolution() -> None:
    net = small_net()
    weights = layer_of(net, 0).filters()
    shown = images(plot.filters(net))
    assert len(shown) == 4
    largest = np.abs(weights).max()
    for pixels, plane in zip(shown, weights[:, 0], strict=True):
        np.testing.assert_allclose(pixels, (plane / largest + 1) / 2, atol=1e-6)
    assert len(images(plot.filters(net, limit=3))) == 3


def test_filters_of_three_channels_are_coloured_others_have_a_picture_each() -> None:
    coloured = images(plot.filters(Conv2d(3, 5, 4, rng=0)))
    assert [pixels.shape for pixels in coloured] == [(4, 4, 3)] * 5
    assert all(pixels.min() == 0 and pixels.max() == 1 for pixels in coloured)
    figure = plot.filters(Conv2d(2, 5, (2, 3), rng=0))
    assert [pixels.shape for pixels in images(figure)] == [(2, 3)] * 10
    assert any("5 filters 2\u00d73 of 2 channels" in text for text in texts(figure))
    assert len(images(plot.filters(Conv2d(3, 5, 4, rng=0), mode="grey"))) == 5
    plot.filters(Conv2d(1, 2, (3, 300), rng=0))


def test_filters_of_a_connection_table_are_drawn_with_zeros() -> None:
    layer = Conv2d(2, 2, 3, connections=[[1, 0], [1, 1]], rng=0)
    first_channels, second_channels = np.split(np.array(images(plot.filters(layer))), 2)
    np.testing.assert_array_equal(second_channels[0], 0.5)
    assert np.ptp(first_channels[0]) > 0


def test_filters_have_a_scale_and_are_larger_than_their_heading() -> None:
    net = models.lenet5(rng=0)
    figure = plot.filters(net)
    largest = float(np.abs(layer_of(net, 0).filters()).max())
    assert {f"{-largest:.2g}", "0", f"{largest:.2g}"} <= set(texts(figure))
    assert figure.get_figwidth() >= 5
    figure.draw_without_rendering()
    (heading,) = (text for text in figure.texts if "filters" in text.get_text())
    filter_ = figure.axes[0].get_window_extent()
    assert filter_.height > 2 * heading.get_window_extent().height
    assert len(texts(plot.filters(Conv2d(3, 5, 4, rng=0)))) == 1  # each has its own scale


def test_filters_errors() -> None:
    with pytest.raises(ValueError, match="Sequential has no Conv2d layer"):
        plot.filters(Sequential(Linear(2, 2)))
    with pytest.raises(ValueError, match="filters of 3 channels can be coloured, these have 1"):
        plot.filters(small_net(), mode="rgb")
    with pytest.raises(ValueError, match="mode must be one of auto, rgb, grey, channels"):
        plot.filters(small_net(), mode="gray")
    words = models.textcnn(["<pad>", "<unk>", "film"], dim=6, filters=2, rng=0)
    with pytest.raises(ValueError, match="no pictures: draw what fires them, with 'pycnn plot ngr"):
        plot.filters(words)


# Feature maps --------------------------------------------------------------------------------


def test_feature_maps_are_the_outputs_of_the_layers() -> None:
    net, data = small_net(dropout=0.5), blobs(3)
    layers = layer_outputs(net, data.x[1])
    # Flatten and Dropout (in evaluation mode) pass on their input.
    assert [layer.name for layer in layers] == ["0 Conv2d", "1 ReLU", "2 MaxPool2d", "5 Linear"]
    np.testing.assert_array_equal(layers[-1].output, predict(net, data.x[1:2])[0])
    assert net.training
    figure = plot.feature_maps(net, data.x[1], classes=NAMES, title="title")
    shown = images(figure)
    assert len(shown) == 1 + 3 * 4 + 1
    np.testing.assert_allclose(shown[1:5], stretch(layers[0].output))
    found = texts(figure)
    assert {"title", "input", "2 MaxPool2d"} <= set(found)
    for beginning in ("1\u00d78\u00d78 ", "4\u00d74\u00d74 ", "a\n", "_{x}\n"):
        assert any(text.startswith(beginning) for text in found)


def test_feature_maps_of_nested_networks_and_of_many_maps() -> None:
    x = np.random.default_rng(0).normal(size=(3, 8, 8)).astype(np.float32)
    figure = plot.feature_maps(branched_net(), x, maps=2)
    found = texts(figure)
    assert {"stem.0 Conv2d", "down.shortcut Conv2d", "mixed Parallel", "2 of 8"} <= set(found)
    assert images(figure)[0].shape == (8, 8, 3)
    assert strongest(np.array([[1.0], [5], [np.nan], [3]]), 2) == [1, 3]


def test_the_winner_is_white_where_the_smallest_output_wins() -> None:
    net, x = Sequential(Flatten(), RBF(64, 4, rng=0)), blobs(1).x
    distances = net(x)[0]
    figure = plot.feature_maps(net, x[0])
    assert images(figure)[-1].argmax() == distances.argmin()
    np.testing.assert_allclose(images(figure)[-1], stretch(-distances)[np.newaxis])
    assert "4: the smallest wins (white)" in texts(figure)


def test_feature_maps_errors() -> None:
    with pytest.raises(ValueError, match=r"one image \(C, H, W\), got shape \(8, 8\)"):
        plot.feature_maps(small_net(), np.zeros((8, 8), np.float32))
    with pytest.raises(ValueError, match=r"Sequential\[0\] Conv2d"):
        plot.feature_maps(small_net(), np.zeros((2, 8, 8), np.float32))


# Mistakes, n-grams ---------------------------------------------------------------------------


def test_misclassified_shows_the_surest_mistakes_first() -> None:
    data = blobs(4)
    rows = np.full((4, 4), 0.1, np.float32)
    for row, (label, share) in enumerate([(0, 0.5), (1, 0.9), (2, 0.7), (3, 0.8)]):
        rows[row, label] = share
    data = ArrayDataset(data.x, np.array([0, 0, 0, 0]), NAMES)
    assert plot.surest_errors(data.y, rows).tolist() == [1, 3, 2]
    figure = plot.misclassified(data, rows, limit=2)
    shown = images(figure)
    assert len(shown) == 2
    np.testing.assert_array_equal(shown[0], displayable(data.x[1]))
    found = texts(figure)
    assert found.count("true: a") == 2
    assert "bars are probabilities:\nblue of the true class, orange of others" in found
    assert {"3 of 4 wrong; the 2 surest mistakes", "90.0%", "80.0%", "_{x}"} <= set(found)
    right = plot.misclassified(data, np.eye(4, dtype=np.float32)[data.y])
    assert texts(right) == ["0 of 4 wrong"]


def test_misclassified_errors() -> None:
    with pytest.raises(ValueError, match=r"probabilities must be \(4, C\), one row a sample"):
        plot.misclassified(blobs(4), np.zeros((3, 4), np.float32))
    words = ArrayDataset(np.zeros((2, 5), np.int64), np.ones(2, np.int64))
    with pytest.raises(ValueError, match=r"draws images \(N, C, H, W\), got shape \(2, 5\)"):
        plot.misclassified(words, np.eye(2, dtype=np.float32)[[0, 0]])


def width(bar: Patch) -> float:
    assert isinstance(bar, Rectangle)
    return bar.get_width()


def test_ngrams_explain_their_bars_and_keep_text_out_of_them() -> None:
    figure = plot.ngrams({"one": [("m" * 60, 2.5), ("b", 1.25)], "other": [("c", 0.5)]})
    figure.draw_without_rendering()
    found = texts(figure)
    assert "What fires the filters: the n-grams with the largest activations" in found
    assert any("a full bar is 2.50, in every panel" in text for text in found)
    first, other = figure.axes[:2]
    full, long, _, half = map(width, first.patches)
    assert (full, long, half) == pytest.approx((full, full, full / 2))
    assert width(other.patches[1]) == pytest.approx(full / 5)
    words = [text for text in first.texts if text.get_clip_on()]
    assert [text.get_text() for text in words] == ["m" * 39 + "\u2026", "b"]
    edge = first.patches[0].get_window_extent().x0
    clips = [text.get_clip_box() for text in words]
    assert all(clip is not None and clip.x1 < edge for clip in clips)


def test_ngrams_are_listed_with_their_activations() -> None:
    top: dict[str, Any] = {f"filter {i}": [("a b c", 2.5), ("x" * 50, 1.25)] for i in range(5)}
    figure = plot.ngrams({**top, "dead": []}, title="all")
    found = texts(figure)
    assert found.count("a b c") == found.count("2.50") == 5
    assert {"all", "dead", "filter 4", "x" * 39 + "\u2026"} <= set(found)
    assert len(texts(plot.ngrams(top, limit=2))) == 2 + 10
    with pytest.raises(ValueError, match="no filters with n-grams"):
        plot.ngrams({})
