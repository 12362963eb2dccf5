"""The command line: what it prints, what it leaves behind, and its exit codes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dataset_files import idx_bytes
from PIL import Image
from toy import same_bits

import pycnn
from pycnn import datasets, io, models
from pycnn.cli import main
from pycnn.cli.predict import read_digit
from pycnn.datasets.idx import read_images
from pycnn.training import evaluate

Capture = pytest.CaptureFixture[str]

# What follows "python": the command, with Ctrl-C at its default even where the tests run in the
# background, which ignores it for all children.
COMMAND = [
    "-c",
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from pycnn.cli import main; sys.exit(main())",
]


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    # Output is buffered, as users have it: what is left of it can fail when Python exits.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    return subprocess.Popen([sys.executable, *COMMAND, *arguments], **pipes | options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MNIST's format, 300 training and 100 test images: a bright row tells the digit."""
    folder = tmp_path_factory.mktemp("idx")
    rng = np.random.default_rng(0)
    for split, n in (("train", 300), ("t10k", 100)):
        labels = rng.integers(0, 10, n).astype(np.uint8)
        images = rng.integers(0, 60, (n, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 + 2 * label : 5 + 2 * label] = 255
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return str(folder)


@pytest.fixture
def checkpoint() -> str:
    io.save("checkpoint.safetensors", models.lenet5(rng=0))
    return "checkpoint.safetensors"


def fails(capsys: Capture, *arguments: str) -> str:
    """Run a command that must fail for its arguments: gives its one line of explanation."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pycnn: error: ")
    assert err.count("\n") == 1
    return err


# train ---------------------------------------------------------------------------------------


def test_train_leaves_everything_in_its_folder(data: str, capsys: Capture) -> None:
    code = main(
        ["train", "lenet5", "--data", data, "--epochs", "4", "--batch-size", "20", "--out", "o/p",
         "--json", "result.json"]
    )  # fmt: skip
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == (
        "lenet5: 61,706 parameters, 300 training and 100 test images, "
        f"threads: {pycnn.get_num_threads()}"
    )
    assert [line.partition(":")[0] for line in lines[1:5]] == [f"epoch {i}/4" for i in range(1, 5)]
    assert lines[5].startswith("test accuracy ")
    assert "images/s); saved to o/p" in lines[5]
    assert {path.name for path in Path("o/p").iterdir()} == {
        "model.safetensors", "history.csv", "history.json", "learning_curve.png"
    }  # fmt: skip

    history = json.loads(Path("o/p/history.json").read_text())
    with open("o/p/history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss"]) for row in rows] == [e["loss"] for e in history["epochs"]]
    result = json.loads(Path("result.json").read_text())
    assert result["settings"] == {
        "model": "lenet5", "epochs": 4, "batch_size": 20, "optimizer": "adam", "lr": 0.003,
        "seed": 0, "threads": pycnn.get_num_threads(),
    }  # fmt: skip
    assert result["history"] == history
    accuracy = result["results"]["test_accuracy"]
    assert f"test accuracy {accuracy:.2%} after" in out
    with Image.open("o/p/learning_curve.png") as picture:
        assert picture.size == (1080, 432)

    model = io.load_model("o/p/model.safetensors")
    assert evaluate(model, datasets.mnist(data)[1]).accuracy == accuracy
    assert main(["evaluate", "o/p/model.safetensors", "--data", data]) == 0
    assert f"test accuracy {accuracy:.2%}, loss" in capsys.readouterr().out


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_train_repeats_from_its_seed(data: str, optimizer: str, capsys: Capture) -> None:
    arguments = ["train", "lenet5", "--data", data, "--epochs", "1", "--optimizer", optimizer]
    files = []
    for seed in ("7", "7", "8"):
        assert main([*arguments, "--seed", seed]) == 0
        files.append(Path("runs/lenet5/model.safetensors").read_bytes())
    assert files[0] == files[1]
    assert files[0] != files[2]
    assert "test accuracy" in capsys.readouterr().out


def test_train_and_evaluate_take_the_number_of_classes_from_the_data(
    data: str, capsys: Capture
) -> None:
    labels = Path(data, "train-labels-idx1-ubyte")
    labels.write_bytes(labels.read_bytes()[:-1] + bytes([26]))  # as in EMNIST's letters
    assert main(["train", "lenet5", "--data", data, "--epochs", "1"]) == 0
    assert main(["evaluate", "runs/lenet5/model.safetensors", "--data", data]) == 0
    assert "63,151 parameters" in capsys.readouterr().out


def test_train_without_a_working_matplotlib(
    data: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert main(["train", "lenet5", "--data", data, "--epochs", "1"]) == 0
    out, err = capsys.readouterr()
    assert "no learning_curve.png: " in out
    assert err == ""
    assert not Path("runs/lenet5/learning_curve.png").exists()
    assert Path("runs/lenet5/history.csv").exists()


def test_train_sets_the_threads(data: str, restore_threads: None) -> None:
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--threads", "1"]) == 0
    assert pycnn.get_num_threads() == 1


def test_training_that_diverges_is_reported_and_saved(data: str, capsys: Capture) -> None:
    code = main(["train", "lenet5", "--data", data, "--optimizer", "sgd", "--lr", "1e20"])
    out, err = capsys.readouterr()
    assert code == 1
    assert err.startswith("pycnn: error: training stopped: epoch 1, step ")
    assert err.count("\n") == 1
    assert "saved to runs/lenet5" in out
    state = io.load_model("runs/lenet5/model.safetensors").state_dict()
    assert all(np.isfinite(array).all() for array in state.values())


def test_ctrl_c_leaves_a_usable_checkpoint(data: str) -> None:
    with start(
        "train", "lenet5", "--data", data, "--epochs", "100000", "--json", "result.json"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 2/"):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == ""
    assert "interrupted in epoch" in out
    assert "saved to runs/lenet5" in out
    model = io.load_model("runs/lenet5/model.safetensors")
    assert not same_bits(model.state_dict(), models.lenet5(rng=0).state_dict())
    history = json.loads(Path("runs/lenet5/history.json").read_text())
    assert history["interrupted"] is True
    assert len(history["epochs"]) >= 2
    assert json.loads(Path("result.json").read_text())["history"] == history


def test_ctrl_c_before_training_is_quiet(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "mnist", interrupted)
    assert main(["train", "lenet5"]) == 130
    assert capsys.readouterr() == ("", "")


# predict -------------------------------------------------------------------------------------


def picture(path: str, size: int = 28, mode: str = "L") -> np.ndarray:
    """Save a light stroke on black, placed as in MNIST; gives the pixels of MNIST's size."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:17] = 250
    Image.fromarray(pixels).resize((size, size), Image.Resampling.NEAREST).convert(mode).save(path)
    return pixels


def test_pictures_become_digits_of_mnist() -> None:
    pixels = picture("plain.png")
    np.testing.assert_array_equal(read_digit("plain.png"), pixels)
    picture("large.png", size=112, mode="RGB")
    np.testing.assert_array_equal(read_digit("large.png"), pixels)
    picture("indexed.png", mode="P")
    np.testing.assert_array_equal(read_digit("indexed.png"), pixels)
    Image.fromarray(255 - pixels).save("inverted.png")
    np.testing.assert_array_equal(read_digit("inverted.png"), pixels)
    ink = np.zeros((28, 28, 4), np.uint8)  # black ink on a transparent ground
    ink[..., 3] = pixels
    Image.fromarray(ink).save("transparent.png")
    np.testing.assert_array_equal(read_digit("transparent.png"), pixels)
    deep = Image.fromarray(pixels.astype(np.uint16) * 257)
    deep.save("deep.png")
    np.testing.assert_array_equal(read_digit("deep.png"), pixels)
    Image.fromarray(pixels.astype(np.int32) * 1000).save("deeper.tiff")  # beyond 16 bits
    np.testing.assert_array_equal(read_digit("deeper.tiff"), np.where(pixels, 255, 0))


def test_a_digit_keeps_its_proportions_wherever_it_stands() -> None:
    pixels = picture("plain.png")
    wide = np.zeros((60, 300), np.uint8)
    wide[10:50, 20:30] = 250  # twice the size, in a corner
    Image.fromarray(wide).save("wide.png")
    np.testing.assert_array_equal(read_digit("wide.png"), pixels)
    tiny = np.zeros((9, 9), np.uint8)
    tiny[1, 1] = 200
    Image.fromarray(tiny).save("tiny.png")
    assert np.count_nonzero(read_digit("tiny.png")) == 400


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Train LeNet-5 for 400 steps: 96 % on the test images."""
    model = models.lenet5(rng=0)
    pycnn.fit(model, datasets.mnist()[0][:25600], seed=0)
    path = str(tmp_path_factory.mktemp("trained") / "model.safetensors")
    io.save(path, model)
    return path


def test_predict_knows_the_digits_of_mnist_in_any_form(trained: str, capsys: Capture) -> None:
    folder = Path(datasets.__file__).parent / "mnist_data"
    images = read_images(folder / "t10k-images-idx3-ubyte.gz")[:10, 0]
    names = []
    for index, image in enumerate(images):
        large = np.kron(image, np.ones((3, 3), np.uint8))
        on_paper = 255 - np.pad(large, ((0, 40), (100, 0)))
        for form, pixels in (("as-is", image), ("large", large), ("paper", on_paper)):
            names.append(f"{index}-{form}.png")
            Image.fromarray(pixels).save(names[-1])
    assert main(["predict", trained, *names]) == 0
    answers = [line.split()[1] for line in capsys.readouterr().out.splitlines()]
    labels = datasets.mnist()[1].y[:10]
    assert answers == [str(label) for label in labels for _ in range(3)]


def test_predict_prints_a_digit_for_each_picture(checkpoint: str, capsys: Capture) -> None:
    pixels = picture("a.png")
    picture("b.png", size=56)
    assert main(["predict", checkpoint, "a.png", "b.png"]) == 0
    lines = capsys.readouterr().out.splitlines()
    x = ((pixels / 255 - 0.1307) / 0.3081).astype(np.float32)[np.newaxis, np.newaxis]
    p = pycnn.ops.softmax(pycnn.predict(models.lenet5(rng=0), x))[0]
    assert lines == [f"{name}: {p.argmax()} ({p.max():.2%})" for name in ("a.png", "b.png")]


def test_predict_with_pictures_that_are_none(checkpoint: str, capsys: Capture) -> None:
    picture("good.png")
    assert "No such file or directory: none.png" in fails(
        capsys, "predict", checkpoint, "good.png", "none.png"
    )
    Image.new("L", (30, 30), 255).save("blank.png")
    assert "blank.png shows no digit" in fails(capsys, "predict", checkpoint, "blank.png")
    Path("text.png").write_text("hello")
    assert "text.png is not a readable picture" in fails(capsys, "predict", checkpoint, "text.png")
    Path("cut.png").write_bytes(Path("good.png").read_bytes()[:60])
    assert "cut.png is not a readable picture" in fails(capsys, "predict", checkpoint, "cut.png")


def test_predict_without_pillow(
    checkpoint: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "pip install 'pycnn[plot]'" in fails(capsys, "predict", checkpoint, "a.png")


# info, help, version -------------------------------------------------------------------------


def test_info_version_and_help(capsys: Capture) -> None:
    assert main(["info"]) == 0
    assert pycnn.show_config()["isa"] in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pycnn {pycnn.__version__}\n"
    assert main(["train", "--help"]) == 0
    assert "--batch-size" in capsys.readouterr().out


def test_python_m_pycnn() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pycnn", "train"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("pycnn: error: ")


@pytest.mark.parametrize(("name", "value"), [("PYCNN_ISA", "foo"), ("PYCNN_NUM_THREADS", "0")])
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


# Wrong arguments and files -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["info", "a\nb"], "a b"),
        (["train"], "MODEL"),
        (["train", "alexnet"], "'alexnet'"),
        (["train", "lenet5", "--speed", "9"], "--speed 9"),
        (["train", "lenet5", "--epoch", "9"], "--epoch 9"),
        (["train", "lenet5", "--epochs", "0"], "--epochs: must be at least 1"),
        (["train", "lenet5", "--epochs", "1.5"], "--epochs: must be a whole number"),
        (["train", "lenet5", "--batch-size", "-3"], "--batch-size: must be at least 1"),
        (["train", "lenet5", "--lr", "nan"], "--lr: must be finite and above 0"),
        (["train", "lenet5", "--lr", "fast"], "--lr: must be a number"),
        (["train", "lenet5", "--seed", "-1"], "--seed: must be at least 0"),
        (["train", "lenet5", "--optimizer", "lion"], "'lion'"),
        (["train", "lenet5", "--threads", "0"], "--threads: must be at least 1"),
        (["train", "lenet5", "--threads", "1000000"], "threads"),
        (["train", "lenet5", "--data", "nowhere"], "nowhere"),
        (["evaluate"], "CHECKPOINT"),
        (["evaluate", "nowhere"], "No such file or directory: nowhere"),
        (["evaluate", "."], "Is a directory: ."),
        (["predict", "nowhere"], "IMAGE"),
    ],
)
def test_wrong_arguments_are_one_line(arguments: list[str], text: str, capsys: Capture) -> None:
    assert text in fails(capsys, *arguments)


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


def json_in_no_folder() -> list[str]:
    return ["--json", "nowhere/result.json"]


@pytest.mark.parametrize(
    "arguments",
    [file_in_the_way, folder_below_a_file, folder_in_place_of_the_checkpoint, json_in_no_folder],
)
def test_an_output_that_cannot_be_written_is_seen_before_training(
    arguments: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def too_late(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(datasets, "mnist", too_late)
    text = fails(capsys, "train", "lenet5", *arguments())
    assert ".tmp" not in text
    assert "irectory: " in text or "File exists: file" in text


def test_json_can_go_to_a_pipe(data: str) -> None:
    os.mkfifo("pipe")
    received: list[str] = []
    reader = threading.Thread(target=lambda: received.append(Path("pipe").read_text()), daemon=True)
    reader.start()
    assert main(["train", "lenet5", "--data", data, "--epochs", "1", "--json", "pipe"]) == 0
    reader.join(10)
    assert json.loads(received[0])["settings"]["epochs"] == 1


def test_a_disk_that_is_full_in_the_end_leaves_no_half_a_file(data: str) -> None:
    """A limit on the size of files stands for the disk: the checkpoint has 247 KB."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    arguments = ["train", "lenet5", "--data", data, "--epochs", "1", "--out", "out"]
    done = subprocess.run(
        [sys.executable, "-c", limit + COMMAND[1], *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "pycnn: error: File too large: out/model.safetensors\n"
    assert list(Path("out").iterdir()) == []


# Standard output that goes away --------------------------------------------------------------


def test_a_reader_that_leaves_ends_the_command_quietly(data: str) -> None:
    with start("train", "lenet5", "--data", data, "--epochs", "100000") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 141


def test_a_full_device_as_standard_output_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    with open("/dev/full", "w") as full, start("info", stdout=full) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "pycnn: error: No space left on device\n"


def test_no_reader_at_all() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with start("info", stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 141
    assert err == ""
