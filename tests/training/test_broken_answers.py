"""Outputs that are not finite are not answers: for evaluate, predict and pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of
from support.broken import INF, NAN, OwnLoss, told
from support.small_training import blobs, small_net

import pycnn as nn
import pycnn.functional as F
from pycnn import plot
from pycnn.data import ArrayDataset
from pycnn.layers import Linear
from pycnn.losses import MSELoss
from pycnn.training import evaluate, fit, predict
from pycnn.training.answers import answers


def test_a_score_that_is_nan_is_never_the_answer() -> None:
    rows = [[1, 2, 0], [NAN, 1, 2], [1, NAN, 2], [INF, 1, 2], [-INF, 1, 0], [-INF] * 3, [NAN] * 3]
    np.testing.assert_array_equal(answers(np.array(rows, np.float32)), [1, -1, -1, -1, 1, -1, -1])


def test_nan_outputs_with_labels_0_are_not_right() -> None:
    """argmax takes the first NaN for the largest score: this once showed an accuracy of 100 %."""
    data = blobs(40)
    data.x[:] = NAN
    data.y[:] = 0
    history: list[Any] = []
    texts = told(lambda: history.append(fit(small_net(), data, data)))
    assert len(texts) == 1
    record = history[0].records[0]
    assert record.accuracy == record.val_accuracy == 0.0
    figures: list[Any] = []
    (text,) = told(lambda: figures.append(evaluate(small_net(), data)))
    assert figures[0].accuracy == 0.0
    assert text == (
        "[evaluate] 40 of 40 samples have no answer, which counts as a wrong one, because their "
        "scores are not finite: x of batch 1 holds NaN, first in its sample 0"
    )


def test_evaluate_and_predict_name_the_layer() -> None:
    model, data = small_net(), blobs(40)
    layer_of(model, 4).weight.data[2, 5] = NAN
    (text,) = told(lambda: evaluate(model, data, batch_size=16))
    assert text.startswith("[evaluate] 40 of 40 samples")
    assert text.endswith("weight of layer 4 (Linear) is not finite")
    (text,) = told(lambda: predict(model, data.x))
    assert text == (
        "[predict] the outputs of 40 of 40 samples hold NaN, first those of sample 0: weight of "
        "layer 4 (Linear) is not finite"
    )
    healthy = small_net()
    data.x[7] = INF
    (text,) = told(lambda: predict(healthy, data))
    assert text.endswith("1 of 40 samples hold NaN, first those of sample 7: its x is not finite")


def test_a_loss_that_is_not_finite_by_itself_is_told_without_gradients_and_dropout() -> None:
    class Own(OwnLoss):
        def __call__(self, output: np.ndarray, target: np.ndarray) -> float:
            return NAN

    model = small_net()
    next(model.parameters()).grad = np.full((4, 1, 3, 3), np.inf, np.float32)  # of earlier steps
    x = blobs(8).x
    with pytest.warns(RuntimeWarning, match="every output and every parameter is finite"):
        evaluate(model, [(x, np.zeros((8, 4), np.float32))], loss=Own())


def test_evaluate_names_a_regression_that_is_nan() -> None:
    batches = [(np.full((4, 3), NAN, np.float32), np.ones((4, 2), np.float32))]
    (text,) = told(lambda: evaluate(Linear(3, 2, rng=0), batches, loss=MSELoss()))
    assert text == "[evaluate] the loss is nan: x of batch 1 holds NaN, first in its sample 0"


def test_pictures_count_answers_that_are_none_as_wrong() -> None:
    probabilities = np.full((6, 3), 0.1, np.float32)
    truth = np.array([0, 0, 1, 1, 2, 2])
    probabilities[np.arange(6), truth] = 0.8
    probabilities[0] = NAN
    assert plot.surest_errors(truth, probabilities).tolist() == [0]
    found = answers(probabilities)
    counts = plot.confusion_counts(truth, found, 3)
    np.testing.assert_array_equal(counts, np.diag([1, 2, 2]))
    figure = plot.confusion_matrix(truth, found, ["a", "b", "c"])
    title = figure.axes[0].get_title()
    assert title == "83.33% of 6 right, 1 without an answer (NaN)"
    assert "a  50.0%" in [label.get_text() for label in figure.axes[0].get_yticklabels()]
    images = ArrayDataset(np.zeros((6, 1, 4, 4), np.float32), truth)
    drawn = plot.misclassified(images, probabilities)
    texts = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert "no answer: NaN" in texts


class Shares(nn.Module):
    """A softmax that is no layer at the end of a `Sequential`."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(64, 4, rng=0)

    def forward(self, x: Any) -> Any:
        return F.softmax(self.linear(nn.flatten(x, 1)), dim=1)


def test_a_softmax_in_a_forward_is_not_done_twice() -> None:
    data, model = blobs(24), Shares()
    shares = predict(model, data.x)
    np.testing.assert_array_equal(nn.predict_proba(model, data.x), shares)
    (text,) = told(lambda: fit(model, data, epochs=2))
    assert "CrossEntropyLoss applies the softmax itself: let forward return the scores" in text
    plain = nn.Sequential(nn.Flatten(), nn.Linear(64, 4, rng=0))
    np.testing.assert_allclose(nn.predict_proba(plain, data.x), shares, atol=1e-6)
    fit(plain, data)  # warnings are errors here
    (text,) = told(lambda: fit(nn.Sequential(*plain, nn.Softmax()), data))
    assert "leave this layer out" in text
