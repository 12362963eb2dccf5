"""`pycnn evaluate`, `predict`, `plot` and `report` of networks of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture, fails

import pycnn as nn
from pycnn.cli import main

pytestmark = pytest.mark.usefixtures("own_folder")

MODULE = """
import pycnn as nn

class Net(nn.Module):
    def __init__(self):
        self.conv = nn.Conv2d(1, 4, 5, 4, rng=0)
        self.head = nn.Linear(144, 10, rng=1)

    def forward(self, x):
        return self.head(nn.functional.relu(self.conv(x)).flatten(1))

def make():
    return Net()

def wide(width):
    return Net()

def number():
    return 3
"""


def runs(capsys: Capture, *arguments: str) -> str:
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def answers(capsys: Capture, data: str, *flags: str) -> None:
    """Measure the file "net", and ask it for a digit."""
    assert "test accuracy" in runs(capsys, "evaluate", "net", *flags, "--data", data)
    image = np.zeros((28, 28), np.uint8)
    image[5:22, 12:16] = 255
    Image.fromarray(image).save("digit.png")
    assert runs(capsys, "predict", "net", *flags, "digit.png").startswith("digit.png: ")


def test_a_network_of_library_layers_needs_no_flag(data: str, capsys: Capture) -> None:
    layers = (nn.Conv2d(1, 4, 5, 4, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10, rng=1))
    nn.save("net", nn.Sequential(*layers))
    answers(capsys, data)
    runs(capsys, "plot", "filters", "net")
    runs(capsys, "report", "net", "--data", data, "--out", "r.html")
    assert Path("r.html").read_text().count("<img") >= 4


def test_a_class_of_ones_own_is_named(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("own_net.py").write_text(MODULE)
    import own_net  # type: ignore[import-not-found]

    nn.save("net", own_net.Net())
    assert "own_net.Net" in (said := fails(capsys, "evaluate", "net", "--data", data))
    assert "--model module:name" in said
    answers(capsys, data, "--model", "own_net:Net")
    size = ("--size", "1x28x28")
    runs(capsys, "plot", "architecture", "net", *size, "--model", "own_net:Net")
    evaluates = ("evaluate", "net", "--data", data, "--model")
    runs(capsys, *evaluates, "own_net:make")
    for name, text in (
        ("own_net:Other", "no function or class Other"),
        ("own_net:wide", "cannot be called"),
        ("own_net:number", "must make a pycnn.Module, made int"),
        ("no_such_module:Net", "there is no module no_such_module"),
        ("own_net", "must be module:name"),
        ("os.system(1):x", "must be module:name"),
    ):
        assert text in fails(capsys, *evaluates, name)


def test_pictures_in_colour_as_the_metadata_say(capsys: Capture) -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 8, rng=0), nn.Flatten(), nn.Linear(2, 2, rng=1))
    model.metadata = {"classes": ["dark", "light"], "image_size": 8, "mean": 0.5, "std": 0.5}
    nn.save("net", model)
    for name, value in (("dark", 20), ("light", 220)):
        Path("pictures/test", name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (9, 8), (value, i, value)).save(f"pictures/test/{name}/{i}.png")
    assert "4 samples" in runs(capsys, "evaluate", "net", "--data", "pictures")
    assert "light" in runs(capsys, "predict", "net", "pictures/test/light/0.png")
    assert "needs to be told its data: --data" in fails(capsys, "evaluate", "net")


def test_a_run_of_train_is_measured_on_the_data_of_its_module(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path.cwd()))
    Path("run_net.py").write_text(
        """
import numpy as np
import pycnn as nn

class Net(nn.Module):
    def __init__(self, classes):
        self.linear = nn.Linear(4, classes, rng=0)

    def forward(self, x):
        return self.linear(x)

def make_data():
    x = np.random.default_rng(0).standard_normal((12, 4)).astype(np.float32)
    data = nn.ArrayDataset(x, np.arange(12) % 3, ("a", "b", "c"))
    return data, data
"""
    )
    assert main(["train", "run_net:Net", "--epochs", "1", "--out", "run"]) == 0
    capsys.readouterr()
    assert "12 samples" in runs(capsys, "evaluate", "run", "--model", "run_net:Net")
    assert "run_net.Net" in fails(capsys, "evaluate", "run")
