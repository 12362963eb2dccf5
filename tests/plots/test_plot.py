"""Pictures: their files, learning curve and confusion matrix, and nothing of pyplot's."""

from __future__ import annotations

import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.histories import history
from support.pictures import png_pixels, svg_root, texts
from support.small_training import blobs, small_net

from pycnn import Sequential, models, plot, predict
from pycnn._pixels import displayable, stretch
from pycnn.plot.canvas import new_figure
from pycnn.plot.render import render
from pycnn.training import EpochRecord, History

NAMES = ("a", "b", "$", "_{x}")


# Files ---------------------------------------------------------------------------------------


def test_every_picture_is_a_file_of_the_kind_its_ending_says(tmp_path: Path) -> None:
    data, net = blobs(40), small_net()
    probabilities = predict(net, data)
    for kind in ("png", "svg"):
        plot.confusion_matrix(data.y, probabilities.argmax(1), NAMES, tmp_path / f"1.{kind}")
        plot.feature_maps(net, data.x[0], tmp_path / f"2.{kind}", classes=NAMES, title="$x")
        plot.misclassified(data, probabilities, tmp_path / f"3.{kind}", limit=3)
        plot.ngrams({"f $": [("one $ two", 1.5), ("three", 0.0)]}, tmp_path / f"4.{kind}")
        plot.architecture(net, (1, 8, 8), tmp_path / f"5.{kind}")
    for kind in ("PNG", "pdf"):
        plot.learning_curve(history(0.5, 0.6), tmp_path / f"6.{kind}", "a $ title")
        plot.filters(net, tmp_path / f"7.{kind}")
    for path in tmp_path.iterdir():
        if path.suffix == ".svg":
            svg_root(path)
        elif path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF")
        else:
            png_pixels(path)
    assert len(list(tmp_path.iterdir())) == 14  # and nothing temporary


def test_the_same_picture_has_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        plot.filters(small_net(), tmp_path / name)
    for kind in ("svg", "png"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="xyz"):
        plot.filters(small_net(), tmp_path / "a.xyz")
    with pytest.raises(FileNotFoundError):
        plot.filters(small_net(), tmp_path / "none" / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limit", "error", "text"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-1, ValueError, "at least 1, got -1"),
        ("a", TypeError, "an int, got str"),
    ],
)
def test_a_limit_is_a_positive_number(limit: Any, error: type[Exception], text: str) -> None:
    data = blobs(4)
    for name, arguments in (
        ("filters", (small_net(),)),
        ("misclassified", (data, np.ones((4, 4)))),
        ("ngrams", ({"f": [("one", 1.0)]},)),
    ):
        with pytest.raises(error, match=rf"^\[{name}\] limit must be {text}"):
            getattr(plot, name)(*arguments, limit=limit)


def test_pyplot_and_the_settings_of_matplotlib_are_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys, matplotlib; before = matplotlib.rcParams.copy(); from pycnn import plot\n"
        "plot.convolution_animation(4, 3, 'a.gif'); plot.convolution_arithmetic(4, 3, 'a.svg')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert matplotlib.rcParams.copy() == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'pycnn\[plot\]'"):
        plot.filters(small_net())


def test_letters_that_the_font_lacks_are_no_reason_to_fail(tmp_path: Path) -> None:
    plot.ngrams({"\u6587": [("\U0001f600 \u5b57", 1.0)]}, tmp_path / "a.png")
    png_pixels(tmp_path / "a.png")


# Learning curve ------------------------------------------------------------------------------


def test_learning_curve_shows_the_figures() -> None:
    figure = plot.learning_curve(history(0.25, 0.5), title="name")
    losses, accuracies = (np.asarray(panel.lines[0].get_ydata()) for panel in figure.axes)
    assert losses.tolist() == [1.0, 0.5]
    assert accuracies.tolist() == [25.0, 50.0]
    assert {"name", "epoch", "training: 50.00", "training: 0.5000"} <= set(texts(figure))
    assert np.asarray(figure.axes[0].lines[0].get_xdata()).tolist() == [1, 2]
    assert len(plot.learning_curve(history(None)).axes[1].lines) == 0


