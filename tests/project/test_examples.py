"""The scripts in examples/ run, on a small budget."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALL = ["--epochs", "1", "--samples", "1000"]


def run(script: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("distort", [[], ["--distort"]], ids=["plain", "distorted"])
def test_lenet5_1998(tmp_path: Path, distort: list[str]) -> None:
    text = run("lenet5_1998.py", tmp_path, "--epochs", "2", "--samples", "4000", *distort)
    assert "C3: 151,600 connections" in text
    assert re.search(r"^total .* 60,000 ", text, re.MULTILINE)
    error = re.search(r"test error (\d+\.\d+)% after \d+ s", text)
    assert error
    assert float(error[1]) < 60
    assert (tmp_path / "lenet5_1998.safetensors").stat().st_size > 60_000 * 4


def test_custom_network(tmp_path: Path) -> None:
    text = run("custom_network.py", tmp_path, *SMALL)
    assert "mixed Parallel         (32, 14, 14)" in text
    assert accuracy(text) > 0.5


def test_custom_layer(tmp_path: Path) -> None:
    text = run("custom_layer.py", tmp_path, *SMALL)
    error = re.search(r"largest error of a gradient: (\S+)", text)
    assert error
    assert float(error[1]) < 1e-7
    assert accuracy(text) > 0.5


def test_alexnet_images(tmp_path: Path) -> None:
    text = run("alexnet_images.py", tmp_path, "--epochs", "1", "--squares", "2")
    assert re.search(r"^conv1 Conv2d .* 290,400 .* 34,944 ", text, re.MULTILINE)
    assert "epoch 1: loss " in text
    assert re.search(r"6 training pictures: \d+\.\d% right, \d+\.\d% by ten crops", text)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", ["text_classification.py", "alexnet_images.py"])
def test_options_of_examples_are_explained(tmp_path: Path, script: str) -> None:
    text = run(script, tmp_path, "--help")
    options = re.findall(r"^  (--.*?)(?=^  --|\Z)", text, re.MULTILINE | re.DOTALL)
    assert len(options) >= 2
    for option in options:
        assert re.search(r"(\S  +|\n {10,})\S", option), option
    assert ("lecture" in text) == ("the network without padding" in " ".join(text.split()))


@pytest.mark.parametrize("option", ["--embeddings", "--data"])
def test_a_file_that_the_text_example_lacks_is_one_line(tmp_path: Path, option: str) -> None:
    variant = ["--variant", "static"] if option == "--embeddings" else []
    command = [sys.executable, str(EXAMPLES / "text_classification.py"), *variant, option, "nope"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"text_classification\.py: .*nope.*\n", done.stderr)


def test_convolution_arithmetic(tmp_path: Path) -> None:
    text = run("convolution_arithmetic.py", tmp_path, "--out", "pictures")
    assert "four pictures and an animation of 9 frames" in text
    assert "four pictures and an animation" in run("convolution_arithmetic.py", tmp_path, "--help")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 4
    assert (tmp_path / "pictures/convolution_arithmetic.gif").read_bytes().startswith(b"GIF89a")


# Networks with a forward of their own -----------------------------------------------------------


def test_cifar_classifier(tmp_path: Path) -> None:
    """On pictures of one colour, in the place of the 170 MB of CIFAR-10."""
    code = f"""if True:
    import runpy, sys
    import numpy as np, pycnn as nn
    y = np.arange(400) % 10
    x = np.zeros((400, 3, 32, 32), np.float32)
    x[np.arange(400), y % 3] = (y - 4.5)[:, None, None]
    data = nn.ArrayDataset(x, y)
    nn.datasets.cifar10 = lambda root: (data, data)
    sys.argv[1:] = ["--epochs", "4"]
    runpy.run_path({str(EXAMPLES / "cifar_classifier.py")!r}, run_name="__main__")
    """
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    losses = re.findall(r"epoch \d: loss (\d\.\d+)", done.stdout)
    assert len(losses) == 4
    assert float(losses[3]) < float(losses[0])
    assert accuracy(done.stdout) > 0.15


def test_kim_textcnn(tmp_path: Path) -> None:
    assert accuracy(run("kim_textcnn.py", tmp_path, "--epochs", "3", "--samples", "600")) > 0.45


def test_unet(tmp_path: Path) -> None:
    text = run("unet.py", tmp_path, "--epochs", "2", "--samples", "800")
    found = re.search(r"ink found: (\d+\.\d)%", text)
    assert found
    assert float(found[1]) > 25  # all of the picture is ink: 19


def test_siamese(tmp_path: Path) -> None:
    assert accuracy(run("siamese.py", tmp_path, "--epochs", "1", "--samples", "4000")) > 0.6


def test_two_inputs(tmp_path: Path) -> None:
    assert accuracy(run("two_inputs.py", tmp_path, *SMALL)) > 0.4


def accuracy(text: str) -> float:
    found = re.search(r"test accuracy (\d+\.\d+)%", text)
    assert found
    return float(found[1]) / 100
