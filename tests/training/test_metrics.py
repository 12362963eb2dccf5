"""Figures of one's own in `fit` and `evaluate`."""

from __future__ import annotations

import csv
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.resuming import Die, DiedError
from support.small_training import CLASSES, blobs, small_net

from pycnn import evaluate, predict
from pycnn.layers import Flatten, Linear, Sequential
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from pycnn.training import BestCheckpoint, EarlyStopping, History, Metric, fit
from pycnn.training.metrics import PROBABILITIES, SCORES, metrics_of


def recall(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Return the mean share of each class that is found."""
    return float(np.mean([np.mean(y_pred[y_true == c] == c) for c in np.unique(y_true)]))


def log_loss(y_true: np.ndarray, y_proba: np.ndarray) -> float:
    assert y_proba.dtype == np.float64
    return float(-np.log(y_proba[np.arange(len(y_true)), y_true]).mean())


def kinds(asked: dict[str, Any]) -> Any:
    """Return metrics that note what they are given."""

    def noting(name: str, on: str) -> Metric:
        def note(y_true: Any, answer: Any) -> float:
            asked[name] = y_true, answer
            return 0.5

        return Metric(note, on)

    return {on: noting(on, on) for on in ("classes", "scores", "probabilities")}


def test_figures_are_those_of_all_samples() -> None:
    model, data = small_net(), blobs(130)
    scores = predict(model, data)
    asked: dict[str, Any] = {}
    wanted = {"recall": recall, "entropy": log_loss, "top2": "top2", **kinds(asked)}
    found = evaluate(model, data, batch_size=50, metrics=wanted)
    loss, accuracy = found  # still a pair
    assert found.metrics["recall"] == recall(data.y, scores.argmax(1))
    assert found.metrics["entropy"] == pytest.approx(loss, rel=1e-5)
    best = np.argsort(-scores, axis=1)[:, :2]
    assert found.metrics["top2"] == np.mean((best == data.y[:, None]).any(1))
    assert "recall=" in repr(found)
    assert f"accuracy={accuracy}" in repr(found)
    for y_true, _ in asked.values():
        np.testing.assert_array_equal(y_true, data.y)
    np.testing.assert_array_equal(asked["classes"][1], scores.argmax(1))
    np.testing.assert_allclose(asked["scores"][1], scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(asked["probabilities"][1].sum(1), 1, rtol=1e-12)


def test_two_classes_have_one_probability_and_pixels_are_samples() -> None:
    rng = np.random.default_rng(0)
    asked: dict[str, Any] = {}
    model = Sequential(Flatten(), Linear(4, 2, rng=rng))
    x = rng.standard_normal((6, 4)).astype(np.float32)
    y = np.array([0, 1, -100, 1, 0, 1])
    evaluate(model, [(x, y)], metrics=kinds(asked), loss=CrossEntropyLoss())
    counted = y >= 0
    logits = predict(model, x)[counted].astype(np.float64)
    expected = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    np.testing.assert_array_equal(asked["probabilities"][0], y[counted])
    np.testing.assert_allclose(asked["probabilities"][1], expected)
    assert asked["scores"][1].shape == (5, 2)


def test_targets_that_are_no_classes() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 3)).astype(np.float32)
    model, y = Sequential(Linear(3, 2, rng=rng)), rng.integers(0, 2, (6, 2)).astype(np.float32)
    asked: dict[str, Any] = {}
    evaluate(model, [(x, y)], metrics=kinds(asked), loss=MSELoss())
    assert all((answer == predict(model, x)).all() for _, answer in asked.values())
    evaluate(model, [(x, y)], metrics=kinds(asked), loss=BCEWithLogitsLoss())
    np.testing.assert_array_equal(asked["classes"][1], predict(model, x) > 0)
    outputs = predict(model, x).astype(np.float64)
    np.testing.assert_allclose(asked["probabilities"][1], 1 / (1 + np.exp(-outputs)))


def test_figures_are_in_records_files_and_lines(tmp_path: Path) -> None:
    history = fit(
        small_net(), blobs(60), blobs(30), epochs=2, metrics={"recall": recall, "top3": "top3"}
    )
    names = ["recall", "top3", "val_recall", "val_top3"]
    assert list(history.records[0].metrics) == names
    assert history.records[1].val_recall == history["val_recall"][1]
    assert "recall 0." in str(history.records[0])
    assert "validation recall 0." in repr(history)
    with pytest.raises(KeyError, match=r"no field 'f1'; there are epoch, .*, val_top3"):
        history["f1"]
    with pytest.raises(AttributeError, match="the epoch has no figure 'f1'"):
        _ = history.records[0].f1
    history.to_json(tmp_path / "h.json")
    back = History.from_json(tmp_path / "h.json")
    assert [r.figures() for r in back] == [r.figures() for r in history]
    history.to_csv(tmp_path / "h.csv")
    with (tmp_path / "h.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_recall"]) for row in rows] == history["val_recall"]


def test_a_loss_or_an_error_is_to_fall_and_monitors_know_it(tmp_path: Path) -> None:
    def mean_error(y_true: Any, y_pred: Any) -> float:
        return float(np.mean(y_true != y_pred))

    metrics = {"recall": recall, "wrong": mean_error, "loss_of": log_loss}
    signs = {}
    for field, mode in (
        ("val_recall", "auto"),
        ("val_wrong", "auto"),
        ("loss_of", "auto"),
        ("loss_of", "max"),
    ):
        stop = EarlyStopping(field, mode=mode)
        best = BestCheckpoint(tmp_path / "best", monitor=field)
        fit(small_net(), blobs(40), blobs(20), metrics=metrics, callbacks=[stop, best])
        signs[field, mode] = stop._monitor.sign
        assert (tmp_path / "best").exists()
    assert list(signs.values()) == [1, -1, -1, 1]


def test_a_figure_that_does_not_exist_is_an_error_at_once() -> None:
    for callback in (EarlyStopping("val_f1"), BestCheckpoint("never", monitor="val_acc")):
        with pytest.raises(
            ValueError, match=r"no such figure, there are loss, accuracy, recall, val_"
        ):
            fit(small_net(), blobs(20), blobs(10), metrics={"recall": recall}, callbacks=[callback])
    with pytest.raises(ValueError, match="monitor 'val_recall' needs validation data"):
        fit(
            small_net(),
            blobs(20),
            metrics={"recall": recall},
            callbacks=[EarlyStopping("val_recall")],
        )


def test_the_name_of_a_parameter_says_what_is_wanted() -> None:
    def roc_auc_score(y_true: Any, y_score: Any, *, average: str = "macro") -> float:
        return 0.0

    def own(y: Any, scores: Any) -> float:
        return 0.0

    assert Metric(roc_auc_score).on == PROBABILITIES
    assert Metric(partial(roc_auc_score, average="micro")).on == PROBABILITIES
    assert Metric(own).on == SCORES
    assert Metric(recall).on == "classes"
    assert Metric(log_loss, "scores").on == SCORES


def test_broken_scores_have_no_figure() -> None:
    model = small_net()
    model[-1].bias.data[0] = math.nan
    with pytest.warns(RuntimeWarning, match="no answer"):
        found = evaluate(model, blobs(10), metrics={"entropy": log_loss, "top2": "top2"})
    assert math.isnan(found.metrics["entropy"])


@pytest.mark.parametrize(
    ("metrics", "error", "text"),
    [
        (5, TypeError, "metrics must be a dict of functions"),
        ("top5", TypeError, "metrics must be a dict of functions"),
        (["f1"], ValueError, "there is no 'f1', only 'accuracy', 'top5'"),
        ({"f1": 3}, TypeError, r"must hold functions of \(y_true, y_pred\), got 3"),
        ({"loss": recall}, ValueError, "'loss' is the name of another figure"),
        ({"val_f1": recall}, ValueError, "'val_f1' is the name of another figure"),
        ({"accuracy": recall}, ValueError, "'accuracy' is the name of another figure"),
        ({"a b": recall}, ValueError, "'a b' is no name of a figure"),
        ([lambda a, b: 1.0], ValueError, "'<lambda>' is no name of a figure"),
        ([recall, recall], ValueError, "two of the name 'recall'"),
    ],
)
def test_wrong_metrics_are_refused(metrics: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=rf"\[fit\] .*{text}"):
        fit(small_net(), blobs(10), metrics=metrics)


def test_metrics_that_fail_are_named() -> None:
    def matrix(y_true: Any, y_pred: Any) -> Any:
        return np.zeros((2, 2))

    def fails(y_true: Any, y_pred: Any) -> Any:
        raise ValueError("only one class")

    with pytest.raises(TypeError, match=r"\[evaluate\] metric 'matrix' must give one number"):
        evaluate(small_net(), blobs(10), metrics=[matrix])
    with pytest.raises(ValueError, match=r"\[evaluate\] metric 'fails': only one class"):
        evaluate(small_net(), blobs(10), metrics=[fails])
    with pytest.raises(ValueError, match=f"top9 needs 9 classes, there are {CLASSES}"):
        evaluate(small_net(), blobs(10), metrics=["top9"])
    assert metrics_of("fit", ["accuracy"], ()) == {}
    with pytest.raises(TypeError, match="on must be a str"):
        Metric(recall, on=wrong(3))


def test_a_resumed_epoch_has_the_same_figures(tmp_path: Path) -> None:
    path, figures = tmp_path / "training.safetensors", []
    wanted = {"recall": recall, "entropy": log_loss, "top2": "top2"}
    options: dict[str, Any] = {"epochs": 2, "metrics": wanted, "batch_size": 16}
    options |= {"validation": blobs(20)}
    with pytest.raises(DiedError):
        fit(small_net(), blobs(80), callbacks=[Die(3)], checkpoint=path, every=2, **options)
    again: list[dict[str, Any]] = [{}, {"checkpoint": path, "resume": True}]
    for more in again:
        history = fit(small_net(), blobs(80), callbacks=[Die()], **options, **more)
        figures.append([record.metrics for record in history])
    assert figures[0] == figures[1]
    del options["metrics"]
    with pytest.raises(ValueError, match="metrics: "):
        fit(small_net(), blobs(80), callbacks=[Die()], checkpoint=path, resume=True, **options)


def test_each_metric_has_a_panel_of_the_curve() -> None:
    from pycnn.plot import learning_curve

    history = fit(small_net(), blobs(40), blobs(20), epochs=2, metrics={"recall": recall})
    panels = learning_curve(history).axes
    assert [panel.get_ylabel() for panel in panels] == ["loss", "accuracy / %", "recall"]
    assert len(panels[2].get_lines()) == 2


def test_arrays_and_names_have_figures_too() -> None:
    data, model = blobs(40), small_net()
    asked: dict[str, Any] = {}
    names = np.array(["a", "b", "c", "d"])[data.y]
    weights: dict[str, Any] = {"class_weight": "balanced"}
    history = fit(model, data.x, names, metrics={**kinds(asked), "recall": recall}, **weights)
    assert set(asked["classes"][0]) == {0, 1, 2, 3}
    found = evaluate(model, data.x, names, metrics=["top2", recall])
    assert found.metrics["recall"] == recall(data.y, predict(model, data.x).argmax(1))
    assert 0 < history["recall"][0] < 1