def test_learning_curve_names_what_was_measured_after_each_epoch() -> None:
    made = History()
    made.records.append(EpochRecord(1, 0.5, 0.9968, 0.25, 0.99, 0.1, 1.0, 10.0))
    found = set(texts(plot.learning_curve(made, validation="test")))
    assert {"training: 99.68", "test: 99.00", "test: 0.2500"} <= found
    assert "validation: 99.00" in texts(plot.learning_curve(made))


def test_drawings_of_networks_have_headings_by_default() -> None:
    lenet = models.lenet5(rng=0)
    assert "lenet5: 1@28\u00d728 \u2192 10" in texts(plot.architecture(lenet, (1, 28, 28)))
    assert "Sequential: 2@3\u00d73 \u2192 2@3\u00d73" in texts(
        plot.architecture(Sequential(), (2, 3, 3))
    )


def test_learning_curve_of_nothing() -> None:
    with pytest.raises(ValueError, match="history is empty"):
        plot.learning_curve(History())


# Confusion matrix ----------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=60))
def test_confusion_counts(pairs: list[tuple[int, int]]) -> None:
    truth = np.array([a for a, _ in pairs], np.int64)
    guess = np.array([b for _, b in pairs], np.int64)
    expected = np.zeros((5, 5), np.int64)
    np.add.at(expected, (truth, guess), 1)
    np.testing.assert_array_equal(plot.confusion_counts(truth, guess, 5), expected)


def test_confusion_matrix_shows_counts_and_names() -> None:
    truth, guess = np.array([0, 0, 0, 1, 2]), np.array([0, 0, 1, 1, 0])
    found = texts(plot.confusion_matrix(truth, guess, ("cat", "dog", "$", "none")))
    assert {"cat", "dog", "$", "2", "1", "60.00% of 5 right"} <= set(found)
    assert {"cat  66.7%", "dog  100.0%", "$  0.0%", "none  none"} <= set(found)
    assert "0" not in found  # cells without samples are empty
    many = np.arange(300)
    plot.confusion_matrix(many, many, 300)


def test_confusion_matrix_errors() -> None:
    one = np.array([0])
    for truth, guess, text in (
        (one, np.array([0, 1]), r"labels: \(1,\), predictions: \(2,\)"),
        (one, np.array([2]), "prediction 2 is none of the 2 classes"),
        (np.array([-1]), one, "label must be an int from 0, got -1"),
        (np.array([0.5]), one, "label must be an int"),
        (one[:0], one[:0], "no samples"),
    ):
        with pytest.raises(ValueError, match=text):
            plot.confusion_matrix(truth, guess, 2)


# Pixels --------------------------------------------------------------------------------------


def test_pixels_of_any_range() -> None:
    np.testing.assert_array_equal(stretch(np.array([-1.0, 1, np.nan, np.inf])), [0, 1, 0, 0])
    np.testing.assert_array_equal(stretch(np.full(3, 7.0)), 0)
    np.testing.assert_array_equal(stretch(np.array([np.nan])), 0)
    assert displayable(np.ones((3, 4, 5))).shape == (4, 5, 3)
    assert displayable(np.ones((2, 4, 5))).shape == (4, 5)


def test_threads_that_draw_leave_filters_and_settings_as_they_were() -> None:
    from matplotlib import rcParams

    before = list(warnings.filters), rcParams["svg.hashsalt"]
    for _ in range(3):
        threads = [threading.Thread(target=_draw) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (list(warnings.filters), rcParams["svg.hashsalt"]) == before


def _draw() -> None:
    for _ in range(3):
        render(new_figure(1, 1), "svg")


def test_a_confusion_matrix_counts_the_classes_itself() -> None:
    names = np.array(["eel", "cat", "eel"])
    figure = plot.confusion_matrix(names, np.array(["eel", "eel", ""]))
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["cat", "eel"]
    assert "1 without an answer" in figure.axes[0].get_title()
    figure = plot.confusion_matrix(np.array([0, 2]), np.array([1, 2]))
    assert len(figure.axes[0].get_xticklabels()) == 3
    with pytest.raises(ValueError, match="cat is none of the classes"):
        plot.confusion_matrix(names, names, ["eel", "dog"])
    model = Sequential()
    with pytest.raises(TypeError, match="takes classes, not a model"):
        plot.confusion_matrix(model, names)
    with pytest.raises(TypeError, match="takes data and probabilities, not a model"):
        plot.misclassified(model, np.zeros((3, 2)))
