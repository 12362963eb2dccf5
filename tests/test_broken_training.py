"""Broken training does not look fine: what fit, evaluate, predict and the command say of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Capture
from toy import blobs, same_bits, small_net, snapshot

import pycnn
from pycnn import plot
from pycnn.cli import main
from pycnn.cli.good_state import GoodState
from pycnn.data import ArrayDataset
from pycnn.layers import BatchNorm2d, Conv2d, Flatten, Linear, Module, ReLU, Sequential
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss
from pycnn.optim import SGD, Adam
from pycnn.training import Callback, EpochRecord, Run, TerminateOnNaN, evaluate, fit, predict
from pycnn.training.answers import answers

NAN, INF = float("nan"), float("inf")


def told(call: Callable[[], Any]) -> list[str]:
    """Give the texts of the warnings of a call."""
    with pytest.warns(RuntimeWarning) as caught:
        call()
    assert {warning.filename for warning in caught} == {__file__}
    return [str(warning.message) for warning in caught]


def spoilt(batch: int, value: float = NAN, label: int | None = None) -> list[Any]:
    """Give five batches, one of which holds a value that is no number."""
    batches = [(data.x, data.y) for data in map(lambda i: blobs(8, seed=i), range(5))]
    batches[batch - 1][0][3, 0, 1, 2] = value
    if label is not None:
        for _, y in batches:
            y[:] = label
    return batches


# fit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "name"), [(NAN, "NaN"), (INF, "infinity"), (-INF, "infinity")])
def test_nan_in_a_batch_is_named_once(value: float, name: str) -> None:
    texts = told(lambda: fit(small_net(), spoilt(3, value), epochs=3))
    assert len(texts) == 1
    assert texts[0].startswith("[fit] the loss of batch 3 of epoch 1 is nan: ")
    assert f"x of batch 3 holds {name}, first in its sample 3" in texts[0]


def test_nan_in_the_targets_is_named() -> None:
    y = np.ones((6, 2), np.float32)
    y[4, 1] = NAN
    batches = [
        (np.ones((6, 3), np.float32), np.ones((6, 2), np.float32)),
        (y @ np.ones((2, 3), "f4"), y),
    ]
    batches[1] = (batches[0][0], y)
    texts = told(lambda: fit(Linear(3, 2, rng=0), batches, loss=MSELoss()))
    assert "y of batch 2 holds NaN, first in its sample 4" in texts[0]


class Poison(Module):
    """The identity, with a NaN in what it gives from some call on."""

    def __init__(self, at: int, *, backward: bool = False) -> None:
        self.at, self.in_backward, self.calls = at, backward, 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.calls += 1
        return self._poisoned(x, not self.in_backward)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return self._poisoned(dy, self.in_backward)

    def _poisoned(self, x: np.ndarray, here: bool) -> np.ndarray:
        x = x.copy()
        if here and self.calls >= self.at:
            x[0, 0] = np.nan
        return x


def vectors(n: int = 8) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    return [(rng.standard_normal((6, 3), dtype=np.float32), rng.integers(0, 4, 6))] * n


def test_the_layer_and_the_batch_of_a_nan_are_named() -> None:
    model = Sequential(Linear(3, 5, rng=0), ReLU(), Poison(4), Linear(5, 4, rng=1))
    texts = told(lambda: fit(model, vectors(), epochs=2))
    assert len(texts) == 1
    assert "batch 4 of epoch 1 is nan: the output of layer 2 (Poison) is not finite" in texts[0]


def test_gradients_that_are_nan_show_in_the_next_step_or_after_the_epoch() -> None:
    """A finite loss hides them for one update."""
    for at, expected in ((4, "batch 5 of epoch 1 is nan: weight of layer 0 (Linear) is not"),
                         (8, "after epoch 1 0.weight holds NaN")):  # fmt: skip
        model = Sequential(Linear(3, 5, rng=0), Poison(at, backward=True), Linear(5, 4, rng=1))
        texts = told(lambda model=model: fit(model, vectors()))
        assert len(texts) == 1
        assert expected in texts[0]


def test_running_statistics_that_are_nan_are_noticed() -> None:
    """The loss does not show them in training mode, and validation alone would."""
    model = Sequential(Conv2d(1, 2, 3, rng=0), BatchNorm2d(2), Flatten(), Linear(72, 4, rng=1))

    class Spoil(Callback):
        def on_step(self, run: Run) -> None:
            model[1].running_var.data[1] = NAN  # type: ignore[attr-defined]

    texts = told(lambda: fit(model, blobs(32), blobs(8), callbacks=[Spoil()]))
    assert texts == ["[fit] after epoch 1 1.running_var holds NaN or infinity"]


def test_what_was_infinite_before_is_no_news() -> None:
    model = small_net()
    model[0].bias.data[0] = -INF  # a channel that is off for good, behind a ReLU
    fit(model, blobs(64), optimizer=SGD(model[-1].parameters(), 0.1))


def test_validation_data_that_are_nan_are_told_once() -> None:
    texts = told(lambda: fit(small_net(), blobs(64), spoilt(2), epochs=3))
    assert texts == [
        "[fit] after epoch 1 the loss of the validation data is nan: x of batch 2 holds NaN, first "
        "in its sample 3"
    ]


def test_with_terminate_on_nan_its_reason_is_enough() -> None:
    model = small_net()
    history = fit(model, spoilt(2), callbacks=[TerminateOnNaN()])
    assert history.stop_reason is not None
    assert "x of batch 2 holds NaN" in history.stop_reason
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_an_epoch_whose_classes_have_no_weight_is_told() -> None:
    loss = CrossEntropyLoss(weight=np.zeros(4, np.float32))
    texts = told(lambda: fit(small_net(), blobs(32), epochs=2, loss=loss))
    assert len(texts) == 1
    assert "no target of epoch 1 counts" in texts[0]


def test_a_nan_of_ignored_targets_is_none() -> None:
    data = blobs(32)
    data.y[:8] = -100
    batches = [(data.x[i : i + 8], data.y[i : i + 8]) for i in range(0, 32, 8)]
    fit(small_net(), batches, epochs=2)


# A loss out of hand --------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [30.0, 1000.0])
def test_a_loss_far_above_that_of_guesses_is_told_once(rate: float) -> None:
    model = small_net()
    texts = told(lambda: fit(model, blobs(320), epochs=3, optimizer=Adam(model.parameters(), rate)))
    assert len(texts) == 1
    found = re.search(
        r"epoch 1 is ([\d.e+]+), while a model that knows nothing has (.*);", texts[0]
    )
    assert found
    assert float(found[1]) > 10 * float(found[2])
    assert f"(the last was {rate:.3g})" in texts[0]


def test_what_was_told_before_a_checkpoint_is_not_told_again(tmp_path: Path) -> None:
    def trained(epochs: int, resume: bool) -> None:
        model = small_net()
        fit(
            model, blobs(320), epochs=epochs, optimizer=Adam(model.parameters(), 1000.0),
            checkpoint=tmp_path / "checkpoint", resume=resume,
        )  # fmt: skip

    assert len(told(lambda: trained(1, False))) == 1
    trained(3, True)  # a warning would be an error here


class OwnLoss:
    """A user's loss, the mean of squares."""

    def __call__(self, output: np.ndarray, target: np.ndarray) -> float:
        self.error = output - target
        return float(np.mean(self.error**2))

    def backward(self) -> np.ndarray:
        gradient: np.ndarray = 2 * self.error / np.float32(self.error.size)
        return gradient


