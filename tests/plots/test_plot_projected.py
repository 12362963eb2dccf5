"""Pictures that a lecture hall can read: sums, scales, names, and the size of the type."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from support.command_line import Capture
from support.guide_example import IMAGE, KERNEL
from support.histories import history
from support.pictures import png_pixels, texts
from support.small_training import blobs, small_net

from pycnn import Sequential, models, ops, plot, predict
from pycnn.cli import main

BENCH = Path(__file__).parents[2] / "bench"


def test_a_step_of_a_convolution_has_the_kernel_beside_it_and_its_sum_below() -> None:
    figure = plot.convolution_arithmetic([[1, 2], [3, -4]], [[5, 0], [-6, 7]])
    (panel,) = figure.axes
    found = [text.get_text() for text in panel.texts]
    # The kernel has its own grid, so its numbers appear in addition to the image's.
    for number in ("1", "2", "3", "-4", "5", "0", "-6", "7", "-41"):
        assert number in found
    assert found[-2:] == ["1\u00b75 + 2\u00b70", "+ 3\u00b7(-6) + (-4)\u00b77 = -41"]


@pytest.mark.parametrize(("epochs", "shown"), [(1, [1]), (4, [1, 2, 3, 4]), (97, [1, 97])])
def test_the_first_and_the_last_epoch_are_on_the_axis(epochs: int, shown: list[int]) -> None:
    figure = plot.learning_curve(history(*[0.5] * epochs))
    for panel in figure.axes:
        ticks = [round(tick) for tick in panel.get_xticks()]
        assert len(ticks) <= 9
        assert set(shown) <= set(ticks)
        assert (ticks[0], ticks[-1]) == (1, epochs)


def test_feature_maps_name_the_answer_the_scales_and_the_probabilities() -> None:
    net, data = small_net(), blobs(4)
    names = ("cat", "dog", "cow", "emu")
    shares = ops.softmax(predict(net, data.x[:1]))[0]
    figure = plot.feature_maps(net, data.x[0], classes=names)
    found = texts(figure)
    best = int(shares.argmax())
    assert any(f"{names[best]} ({shares[best]:.2%})" in text for text in found)
    for name, share in zip(names, shares, strict=True):
        assert f"{name}\n{share:.1%}" in found
    low, high = data.x[0].min(), data.x[0].max()
    assert any(text.endswith(f"{low:.2g} to {high:.2g}") for text in found)


def type_at_1280(figure: Any) -> float:
    """Return the height in pixels of the smallest type when the picture is 1280 pixels wide."""
    smallest = min(t.get_fontsize() for t in figure.findobj(Text) if t.get_text().strip())
    return float(smallest / 72 * 1280 / figure.get_figwidth())


@pytest.mark.parametrize("name", ["alexnet", "alexnet_cifar", "lenet5"])
def test_type_in_drawings_can_be_read_at_1280_pixels(name: str) -> None:
    # 10 pixels are the height of small print on a screen.
    model = models.create(name, rng=0) if name != "alexnet" else models.alexnet(10, rng=0)
    size = {"alexnet": (3, 227, 227), "alexnet_cifar": (3, 32, 32), "lenet5": (1, 28, 28)}[name]
    assert type_at_1280(plot.architecture(model, size)) >= 10
    assert type_at_1280(plot.filters(model)) >= 10
    assert isinstance(model, Sequential)


@pytest.mark.parametrize(
    ("largest", "side", "columns"), [(9, 3, 4), (999, 5, 2), (9_999, 4, 4), (99_999, 3, 1)]
)
def test_numbers_of_convolution_steps_can_be_read(largest: int, side: int, columns: int) -> None:
    image = np.random.default_rng(side).integers(-largest, largest, (side, side))
    figure = plot.convolution_arithmetic(image, [[1, -2], [0, 1]], columns=columns)
    assert type_at_1280(figure) >= 10
    # The longest number lies within its cell: a cell is one unit of the axis.
    panel = figure.axes[0]
    panel.apply_aspect()
    for text in panel.texts:
        if re.fullmatch(r"-?\d+", text.get_text()):
            box = text.get_window_extent().transformed(panel.transData.inverted())
            assert box.width <= 1


def test_feature_maps_can_be_read_at_1280_pixels() -> None:
    net, data = small_net(), blobs(1)
    assert type_at_1280(plot.feature_maps(net, data.x[0])) >= 10
    lenet = models.lenet5(rng=0)
    assert type_at_1280(plot.feature_maps(lenet, np.zeros((1, 28, 28), np.float32))) >= 10


@pytest.mark.parametrize("kind", ["feature_maps", "architecture", "convolution", "misclassified"])
def test_small_type_is_dark_and_large_enough(kind: str) -> None:
    lenet, image = models.lenet5(rng=0), np.zeros((1, 28, 28), np.float32)
    wrong = np.eye(4, dtype=np.float32)[1 - blobs(4).y]
    figure: Any = {
        "feature_maps": lambda: plot.feature_maps(
            lenet, image, maps=3, classes=tuple("0123456789")
        ),
        "architecture": lambda: plot.architecture(lenet, (1, 28, 28)),
        "convolution": lambda: plot.convolution_arithmetic(IMAGE, KERNEL, padding=1),
        "misclassified": lambda: plot.misclassified(blobs(4), wrong),
    }[kind]()
    assert type_at_1280(figure) >= 10.5
    for text in figure.findobj(Text):
        if text.get_text().strip():
            shades = np.array(to_rgb(text.get_color())) ** 2.2
            # WCAG 2: normal type has a contrast of 4.5 at least; 7 is enhanced.
            assert 1.05 / (shades @ [0.2126, 0.7152, 0.0722] + 0.05) >= 6.5, text.get_text()


@pytest.mark.parametrize(
    ("image", "kernel", "end"),
    [
        ([[-11988]], [[1]], "(-11988)\u00b71 = -11988"),
        ([[123456]], [[-100]], "123456\u00b7(-100) = -12345600"),
        ([[4097]], [[4097]], "4097\u00b74097 \u2248 16785408"),  # 24 bits are too few
        ([[0.5]], [[0.25]], "0.5\u00b70.25 = 0.125"),
        ([[1 / 3]], [[3]], "0.333\u00b73 \u2248 1"),
        ([[1234.5]], [[1]], "1234.5\u00b71 = 1234.5"),
        ([[np.inf]], [[1]], "inf\u00b71 = inf"),
    ],
)
def test_equations_of_convolution_steps_are_true(image: Any, kernel: Any, end: str) -> None:
    (panel,) = plot.convolution_arithmetic(image, kernel).axes
    assert panel.texts[-1].get_text() == end


def test_dpi_sets_the_pixels_of_a_picture(own_folder: None, capsys: Capture) -> None:
    command = ["plot", "convolution", "--input", "3", "--kernel", "2", "--out"]
    assert main([*command, "a.png"]) == 0
    assert main([*command, "b.png", "--dpi", "240"]) == 0
    small, large = png_pixels(Path("a.png")), png_pixels(Path("b.png"))
    assert np.abs(np.array(large.shape[:2]) - 2 * np.array(small.shape[:2])).max() <= 2
    assert main([*command, "c.png", "--dpi", "100000"]) == 2
    assert "--dpi" in capsys.readouterr().err
    assert not Path("c.png").exists()


def test_the_bench_chart_has_an_axis_for_each_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    picture, measure, cases = map(importlib.import_module, ("picture", "measure", "cases"))
    networks = [case for case in cases.all_cases() if case.images]
    assert len(networks) > 3
    drawn: list[list[str]] = []
    draw = picture._panel

    def noted(ax: Any, unit: str, rows: list[Any], limit: float | None) -> None:
        drawn.append([row.case.name for row in rows])
        draw(ax, unit, rows, limit)

    monkeypatch.setattr(picture, "_panel", noted)
    results = [measure.Result(case=case, error=0.0, seconds=1.0) for case in networks]
    picture.draw(str(tmp_path / "chart.png"), results, "title", {})
    assert sorted(name for names in drawn for name in names) == sorted(c.name for c in networks)
    networks_of = [{re.split(" training| inference", name)[0] for name in names} for names in drawn]
    assert all(len(found) == 1 for found in networks_of)
    assert len(networks_of) == len(set.union(*networks_of))
