"""The command line with wrong arguments and files: one line, exit code 2, nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.command_line import COMMAND, Capture, fails
from support.dataset_files import picture_folder

from pycnn import datasets
from pycnn.cli import main

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["info", "a\nb"], "a b"),
        (["train"], "MODEL"),
        (["train", "resnet"], "'resnet'"),
        (["train", "lenet5", "--speed", "9"], "--speed 9"),
        (["train", "lenet5", "--epoch", "9"], "--epoch 9 (see pycnn train --help)"),
        (["plot", "filters", "x", "--fly"], "--fly (see pycnn plot filters --help)"),
        (["train", "lenet5", "--epochs", "0"], "--epochs: must be at least 1"),
        (["train", "lenet5", "--epochs", "1.5"], "--epochs: must be a whole number"),
        (["train", "lenet5", "--batch-size", "-3"], "--batch-size: must be at least 1"),
        (["train", "lenet5", "--lr", "nan"], "--lr: must be finite and above 0"),
        (["train", "lenet5", "--lr", "1e30", "--data", "nowhere"], "--lr 1e+30 is too large for"),
        (["train", "lenet5", "--lr", "1e39", "--optimizer", "sgd"], "--lr 1e+39 is too large for"),
        (["train", "alexnet", "--lr", "2e19", "--optimizer", "adamw"], "--lr 2e+19 is too large"),
        (["train", "textcnn", "--lr", "1e39"], "--lr 1e+39 is too large for adadelta"),
        (["train", "lenet5", "--lr", "fast"], "--lr: must be a number"),
        (["train", "lenet5", "--seed", "-1"], "--seed: must be at least 0"),
        (["train", "lenet5", "--optimizer", "lion"], "'lion'"),
        (["train", "neocognitron", "--lr", "1"], "takes no --lr"),
        (["train", "textcnn", "--augment"], "textcnn has no augmentation"),
        (["train", "textcnn", "--optimizer", "sgd"], "take one of adadelta, adam"),
        pytest.param(
            ["train", "lenet5", "--device", "cuda"],
            "[cuda] this pycnn was built without it",
            marks=pytest.mark.skipif(
                find_spec("pycnn._cuda") is not None, reason="this pycnn has CUDA"
            ),
        ),
        (["train", "neocognitron", "--device", "cuda_emulated"], "cuda_emulated"),
        (["train", "lenet5", "--threads", "0"], "--threads: must be at least 1"),
        (["train", "lenet5", "--threads", "1000000"], "threads"),
        (["train", "lenet5", "--data", "nowhere"], "nowhere"),
        (["evaluate"], "RUN"),
        (["evaluate", "nowhere"], "No such file or directory: nowhere"),
        (["evaluate", "."], "No model.safetensors in the folder: ."),
        (["predict", "nowhere"], "INPUT"),
        (["predict", "nowhere", "a.png"], "No such file or directory: nowhere"),
        (["report", "nowhere"], "No such file or directory: nowhere"),
        (["plot", "filters", "nowhere"], "No such file or directory: nowhere"),
        (["plot", "learning-curve", "nowhere"], "No such file or directory: nowhere"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], text: str, capsys: Capture) -> None:
    assert text in fails(capsys, *arguments)
    assert list(Path().iterdir()) == []


def test_a_download_that_fails_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def unreachable(*_: object) -> None:
        raise OSError("cannot be downloaded")

    monkeypatch.setattr(datasets, "cifar10", unreachable)
    assert "cannot be downloaded" in fails(capsys, "train", "alexnet_cifar", "--out", "a/b")
    assert not Path("a").exists()


def test_a_training_that_fails_leaves_a_folder_that_was_there(capsys: Capture) -> None:
    Path("runs/other").mkdir(parents=True)
    fails(capsys, "train", "lenet5", "--data", "nowhere", "--out", "runs/new")
    fails(capsys, "train", "lenet5", "--data", "nowhere", "--out", "runs/other")
    assert list(Path("runs").iterdir()) == [Path("runs/other")]


def test_a_run_nearby_is_named(checkpoint: str, capsys: Capture) -> None:
    Path("runs/lenet5").mkdir(parents=True)
    Path(checkpoint).rename("runs/lenet5/model.safetensors")
    text = "No model.safetensors in the folder, but in runs/lenet5: runs\n"
    assert text in fails(capsys, "evaluate", "runs")
    text = "No such file or directory (but there is runs/lenet5): lenet5\n"
    assert text in fails(capsys, "evaluate", "lenet5")


def test_a_damaged_checkpoint_is_one_line(checkpoint: str, capsys: Capture) -> None:
    content = Path(checkpoint).read_bytes()
    Path(checkpoint).write_bytes(content[:1000])
    assert "not a readable safetensors file" in fails(capsys, "evaluate", checkpoint)
    Path(checkpoint).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "corrupt" in fails(capsys, "evaluate", checkpoint)


def rewritten(checkpoint: str, change: Callable[[dict[str, object]], None]) -> None:
    """Change the header of a safetensors file: its length in 8 bytes, JSON, the data."""
    content = Path(checkpoint).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    change(header)
    text = json.dumps(header).encode()
    Path(checkpoint).write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


def with_float64(header: dict[str, object]) -> None:
    header["11.bias"] |= {"dtype": "F64", "shape": [5]}  # type: ignore[operator]


def with_float8(header: dict[str, object]) -> None:
    header["11.bias"] |= {"dtype": "F8_E4M3", "shape": [40]}  # type: ignore[operator]


def with_deep_metadata(header: dict[str, object]) -> None:
    header["__metadata__"] = {"pycnn": "[" * 200_000}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (with_float64, "11.bias must be a float32 array, got float64"),
        (with_float8, "not a readable safetensors file"),
        (with_deep_metadata, "its header cannot be read"),
    ],
)
def test_a_checkpoint_that_lenet_cannot_use_is_one_line(
    change: Callable[[dict[str, object]], None], text: str, checkpoint: str, capsys: Capture
) -> None:
    rewritten(checkpoint, change)
    assert text in fails(capsys, "evaluate", checkpoint)


def test_damaged_data_is_one_line(data: str, checkpoint: str, capsys: Capture) -> None:
    images = Path(data, "t10k-images-idx3-ubyte")
    images.write_bytes(images.read_bytes()[:500])
    assert "t10k-images" in fails(capsys, "evaluate", checkpoint, "--data", data)


def file_in_the_way() -> list[str]:
    Path("file").touch()
    return ["--out", "file"]


def folder_below_a_file() -> list[str]:
    Path("file").touch()
    return ["--out", "file/below"]


def folder_in_place_of_the_checkpoint() -> list[str]:
    Path("out/model.safetensors").mkdir(parents=True)
    return ["--out", "out"]


def folder_in_place_of_the_table() -> list[str]:
    Path("out/history.csv").mkdir(parents=True)
    return ["--out", "out"]


def json_in_no_folder() -> list[str]:
    return ["--json", "nowhere/result.json"]


@pytest.mark.parametrize(
    "arguments",
    [
        file_in_the_way,
        folder_below_a_file,
        folder_in_place_of_the_checkpoint,
        folder_in_place_of_the_table,
        json_in_no_folder,
    ],
)
def test_an_output_that_cannot_be_written_is_seen_before_training(
    arguments: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def too_late(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(datasets, "mnist", too_late)
    text = fails(capsys, "train", "lenet5", *arguments())
    assert ".tmp" not in text
    assert "irectory: " in text or "This is a file, not a folder: file" in text


def test_json_can_go_to_a_pipe(data: str) -> None:
    os.mkfifo("pipe")
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(Path("pipe").read_text()), daemon=True)
    reader.start()
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--json", "pipe"]) == 0
    reader.join(10)
    assert json.loads(received[0])["settings"]["epochs"] == 1


def test_a_disk_that_is_full_in_the_end_leaves_no_half_a_file(data: str) -> None:
    """A limit on the size of files stands for all disks: the checkpoint has 247 KB."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    arguments = ["train", "lenet5", "--data", data, "--epochs", "1", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-c", limit + COMMAND[1], *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "pycnn: warning: [fit] the checkpoint out/training.safetensors could not be written "
        "(File too large): training goes on; on the disk there is none\n"
        "pycnn: error: File too large: out/model.safetensors\n"
    )
    assert not Path("out").exists()