@pytest.mark.parametrize("loss", [MSELoss(), OwnLoss()])
def test_regressions_diverge_as_well(loss: Any) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 3), dtype=np.float32)
    batches = [(x, x[:, :2].copy())] * 12
    model = Linear(3, 2, rng=0)
    texts = told(lambda: fit(model, batches, loss=loss, optimizer=SGD(model.parameters(), 3.0)))
    assert len(texts) == 1
    assert "the training diverges: the mean loss of epoch 1" in texts[0]


def regression(scale: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give batches whose targets grow: the later ones are dear for any model."""
    x = np.random.default_rng(0).standard_normal((8, 3), dtype=np.float32)
    return [(x, np.float32(scale**i) * x[:, :2]) for i in range(5)]


@pytest.mark.parametrize(
    ("data", "loss", "rate"),
    [
        (blobs(320), CrossEntropyLoss(), 1e-2),
        (blobs(320), CrossEntropyLoss(), 0.0),
        (regression(10.0), MSELoss(), 1e-6),
        (regression(0.01), MSELoss(), 1e-2),
        ([(np.ones((4, 3), "f4"), np.zeros((4, 2), "f4"))] * 3, MSELoss(), 0.0),
        ([(np.ones((4, 3), "f4"), np.ones((4, 2), "f4"))] * 3, BCEWithLogitsLoss(), 0.1),
    ],
    ids=["learns", "stands", "growing", "shrinking", "zeros", "binary"],
)
def test_a_healthy_training_is_quiet(data: Any, loss: Any, rate: float) -> None:
    model = small_net() if isinstance(data, ArrayDataset) else Linear(3, 2, rng=0)
    fit(model, data, loss=loss, epochs=2, optimizer=SGD(model.parameters(), rate))


def test_a_trained_model_that_goes_on_is_quiet() -> None:
    """Its first loss is next to nothing, and a later one may be a hundred times that."""
    model = small_net()
    fit(model, blobs(320), epochs=20)
    fit(model, blobs(320, seed=5), epochs=2, optimizer=SGD(model.parameters(), 1e-3))


def test_the_watch_changes_no_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    watched, plain = small_net(dropout=0.5), small_net(dropout=0.5)
    fit(watched, blobs(100), epochs=2)
    for name in ("step", "epoch"):
        monkeypatch.setattr(f"pycnn.training.watch.Watch.{name}", lambda *_, **__: None)
    fit(plain, blobs(100), epochs=2)
    assert same_bits(snapshot(watched), snapshot(plain))


@pytest.mark.parametrize("value", [NAN, INF])
def test_captured_steps_are_watched(device: str, value: float) -> None:
    model = small_net().to(device)
    batches = [(data.x, data.y) for data in map(lambda i: blobs(8, seed=i), range(4))]
    batches[2][0][1, 0, 0, 0] = value
    texts = told(lambda: fit(model, batches, cuda_graph=True))
    assert "x of batch 3 holds" in texts[0]
    model = small_net().to(device)
    optimizer = SGD(model.parameters(), 1e30)
    texts = told(lambda: fit(model, blobs(64), epochs=2, batch_size=8, optimizer=optimizer,
                             cuda_graph=True))  # fmt: skip
    assert "cuda_graph=False names the layer" in texts[0]


# Answers -------------------------------------------------------------------------------------


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
    model[4].weight.data[2, 5] = NAN
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


# The command ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_folder")
def test_train_with_a_rate_far_too_high_says_so(data: str, capsys: Capture) -> None:
    command = ["train", "lenet5", "--data", data, "--batch-size", "20", "--epochs", "2"]
    assert main([*command, "--lr", "1000"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("pycnn: warning: [fit] the training diverges: the mean loss of epoch 1")
    assert err.count("\n") == 1
    assert main(command) == 0
    assert capsys.readouterr().err == ""


def broken_run(at: int, data: str, *options: str) -> int:
    """Train for three epochs, with a NaN in the model after the update of a step."""
    step = Adam.step
    count = [0]

    def spoil(self: Adam) -> None:
        step(self)
        count[0] += 1
        if count[0] >= at:
            self.params[-1].data[0] = NAN

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Adam, "step", spoil)
        command = ["train", "lenet5", "--data", data, "--batch-size", "100", "--epochs", "3"]
        return main([*command, *options])


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (9, "after epoch 3 11.bias holds NaN or infinity"),  # the last update of all
        (8, "epoch 3, step 9: the loss is nan: bias of layer 11 (Linear) is not finite; 11.bias"),
    ],
)
def test_a_model_that_is_not_finite_is_not_saved_but_the_epoch_before(
    at: int, reason: str, data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, np.ndarray]] = []
    monkeypatch.setattr(TerminateOnNaN, "on_epoch_end",
                        lambda self, run, record: seen.append(snapshot(run.model)))  # fmt: skip
    assert broken_run(at, data) == 1
    out, err = capsys.readouterr()
    assert f"training stopped: {reason}" in err
    assert "the model is that of the end of epoch 2" in err
    assert "saved to runs/lenet5" in out
    saved = pycnn.load_model("runs/lenet5").state_dict()
    assert same_bits(saved, seen[1])


def test_the_last_good_state_stands_in_a_checkpoint_only_where_it_is_not_the_model() -> None:
    """Right after an epoch the two are the same."""
    model, again = small_net(), small_net(seed=1)
    good, later = GoodState(), GoodState()
    run = Run(model, Adam(model.parameters()), 2)
    good.on_train_begin(run, False)
    assert good.state_dict() == {"epoch": 0, "state": None, "current": False}
    good.on_epoch_end(run, EpochRecord(1, *[0.0] * 7))
    stored = good.state_dict()
    assert stored == {"epoch": 1, "state": None, "current": True}
    again.load_state_dict(model.state_dict())
    later.on_train_begin(Run(again, Adam(again.parameters()), 2), False)
    later.load_state_dict(stored)
    kept = snapshot(model)
    for changed, one in ((model, good), (again, later)):
        changed.state_dict()["0.weight"][...] = 1.0
        state = one.state_dict()
        assert not state["current"]
        assert same_bits(state["state"], kept)


@pytest.mark.usefixtures("own_folder")
def test_where_nothing_is_finite_nothing_is_saved(data: str, capsys: Capture) -> None:
    assert broken_run(3, data) == 1
    out, err = capsys.readouterr()
    assert "nothing saved: no epoch left a model of numbers" in out
    assert "11.bias holds NaN or infinity" in err
    assert not Path("runs").exists()


@pytest.mark.usefixtures("own_folder")
def test_a_first_epoch_that_breaks_the_model_leaves_no_checkpoint(
    data: str, capsys: Capture
) -> None:
    assert broken_run(2, data, "--checkpoint-every", "1") == 1
    assert "nothing saved: no epoch was finished" in capsys.readouterr().out
    assert not Path("runs/lenet5/training.safetensors").exists()


@pytest.mark.usefixtures("own_folder")
def test_commands_give_no_answer_where_there_is_none(
    checkpoint: str, data: str, capsys: Capture
) -> None:
    from PIL import Image

    model = pycnn.load_model(checkpoint)
    model[-1].bias.data[3] = NAN  # type: ignore[index]
    pycnn.save(checkpoint, model)
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:17] = 250
    Image.fromarray(pixels).save("a.png")
    assert main(["predict", checkpoint, "a.png"]) == 0
    out, err = capsys.readouterr()
    assert out == "a.png: no answer\n"
    assert err.startswith("pycnn: warning: [predict] the outputs of 1 of 1 samples hold NaN")
    assert main(["evaluate", checkpoint, "--data", data]) == 0
    out, err = capsys.readouterr()
    assert out == "test accuracy 0.00%, loss nan (100 samples)\n"
    assert "[evaluate] 100 of 100 samples have no answer" in err
    assert "bias of layer 11 (Linear) is not finite" in err
    assert main(["plot", "confusion", checkpoint, "--data", data]) == 0
    assert main(["report", checkpoint, "--data", data]) == 0
    page = Path("report.html").read_text()
    assert "For 100 of 100 samples the network has no answer" in page
