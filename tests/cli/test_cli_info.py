"""The command line tells of itself: info, version, help, and a wrong environment."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from support.command_line import Capture

import pycnn
from pycnn import cuda, devices, recipes
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


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (devices.DeviceError("not built"), "this pycnn was built without it"),
        ([], "built, but there is no GPU"),
        (
            [{"name": "A", "memory": 80 * 2**30}, {"name": "B", "memory": 24 * 2**30}],
            "A (80 GiB), B (24 GiB)",
        ),
    ],
)
def test_info_tells_the_gpus_or_why_there_are_none(
    found: object, told: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def listed() -> object:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(cuda, "devices", listed)
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    backends = ", ".join(("reference", "cpu", *devices.available()))
    for name, value in (("cuda", told), ("backends", backends)):
        assert re.search(rf"^{name} +{re.escape(value)}$", out, re.MULTILINE)


@pytest.mark.parametrize("name", recipes.available())
def test_the_help_of_augment_tells_who_changes_the_data(name: str, capsys: Capture) -> None:
    main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split()).partition("change the training data")[2]
    asked, always = text.partition("--seed")[0].split("even without it")
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
