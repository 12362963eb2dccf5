"""The network as stages, and its picture."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import FancyBboxPatch, Rectangle
from support.pictures import branched_net, texts
from support.small_training import small_net

from pycnn import models, plot
from pycnn.layers import (
    BatchNorm2d,
    Conv2d,
    Embedding,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Unsqueeze,
)
from pycnn.layers.module import Trace
from pycnn.layers.parameter import Array
from pycnn.plot.network_structure import Row, Split, Stage, structure


def outline(row: Row) -> list[object]:
    """Return path, labels and shape of each stage; of a split its branches and joined stage."""
    lines: list[object] = []
    for item in row:
        if isinstance(item, Split):
            lines.append([outline(branch) for branch in item.branches])
            item = item.joined
        lines.append((item.path, " ".join(item.labels), item.shape))
    return lines


def test_lenet5_has_the_stages_of_the_papers_figure() -> None:
    assert outline(structure(models.lenet5(rng=0), (1, 28, 28))) == [
        ("", "input", (1, 28, 28)),
        ("0", "Conv2d 5\u00d75 ReLU", (6, 28, 28)),
        ("2", "MaxPool2d 2\u00d72", (6, 14, 14)),
        ("3", "Conv2d 5\u00d75 ReLU", (16, 10, 10)),
        ("5", "MaxPool2d 2\u00d72 Flatten", (16, 5, 5)),
        ("7", "Linear ReLU", (120,)),
        ("9", "Linear ReLU", (84,)),
        ("11", "Linear", (10,)),
    ]


def test_containers_split_the_row_and_join_it() -> None:
    net = branched_net()
    assert outline(structure(net, (3, 8, 8))) == [
        ("", "input", (3, 8, 8)),
        ("stem.0", "Conv2d 3\u00d73 ReLU", (8, 8, 8)),
        [[], [("block.body.0", "Conv2d 3\u00d73 ReLU", (8, 8, 8))]],
        ("block", "add", (8, 8, 8)),
        [
            [("down.body", "Conv2d 3\u00d73 /2", (6, 4, 4))],
            [("down.shortcut", "Conv2d 1\u00d71 /2", (6, 4, 4))],
        ],
        ("down", "add", (6, 4, 4)),
        [
            [("mixed.0", "Conv2d 1\u00d71", (4, 4, 4))],
            [
                [[], [("mixed.1.0.body", "ReLU", (6, 4, 4))]],
                ("mixed.1.0", "add", (6, 4, 4)),
                ("mixed.1.1", "Conv2d 3\u00d73", (5, 4, 4)),
            ],
        ],
        ("mixed", "concatenate", (9, 4, 4)),
        ("pool", "MaxPool2d 4\u00d74 Flatten", (9, 1, 1)),
        ("head", "Linear", (4,)),
    ]
    assert all(module.training for module in net.modules())


def test_layers_before_the_first_stage_are_named_with_it() -> None:
    body = Sequential(BatchNorm2d(2), ReLU(), Conv2d(2, 2, 3, padding=1, rng=0))
    row = structure(Residual(body), (2, 4, 4))
    split = row[1]
    assert isinstance(split, Split)
    (stage,) = split.branches[1]
    assert isinstance(stage, Stage)
    assert stage.labels == ["BatchNorm2d", "ReLU", "Conv2d 3\u00d73"]
    assert stage.window == (3, 3)


class Twice(Module):
    """A module of one's own with layers inside that it traces itself."""

    def __init__(self) -> None:
        self.layer = Linear(4, 4, rng=0)

    def forward(self, x: Array) -> Array:
        return self.layer.forward(self.layer.forward(x))

    def backward(self, dy: Array) -> Array:
        return self.layer.backward(dy)

    def trace(self, x: Array, path: str = "") -> Trace:
        for name in ("first", "second"):
            x = self.layer.forward(x)
            yield f"{path}.{name}".strip("."), self.layer, x
        return x


@pytest.mark.parametrize(("net", "prefix"), [(Twice(), ""), (Sequential(Twice()), "0.")])
def test_a_module_with_a_trace_of_its_own(net: Module, prefix: str) -> None:
    assert outline(structure(net, (4,)))[1:] == [
        (f"{prefix}first", "Linear", (4,)),
        (f"{prefix}second", "Linear", (4,)),
    ]


def text_network(words: int) -> Sequential:
    branches = [
        Sequential(Conv2d(1, 5, (k, 6), rng=k), ReLU(), MaxPool2d((words - k + 1, 1)))
        for k in (3, 4)
    ]
    return Sequential(
        Embedding(20, 6, rng=0), Unsqueeze(1), Parallel(*branches), Flatten(), Linear(10, 2, rng=0)
    )


def test_the_picture_names_layers_and_sizes() -> None:
    found = texts(plot.architecture(models.lenet5(rng=0), (1, 28, 28), title="LeNet $ 5"))
    sizes = {"1@28\u00d728", "6@14\u00d714", "16@10\u00d710", "16@5\u00d75", "120", "84", "10"}
    assert sizes | {"LeNet $ 5", "Conv2d 5\u00d75", "ReLU", "11", "input"} <= set(found)


@pytest.mark.parametrize(
    ("net", "shape", "size"),
    [
        (branched_net(), (3, 8, 8), "9@4\u00d74"),
        (text_network(9), (9,), "9\u00d76"),
        (Linear(4, 2, rng=0), (4,), "2"),
        (Sequential(), (2, 3, 3), "2@3\u00d73"),
        (Sequential(ReLU()), (1,), "1"),
        (Sequential(Conv2d(1, 300, 1, rng=0)), (1, 1, 1), "300@1\u00d71"),
        (Sequential(Parallel(Residual(ReLU()), ReLU())), (2, 3, 3), "4@3\u00d73"),
    ],
)
def test_any_network_can_be_drawn_inside_its_picture(
    net: Module, shape: tuple[int, ...], size: str
) -> None:
    figure = plot.architecture(net, shape)
    assert size in texts(figure)
    panel = figure.axes[0]
    width, height = figure.get_size_inches()
    assert panel.get_xlim() == (0, width)
    for patch in panel.patches:
        assert isinstance(patch, Rectangle | FancyBboxPatch)
        box = patch.get_bbox()
        assert 0 <= box.x0 <= box.x1 <= width
        assert 0 <= box.y0 <= box.y1 <= height
    for text in panel.texts:
        x, y = text.get_position()
        assert 0 <= x <= width
        assert 0 <= y <= height


def test_no_more_planes_are_drawn_than_there_are() -> None:
    planes = [
        len(plot.architecture(Sequential(), (channels, 4, 4)).axes[0].patches)
        for channels in (1, 2, 3, 64, 1000)
    ]
    assert planes == [1, 2, 3, 8, 10]


def test_a_shape_that_does_not_fit_names_the_layer() -> None:
    with pytest.raises(ValueError, match=r"Sequential\[0\] Conv2d"):
        plot.architecture(small_net(), (3, 8, 8))
    assert np.isfinite(plot.architecture(small_net(), (1, 8, 8)).get_size_inches()).all()
