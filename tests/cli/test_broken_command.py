"""The command's messages about broken training, and the files it saves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.broken import NAN
from support.command_line import Capture
from support.small_training import same_bits, small_net, snapshot

import pycnn
from pycnn.cli import main
from pycnn.cli.good_state import GoodState
from pycnn.optim import Adam
from pycnn.training import EpochRecord, Run, TerminateOnNaN


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