PICTURES = "it holds folders of pictures, which are for alexnet and alexnet_cifar"
IDX = "it holds IDX files, which are for lenet5, lenet5_1998 and neocognitron"


@pytest.mark.parametrize(
    ("model", "kind", "hint"),
    [
        ("lenet5", "pets", PICTURES),
        ("lenet5_1998", "pets", PICTURES),
        ("neocognitron", "split", PICTURES),
        ("textcnn", "pets", PICTURES),
        ("alexnet", "digits", IDX),
        ("alexnet_cifar", "reviews", "it holds rt-polaritydata, which is for textcnn"),
        ("lenet5", "empty", ""),
        ("alexnet_cifar", "one", ""),
    ],
)
def test_data_of_another_network_are_told(
    model: str, kind: str, hint: str, data: str, capsys: Capture
) -> None:
    if kind in ("pets", "split"):
        picture_folder(Path(kind, *(["train"] if kind == "split" else [])), 1)
    Path("empty").mkdir()
    Path("reviews").mkdir()
    Path("reviews/rt-polarity.pos").write_text("good\n")
    picture_folder(Path("one"), 3, classes={"red": (200, 0, 0)})  # at fault, but of the right kind
    text = fails(capsys, "train", model, "--data", data if kind == "digits" else kind)
    assert hint in text
    assert ("this network reads" in text) == bool(hint)
