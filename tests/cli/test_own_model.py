"""`pycnn train module:function`, and settings from a TOML file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Capture, fails

from pycnn.cli import main
from pycnn.cli.config import with_config

MODULE = """
import numpy as np
import pycnn as nn
from support.small_training import blobs

def make_data():
    return blobs(60), blobs(20, seed=1)

def make_model(classes, seed):
    assert classes == 4 and seed == 5
    return make_other()

def make_other():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))

def needs(width, classes):
    return make_other()

class Nets:
    @staticmethod
    def wrong():
        return 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with modules that later tests do not see."""
    before, path = set(sys.modules), list(sys.path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_nets.py").write_text(MODULE)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if name.startswith("own_"):
            del sys.modules[name]


def test_a_network_of_a_module_is_trained(folder: Path, capsys: Capture) -> None:
    (folder / "run.toml").write_text(
        'epochs = 3\nbatch_size = 16\nlr = 0.01\noptimizer = "sgd"\nseed = 5\naugment = false\n'
    )
    assert main(["train", "own_nets:make_model", "--config", "run.toml", "--epochs", "2"]) == 0
    assert "test accuracy" in capsys.readouterr().out
    run = folder / "runs" / "own_nets-make_model"
    settings = json.loads((run / "settings.json").read_text())
    wanted = {"model": "own_nets:make_model", "epochs": 2, "batch_size": 16, "seed": 5}
    wanted |= {"optimizer": "sgd", "lr": 0.01}
    assert {name: settings[name] for name in wanted} == wanted
    assert (
        main(["train", "own_nets:make_model", "--config=run.toml", "--epochs=2", "--resume"]) == 0
    )
    assert "finished already" in capsys.readouterr().out


def test_one_without_arguments_on_pictures_or_other_targets(folder: Path, capsys: Capture) -> None:
    from PIL import Image

    (folder / "own_pictures.py").write_text(
        "import pycnn as nn\n\nimage_size = 8\n\n\nclass Net(nn.Sequential):\n"
        "    def __init__(self, classes):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(192, classes))\n"
    )
    rng = np.random.default_rng(0)
    for name in ("cat", "dog", "emu"):
        (folder / "data" / name).mkdir(parents=True)
        for k in range(4):
            pixels = rng.integers(0, 256, (9, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "data" / name / f"{k}.png")
    options = ["--data", "data", "--epochs", "1", "--out", "results"]
    assert main(["train", "own_pictures:Net", *options]) == 0
    assert "9 training and 3 test samples" in capsys.readouterr().out
    (folder / "own_layers.py").write_text(
        "import pycnn as nn\n\nimage_size = 8\n\n\ndef make(classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(192, classes))\n"
    )
    assert main(["train", "own_layers:make", *options]) == 0
    capsys.readouterr()
    assert main(["evaluate", "results", "--data", "data"]) == 0
    assert "3" in capsys.readouterr().out
    text = fails(capsys, "train", "own_pictures:Net")
    assert "own_pictures needs data: a function make_data()" in text


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("nonsense", "invalid choice: 'nonsense' (choose from alexnet"),
        ("own_none:make", "there is no module own_none in "),
        ("own_nets:none", "own_nets has no function or class none"),
        ("own_nets:Nets.none", "own_nets has no function or class Nets.none"),
        ("own_nets:Nets.wrong", "must return a pycnn.Module, got 3"),
        ("own_nets:needs", "own_nets:needs needs an argument width, and gets classes and seed"),
        ("own nets:make", "invalid choice"),
        ("own_nets:", "invalid choice"),
    ],
)
def test_what_is_no_network_is_refused(
    folder: Path, capsys: Capture, model: str, text: str
) -> None:
    assert text in fails(capsys, "train", model)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("epochs = ", "run.toml is not TOML"),
        ("epochs = [3]", "run.toml: epochs must be a text, number or bool, not list"),
        ("epochs = 'many'", "argument --epochs: must be a whole number, got 'many'"),
        ("epoch = 3", "unrecognized arguments: --epoch=3"),
        ("config = 'other.toml'", "a configuration names no other one"),
        ("epochs = true", "run.toml: epochs needs a value, got True"),
    ],
)
def test_wrong_settings_are_refused(folder: Path, capsys: Capture, content: str, text: str) -> None:
    (folder / "run.toml").write_text(content)
    assert text in fails(capsys, "train", "own_nets:make_other", "--config", "run.toml")
    assert "expected one argument" in fails(capsys, "train", "own_nets:make_other", "--config")
    assert "none.toml" in fails(capsys, "train", "own_nets:make_other", "--config", "none.toml")


def test_only_training_has_a_configuration() -> None:
    assert with_config(["info", "--config", "none.toml"], {}) == ["info", "--config", "none.toml"]
    assert with_config([], {}) == []


def test_true_and_false_in_a_configuration(tmp_path: Path) -> None:
    """True is a flag alone, which must not take the next word for its value."""
    path, flags = tmp_path / "run.toml", {"--resume": False, "--no-resume": False, "--lr": True}
    for text, wanted in (
        ("resume = true", ["--resume"]),
        ("resume = false", ["--no-resume"]),
        ("strange = false", ["--strange=False"]),
        ("lr = true", ValueError),
        ("lr = false", ValueError),
    ):
        path.write_text(text)
        line = ["train", "--config", str(path), "lenet5"]
        if isinstance(wanted, list):
            assert with_config(line, flags) == ["train", *wanted, "lenet5"]
        else:
            with pytest.raises(wanted, match="lr needs a value, got"):
                with_config(line, flags)
