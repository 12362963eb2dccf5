"""`pycnn plot` and `pycnn report`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture, fails
from support.pictures import png_pixels, svg_root, texts

from pycnn import io, models
from pycnn.cli import main
from pycnn.cli.plot import KINDS
from pycnn.layers import Linear, Sequential

pytestmark = pytest.mark.usefixtures("own_folder")


def saves(capsys: Capture, *arguments: str) -> Path:
    """Run a command that must say which file it has written."""
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("saved to ")
    return Path(out.removeprefix("saved to ").strip())


# Few panels suffice: matplotlib takes longest for them.
FEWER = {"feature-maps": ["--maps", "2"], "misclassified": ["--limit", "3"]}


def test_every_kind_writes_its_picture(data: str, capsys: Capture) -> None:
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--out", "run"]) == 0
    capsys.readouterr()
    for kind in KINDS:
        if kind == "ngrams":
            assert "lenet5 does not take sentences" in fails(capsys, "plot", kind, "run")
            continue
        source = [] if kind == "convolution" else ["run"]
        path = saves(capsys, "plot", kind, *source, *FEWER.get(kind, []), "--title", "a $ b")
        assert path == Path(f"{kind}.png")
        png_pixels(path)
    assert saves(capsys, "report", "run") == Path("run/report.html")
    assert Path("run/report.html").read_text().count("<img") == 6


def test_the_picture_follows_its_arguments(
    data: str, checkpoint: str, undrawn: None, capsys: Capture
) -> None:
    svg_root(
        saves(capsys, "plot", "architecture", checkpoint, "--size", "1x28x28", "--out", "a.svg")
    )
    maps = ["plot", "feature-maps", checkpoint, "--maps", "3", "--data", data]
    one = png_pixels(saves(capsys, *maps))
    other = png_pixels(saves(capsys, *maps, "--index", "7"))
    assert one.shape == other.shape
    assert not np.array_equal(one, other)
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save("digit.png")
    mine = png_pixels(
        saves(capsys, "plot", "feature-maps", checkpoint, "--maps", "3", "--image", "digit.png")
    )
    assert not np.array_equal(mine, other)
    few = ["plot", "misclassified", checkpoint, "--data", data, "--limit", "2"]
    assert png_pixels(saves(capsys, *few)).shape[1] == 480
    saves(capsys, "report", checkpoint, "--data", data, "--out", "page.html", "--threads", "1")


def test_headings_name_network_and_data(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("history.json").write_text(
        '{"interrupted": false, "stop_reason": null, "epochs": [{"epoch": 1, "loss": 0.5, '
        '"accuracy": 0.5, "val_loss": null, "val_accuracy": null, "learning_rate": 0.1, '
        '"seconds": 1.0, "samples_per_second": 1.0}]}'
    )
    io.save("model.safetensors", models.lenet5(rng=0))
    drawn: list[str] = []
    monkeypatch.setattr(
        "pycnn.cli.plot.finish", lambda figure, *_: drawn.append(" ".join(texts(figure)))
    )
    saves(capsys, "plot", "learning-curve", ".")
    Path("settings.json").write_text(json.dumps({"model": "lenet5", "data": data}))
    saves(capsys, "plot", "learning-curve", ".")
    saves(capsys, "plot", "architecture", ".")
    assert "loss and accuracy of each epoch" in drawn[0]
    assert f"lenet5 on {Path(data).name}: loss and accuracy" in drawn[1]
    assert f"lenet5 on {Path(data).name}" in drawn[2]


def test_a_convolution_is_a_picture_or_an_animation(capsys: Capture) -> None:
    common = ["plot", "convolution", "--input", "4", "--stride", "2", "--padding", "1"]
    path = saves(capsys, *common, "--numbers", "3", "--out", "a.gif", "--kernel", "2")
    with Image.open(path) as gif:
        assert gif.n_frames == 9
    png_pixels(saves(capsys, "plot", "convolution", "--input", "2", "--padding", "same"))
    png_pixels(
        saves(capsys, "plot", "convolution", "--input", "2", "--kernel", "1", "--transposed")
    )


def test_errors_are_one_line(
    data: str, checkpoint: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "invalid choice: 'nonsense'" in fails(capsys, "plot", "nonsense")
    assert "KIND" in fails(capsys, "plot")
    transposed = ("plot", "convolution", "--transposed", "--padding", "same")
    assert "takes padding as numbers" in fails(capsys, *transposed)
    assert "No such file" in fails(capsys, "plot", "filters", "none.safetensors")
    assert "No model.safetensors in the folder" in fails(capsys, "report", ".")
    assert "no test image 100: they are 0 to 99" in fails(
        capsys, "plot", "feature-maps", checkpoint, "--index", "100", "--data", data
    )
    assert "these have 1" in fails(capsys, "plot", "filters", checkpoint, "--mode", "rgb")
    assert "Conv2d" in fails(capsys, "plot", "architecture", checkpoint, "--size", "3x28x28")
    assert "whole number" in fails(capsys, "plot", "architecture", checkpoint, "--size", "3,28")
    assert "xyz" in fails(capsys, "plot", "filters", checkpoint, "--out", "a.xyz")
    gif = fails(capsys, "plot", "filters", checkpoint, "--out", "f.gif")
    assert "f.gif: a GIF is for the steps of a convolution" in gif
    assert "history is empty" in fails(capsys, "plot", "learning-curve", checkpoint)
    Path("history.json").write_text("[]")
    assert "is not a history" in fails(capsys, "plot", "learning-curve", checkpoint)
    Path("history.json").write_text('{"interrupted": true, "stop_reason": null, "epochs": []}')
    assert "history is empty" in fails(capsys, "plot", "learning-curve", ".")
    assert "does not fit" in fails(capsys, "plot", "convolution", "--kernel", "9")
    io.save("plain.safetensors", Sequential(Linear(2, 2)))
    assert "needs to be told its data" in fails(capsys, "report", "plain.safetensors")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for command in (["plot", "filters", checkpoint], ["report", checkpoint, "--data", data]):
        assert "pip install 'pycnn[plot]'" in fails(capsys, *command)
    assert not [path for path in Path().iterdir() if path.suffix in (".png", ".gif", ".html")]


@pytest.mark.parametrize("name", ["steps.mp4", "steps.txt", "steps.PNGG"])
def test_formats_that_are_named_are_those_of_the_help(name: str, capsys: Capture) -> None:
    text = fails(capsys, "plot", "convolution", "--out", name)
    ending = name.partition(".")[2].lower()
    assert "written as png, svg or pdf, and the steps of a convolution as gif too" in text
    assert f"the name ends in .{ending}\n" in text
    assert not Path(name).exists()


def test_a_home_that_cannot_be_written_is_not_told_by_matplotlib() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG", "MPL"))}
    code = """
import logging, sys
from pycnn.plot import convolution_arithmetic
convolution_arithmetic(3, 2)
assert "matplotlib" in sys.modules
assert logging.getLogger("matplotlib").level == logging.NOTSET
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**env, "HOME": "/proc"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
