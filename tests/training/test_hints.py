"""Errors of data of the wrong kind say what to do with them, and that then works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _hints

X = np.random.default_rng(0).standard_normal((8, 3), dtype=np.float32)
TWO = np.array([0, 1] * 4)
ONE_HOT = np.eye(2)[TWO]
LETTERS = np.array(["cat", "dog"] * 4)

CLASSES: dict[str, tuple[Any, str]] = {
    "words": (LETTERS, "names become classes by names, y = np.unique(y, return_inverse=True)"),
    "list of words": (LETTERS.tolist(), "np.unique(y, return_inverse=True)"),
    "objects": (LETTERS.astype(object), "np.unique(y, return_inverse=True)"),
    "one-hot float": (ONE_HOT.astype(np.float32), "give y.argmax(axis=1)"),
    "one-hot int": (ONE_HOT.astype(np.int64), "give y.argmax(axis=1)"),
    "one-hot bool": (ONE_HOT.astype(bool), "give y.argmax(axis=1)"),
    "one-hot list": (ONE_HOT.tolist(), "give np.array(y).argmax(axis=1)"),
    "column": (TWO[:, np.newaxis], "give y[:, 0]"),
    "float column": (TWO[:, np.newaxis].astype(np.float32), "give y[:, 0].astype(np.int64)"),
    "int32": (TWO.astype(np.int32), "give y.astype(np.int64)"),
    "uint8": (TWO.astype(np.uint8), "give y.astype(np.int64)"),
    "bool": (TWO.astype(bool), "give y.astype(np.int64)"),
    "list": (TWO.tolist(), "give np.array(y).astype(np.int64)"),
    "whole floats": (TWO.astype(np.float64), "give y.astype(np.int64) if these are classes"),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_labels_of_other_kinds_are_told_how_to_become_classes(kind: str) -> None:
    y, hint = CLASSES[kind]
    model = nn.Linear(3, 2, rng=0)
    calls: list[Callable[[], object]] = [lambda: nn.ArrayDataset(X, y)]
    if kind == "one-hot float":
        nn.fit(model, [(X, y)])  # these are probabilities
    else:
        calls.append(lambda: nn.fit(model, [(X, y)]))
    for call in calls:
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert hint in str(caught.value)
    code = hint.partition("give ")[2].partition(" if ")[0]
    names, right = np.unique(y, return_inverse=True) if "unique" in hint else (None, eval(code))
    assert names is None or list(names) == ["cat", "dog"]
    np.testing.assert_array_equal(nn.ArrayDataset(X, right).y, TWO)


@pytest.mark.parametrize("y", [X[:, 0].copy(), X[:, :2].copy(), X[:, :2].astype(np.float64)])
def test_targets_of_a_regression_are_told_of_its_loss(y: np.ndarray) -> None:
    for call in (lambda: nn.ArrayDataset(X, y), lambda: nn.fit(nn.Linear(3, 2, rng=0), [(X, y)])):
        with pytest.raises((TypeError, ValueError), match=r"a regression, .*loss=MSELoss\(\)"):
            call()


@pytest.mark.parametrize(
    ("y", "hint"),
    [
        (TWO, "classes, one for each sample, are learned with loss=CrossEntropyLoss()"),
        (LETTERS, "np.unique(y, return_inverse=True), and loss=CrossEntropyLoss() learns them"),
        (X[:, :2].astype(np.float64), "give y.astype(np.float32)"),
        (X[:, :2].tolist(), "give np.array(y, np.float32)"),
    ],
)
@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.BCEWithLogitsLoss()])
def test_losses_of_numbers_say_what_they_take(loss: Any, y: Any, hint: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        nn.fit(nn.Linear(3, 2, rng=0), [(X, y)], loss=loss)
    assert hint in str(caught.value)


def test_a_column_of_outputs_wants_a_column_of_targets() -> None:
    model = nn.Linear(3, 1, rng=0)
    for y in (np.ascontiguousarray(X[:, 0]), X[:, 0].astype(np.float64)):
        with pytest.raises((TypeError, ValueError), match=r"give y\[:, np.newaxis\]"):
            nn.fit(model, [(X, y)], loss=nn.MSELoss())
    nn.fit(model, [(X, np.ascontiguousarray(X[:, 0])[:, np.newaxis])], loss=nn.MSELoss())


def test_classes_that_do_not_begin_at_0() -> None:
    model = nn.Linear(3, 2, rng=0)
    with pytest.raises(ValueError, match=r"outside 0\.\.1 .*numbered from 0: give y - 1"):
        nn.fit(model, [(X, TWO + 1)])
    with pytest.raises(ValueError, match=r"an output for each class up to 7, or names, y ="):
        nn.fit(model, [(X, TWO * 7)])
    with pytest.raises(ValueError, match=r"target\[.\] is \d, outside 0\.\.1 \(2 classes\)$"):
        nn.fit(model, [(X, np.arange(8))])


@pytest.mark.parametrize(
    ("x", "hint"),
    [
        (np.zeros((8, 3), np.uint8), "give x.astype(np.float32) / 255, if these are pixels"),
        (np.zeros((8, 3)), "give x.astype(np.float32)"),
        (np.zeros((8, 3), bool), "give x.astype(np.float32)"),
    ],
)
def test_samples_of_other_kinds_are_told_what_to_become(x: np.ndarray, hint: str) -> None:
    model = nn.Sequential(nn.Linear(3, 2, rng=0))
    calls: list[Callable[[], object]] = [
        lambda: nn.ArrayDataset(x, TWO),
        lambda: nn.fit(model, [(x, TWO)]),
        lambda: nn.evaluate(model, [(x, TWO)]),
        lambda: nn.predict(model, x),
    ]
    for call in calls:
        with pytest.raises(TypeError) as caught:
            call()
        assert hint in str(caught.value)


def test_words_stay_ints() -> None:
    model = nn.Sequential(nn.Embedding(5, 2, rng=0))
    with pytest.raises(TypeError, match=r"give x\.astype\(np\.int64\)"):
        nn.predict(model, np.zeros((2, 3), np.int32))


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert _hints.classes_hint([[1, 2], [3]]) == ""
    assert _hints.classes_hint(TWO) == _hints.samples_hint(X) == ""
    assert _hints.numbers_hint(X, (8, 4)) == ""
