"""Data of other kinds are taken, or errors say what to do with them, and that then works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _hints

X = np.random.default_rng(0).standard_normal((8, 3), dtype=np.float32)
TWO = np.array([0, 1] * 4)
ONE_HOT = np.eye(2)[TWO]
LETTERS = np.array(["cat", "dog"] * 4)

TAKEN: dict[str, Any] = {
    "words": LETTERS,
    "list of words": LETTERS.tolist(),
    "objects": LETTERS.astype(object),
    "int32": TWO.astype(np.int32),
    "uint8": TWO.astype(np.uint8),
    "bool": TWO.astype(bool),
    "list": TWO.tolist(),
}

REFUSED: dict[str, tuple[Any, str]] = {
    "one-hot int": (ONE_HOT.astype(np.int64), "give y.argmax(axis=1)"),
    "column": (TWO[:, np.newaxis], "give y[:, 0]"),
    "whole floats": (TWO.astype(np.float64), "give y.astype(np.int64) if these are classes"),
}


@pytest.mark.parametrize("kind", TAKEN)
def test_labels_of_other_kinds_become_classes(kind: str) -> None:
    data = nn.ArrayDataset(X, TAKEN[kind])
    assert data.y.dtype == np.int64
    np.testing.assert_array_equal(data.y, TWO)
    assert data.classes == (("cat", "dog") if data.named else ())


@pytest.mark.parametrize("kind", REFUSED)
def test_targets_that_a_loss_of_classes_refuses_are_told_what_to_become(kind: str) -> None:
    y, hint = REFUSED[kind]
    model = nn.Linear(3, 2, rng=0)
    for data in ([(X, y)], nn.ArrayDataset(X, y)):
        with pytest.raises((TypeError, ValueError)) as caught:
            nn.fit(model, data)
        assert hint in str(caught.value)
    right = eval(hint.partition("give ")[2].partition(" if ")[0])
    np.testing.assert_array_equal(nn.ArrayDataset(X, right).y, TWO)


def test_targets_of_a_regression_are_told_of_its_loss() -> None:
    with pytest.raises((TypeError, ValueError), match=r"a regression, .*loss=MSELoss\(\)"):
        nn.fit(nn.Linear(3, 2, rng=0), [(X, X[:, 0])])


@pytest.mark.parametrize(
    ("y", "hint"),
    [
        (TWO, "classes, one for each sample, are learned with loss=CrossEntropyLoss()"),
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
        with pytest.raises((TypeError, ValueError), match=r"give np.asarray\(y\)\[:, np.newaxis\]"):
            nn.fit(model, [(X, y)], loss=nn.MSELoss())
    nn.fit(model, [(X, np.ascontiguousarray(X[:, 0])[:, np.newaxis])], loss=nn.MSELoss())


def test_classes_that_do_not_begin_at_0() -> None:
    model = nn.Linear(3, 2, rng=0)
    with pytest.raises(ValueError, match=r"outside 0\.\.1 .*numbered from 0: give y - 1"):
        nn.fit(model, [(X, TWO + 1)])
    with pytest.raises(ValueError, match=r"an output for each class up to 7, or names, y ="):
        nn.fit(model, [(X, TWO * 7)])
    with pytest.raises(ValueError, match=r"\(2 classes\); .* an output for each class, 8 or more"):
        nn.fit(model, [(X, np.arange(8))])


@pytest.mark.parametrize(
    ("x", "hint"),
    [
        (np.zeros((8, 3), np.uint8), "give x.astype(np.float32) / 255, if these are pixels"),
        (np.zeros((8, 3)), "give x.astype(np.float32)"),
        (np.zeros((8, 3), bool), "give x.astype(np.float32)"),
    ],
)
def test_layers_stay_strict(x: np.ndarray, hint: str) -> None:
    assert hint in _hints.samples_hint(x)
    with pytest.raises(TypeError, match="x must be float32"):
        nn.Sequential(nn.Linear(3, 2, rng=0))(x)


def test_words_stay_ints() -> None:
    model = nn.Sequential(nn.Embedding(5, 2, rng=0))
    words = np.arange(6).reshape(2, 3) % 5
    expected = nn.predict(model, words)
    for dtype in (np.int32, np.uint8):
        np.testing.assert_array_equal(nn.predict(model, words.astype(dtype)), expected)


def test_where_nothing_is_known_nothing_is_said() -> None:
    assert _hints.classes_hint([[1, 2], [3]]) == ""
    assert _hints.classes_hint(TWO) == _hints.samples_hint(X) == ""
    assert _hints.numbers_hint(X, (8, 4)) == ""
