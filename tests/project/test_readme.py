"""The README's example runs as printed, and is the script in examples/."""

from __future__ import annotations

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pycnn
from pycnn.datasets.idx import read_images

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def example() -> str:
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found
    return found[1]


def test_example_trains_and_saves(tmp_path: Path) -> None:
    code = example().replace("epochs=4", "epochs=1")
    assert "epochs=1" in code
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"accuracy=(0\.\d+)", done.stdout)
    assert accuracy
    assert float(accuracy[1]) > 0.97
    assert "61,706" in done.stdout
    assert (tmp_path / "lenet5.safetensors").stat().st_size > 61_706 * 4


def test_the_picture_of_a_digit_is_the_first_test_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"command: digit -->.*?-c '(.*?)'", README, re.DOTALL)
    assert found
    (tmp_path / "pycnn").symlink_to(ROOT / "pycnn")
    monkeypatch.chdir(tmp_path)
    exec(found[1], {})
    images = read_images("pycnn/datasets/mnist_data/t10k-images-idx3-ubyte.gz")
    with Image.open("digit.png") as picture:
        np.testing.assert_array_equal(picture, images[0, 0])


def test_every_example_is_named() -> None:
    names = [f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")]
    assert [name for name in names if name not in README] == []


def test_the_example_writes_no_file_when_interrupted(
    own_folder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = pycnn.History()
    interrupted.interrupted = True
    monkeypatch.setattr(pycnn, "fit", lambda *_, **__: interrupted)
    exec(example(), {})
    assert list(Path().iterdir()) == []


def test_git_ignores_what_the_commands_write_here() -> None:
    files = re.findall(r"(?:--out |save\(\"?)([\w/]+\.?\w*)", README)
    files += [f"{kind}.png" for kind in re.findall(r"pycnn plot ([\w-]+)", README)]
    assert {"runs/longer", "digit.png", "net.svg", "steps.gif", "ngrams.png"} <= set(files)
    patterns = (ROOT / ".gitignore").read_text().split()
    for file in files:
        ways = [f"/{file}", Path(file).name, *(f"/{folder}/" for folder in Path(file).parts[:-1])]
        assert any(fnmatch(way, pattern) for way in ways for pattern in patterns), file


def test_example_is_the_script() -> None:
    script = (ROOT / "examples" / "train_lenet5.py").read_text().split('"""\n\n', 1)[1]
    assert re.sub(r"# fmt: o[nf]+\n", "", script) == example()


def test_the_changelog_tells_each_change_once() -> None:
    entries = re.split(r"\n(?=- |#)", (ROOT / "CHANGELOG.md").read_text())
    told = [" ".join(entry.split()) for entry in entries if entry.startswith("- ")]
    assert len(told) > 50
    assert [entry for entry in set(told) if told.count(entry) > 1] == []
