"""The command line tells of itself: info, version, help, and a wrong environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from command_line import Capture

import pycnn
from pycnn import recipes
from pycnn.cli import main

pytestmark = pytest.mark.usefixtures("own_folder")


def test_info_version_and_help(capsys: Capture) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert str(pycnn.show_config()["isa"]) in out
    assert re.search(r"^convolution +\w", out, re.MULTILINE)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pycnn {pycnn.__version__}\n"
    assert main(["train", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("--batch-size", "lenet5 (LeNet-5 of today, MNIST)", "rt-polaritydata"):
        assert part in text
    for kind, offered in (("ngrams", False), ("confusion", True)):
        assert main(["plot", kind, "--help"]) == 0
        assert ("--skip-broken" in capsys.readouterr().out) == offered


@pytest.mark.parametrize("name", recipes.available())
def test_the_help_of_augment_tells_who_changes_the_data(name: str, capsys: Capture) -> None:
    main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split()).partition("change the training data")[2]
    asked, always = text.partition("--seed")[0].split("without it too")
    recipe = recipes.get(name)
    named = {part: re.search(rf"\b{name}\b", part) is not None for part in (asked, always)}
    assert named[always] == recipe.always_augment
    assert named[asked] == (recipe.augment is not None and not recipe.always_augment)


def test_python_m_pycnn() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pycnn", "train"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("pycnn: error: ")


@pytest.mark.parametrize(
    ("name", "value"), [("PYCNN_ISA", "foo"), ("PYCNN_CONV", "foo"), ("PYCNN_NUM_THREADS", "0")]
)
def test_a_wrong_environment_is_one_line(name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pycnn", "info"],
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"pycnn: error: [{name}] ")
    assert done.stderr.count("\n") == 1
