"""Standard streams as daemons, pipes, notebooks and old terminals have them."""

from __future__ import annotations

import errno
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import COMMAND, Capture
from support.dataset_files import picture_folder
from support.small_training import blobs, same_bits, small_net, snapshot

import pycnn
from pycnn import _streams
from pycnn._progress import ProgressBar
from pycnn.cli import main
from pycnn.training import fit, self_organize

pytestmark = pytest.mark.usefixtures("own_folder")


class Broken(io.StringIO):
    """A terminal that goes away after some calls of write or flush."""

    def __init__(self, calls: int, error: Exception, *, terminal: bool = True) -> None:
        super().__init__()
        self.calls, self.error, self.terminal = calls, error, terminal

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self._count()
        return super().write(text)

    def flush(self) -> None:
        self._count()

    def _count(self) -> None:
        self.calls -= 1
        if self.calls < 0:
            raise self.error


class Mute:
    """A stream with nothing but write, such as loggers put in place of stderr."""

    def write(self, text: str) -> int:
        return len(text)


class Unsure(Mute):
    def isatty(self) -> bool:
        raise RuntimeError("no idea")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


STREAMS: dict[str, Callable[[], object]] = {
    "none": lambda: None,
    "closed": closed,
    "mute": Mute,
    "unsure": Unsure,
    "in memory": io.StringIO,
    "gone at once": lambda: Broken(0, BrokenPipeError(errno.EPIPE, "Broken pipe")),
    "gone later": lambda: Broken(9, BrokenPipeError(errno.EPIPE, "Broken pipe")),
    "full": lambda: Broken(5, BlockingIOError(errno.EAGAIN, "would block")),
    "no space": lambda: Broken(7, OSError(errno.ENOSPC, "No space left on device")),
    "closed later": lambda: Broken(6, ValueError("I/O operation on closed file")),
    "narrow": lambda: Broken(4, UnicodeEncodeError("ascii", "█", 0, 1, "not in range")),
}


@pytest.mark.parametrize("name", STREAMS)
def test_fit_with_its_defaults_needs_no_stderr(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected, model = small_net(), small_net()
    fit(expected, blobs(200), blobs(32), epochs=2, batch_size=8, progress=False)
    monkeypatch.setattr("pycnn._progress.SECONDS_BETWEEN_UPDATES", 0.0)
    monkeypatch.setattr(sys, "stderr", STREAMS[name]())
    history = fit(model, blobs(200), blobs(32), epochs=2, batch_size=8)
    assert len(history) == 2
    assert same_bits(snapshot(model), snapshot(expected))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_self_organization_needs_none_either(
    stream: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, stream, STREAMS[name]())
    model = pycnn.models.neocognitron(2, size=16, planes=(2, 2, 2), rng=0)
    ones = pycnn.ArrayDataset(np.ones((3, 1, 16, 16), np.float32), np.zeros(3, np.int64))
    self_organize(model, ones, 2)


def test_a_warning_that_stderr_cannot_take_ends_no_training() -> None:
    code = """
import numpy as np, sys, pycnn
data = pycnn.ArrayDataset(np.ones((4, 3), "f4"), np.zeros(4, "i8"))
for close in (lambda: sys.stderr.close(), lambda: setattr(sys, "stderr", None)):
    close()
    model = pycnn.Sequential(pycnn.Linear(3, 2, rng=0), pycnn.Softmax())
    assert len(pycnn.fit(model, data)) == 1  # which warns of the Softmax
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "done\n")


@pytest.mark.parametrize("failing", ["__init__", "update", "set_description_str", "clear"])
def test_failures_of_tqdm_itself_end_the_bar_alone(
    failing: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tqdm.auto import tqdm

    def fail(*_: object, **__: object) -> None:
        raise ImportError("IProgress not found")

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(tqdm, failing, fail)
    bar = ProgressBar("epoch", 9, True)
    bar.update(3)
    bar.clear()
    bar.finish("done")
    bar.close()
    monkeypatch.undo()
    assert len(fit(small_net(), blobs(64))) == 1


def test_a_warning_names_the_line_of_the_user() -> None:
    with pytest.warns(RuntimeWarning, match="look here") as caught:
        _streams.warn("look here")
    assert caught[0].filename == __file__


# The command ---------------------------------------------------------------------------------


def shell(redirections: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell with redirections such as ``2>&-``."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, *COMMAND, *arguments],
        capture_output=True, encoding="utf-8", errors="surrogateescape", check=False,
        env=os.environ | variables,
    )  # fmt: skip


def test_training_with_closed_streams_is_a_training(data: str, undrawn: None) -> None:
    command = ["train", "lenet5", "--data", data, "--epochs", "1"]
    assert main([*command, "--out", "expected"]) == 0
    expected = Path("expected/model.safetensors").read_bytes()
    for redirections in ("2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>/dev/full"):
        done = shell(redirections, *command, "--out", redirections.replace("/", "_"))
        assert (done.returncode, done.stderr) == (0, ""), redirections
        assert ("test accuracy" in done.stdout) == (">&-" not in redirections.split())
        trained = Path(redirections.replace("/", "_"), "model.safetensors")
        assert trained.read_bytes() == expected, redirections


def test_a_closed_stderr_does_not_put_errors_on_stdout() -> None:
    done = shell("2>&-", "evaluate", "nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_command_in_a_process_whose_streams_are_closed(
    stream: str, data: str, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for make in (closed, lambda: None):
        gone = make()
        monkeypatch.setattr(sys, stream, gone)
        assert main(["train", "lenet5", "--data", data, "--epochs", "1"]) == 0
        assert main(["evaluate", "runs/lenet5"]) == 0
        assert main(["evaluate", "nowhere"]) == 2
        assert getattr(sys, stream) is gone


def test_a_log_on_a_full_disk_does_not_cost_the_training(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    full = Broken(3, OSError(errno.ENOSPC, "No space left on device"), terminal=False)
    monkeypatch.setattr(sys, "stdout", full)
    assert main(["train", "lenet5", "--data", data, "--epochs", "3"]) == 0
    assert Path("runs/lenet5/model.safetensors").exists()
    assert capsys.readouterr().err.splitlines() == [
        "pycnn: warning: [train] standard output cannot be written: No space left on device",
    ]


# Letters that an encoding lacks --------------------------------------------------------------

# A name with letters that ASCII and Latin-1 lack, and with a byte that is not UTF-8.
NAME = os.fsdecode("猫é".encode() + b"\xff")


# The first of the commands, which take no time.
QUICK = 11


def commands(data: str) -> list[tuple[list[str], int]]:
    """Return uses of every command whose words hold such letters, with their exit codes."""
    return [
        (["train", "lenet5", "--data", data, "--epochs", "1", "--out", NAME], 0),
        (["train", NAME], 2),
        (["train", "lenet5", "--data", NAME], 2),
        (["evaluate", NAME], 0),
        (["evaluate", NAME, "--data", f"no{NAME}"], 2),
        (["predict", NAME, f"{NAME}.png"], 0),
        (["predict", NAME, f"no{NAME}.png"], 2),
        (["plot", "filters", NAME, "--out", f"{NAME}.svg"], 0),
        (["plot", "filters", NAME, "--out", f"{NAME}.txt"], 2),
        (["info", NAME], 2),
        (["info"], 0),
        (["report", NAME], 0),
        (["train", "alexnet_cifar", "--data", "pets", "--epochs", "1", "--skip-broken",
          "--batch-size", "8", "--out", "pets-run"], 0),
        (["predict", "pets-run", *map(str, sorted(Path("pets").glob("*/0.png")))], 0),
        (["evaluate", "pets-run", "--skip-broken"], 0),
    ]  # fmt: skip


def prepared() -> None:
    """Make a picture of that name, and folders of classes whose names end in it."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:17] = 250
    Image.fromarray(pixels).save(f"{NAME}.png")
    picture_folder(Path("pets"), 10)
    for place in list(Path("pets").iterdir()):
        (place / f"broken{NAME}.png").write_bytes(b"no picture")
        place.rename(place.with_name(f"{place.name}{NAME}"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_every_command_prints_letters_that_the_encoding_lacks(
    encoding: str, data: str, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared()
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    chosen = commands(data)[: None if encoding == "ascii" else QUICK]
    codes = [(arguments, main(arguments), code) for arguments, code in chosen]
    printed = ""
    for stream in streams.values():
        assert stream.errors == "strict"  # as before
        stream.flush()
        printed += stream.buffer.getvalue().decode(encoding)
    assert [arguments for arguments, code, expected in codes if code != expected] == [], printed
    assert "codec" not in printed
    if encoding == "ascii":
        assert re.search(r"warning: \[ImageFolder\] skipped: .*broken", printed)
    assert {"ascii": r"\u732b\xe9\udcff", "latin-1": r"\u732bé\udcff", "utf-8": r"猫é\udcff"}[
        encoding
    ] in printed


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=["ascii", "C"],
)
def test_predict_in_a_process_with_another_encoding(
    variables: dict[str, str], checkpoint: str
) -> None:
    prepared()
    done = shell("", "predict", checkpoint, f"{NAME}.png", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r": \d \(", done.stdout)
    done = shell("", "evaluate", NAME, **variables)
    assert done.returncode == 2
    assert done.stderr.startswith("pycnn: error: No such file or directory")


def test_a_sentence_of_other_letters_is_printed_with_an_ascii_terminal() -> None:
    model = pycnn.models.textcnn(["<pad>", "<unk>", "good"], 2, dim=8, filters=2, rng=0)
    model.metadata = {**model.metadata, "classes": ["schön", "öde"]}
    pycnn.save("text.safetensors", model)
    done = shell("", "predict", "text.safetensors", "good naïve 猫", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(r"good na\\xefve \\u732b: (sch\\xf6n|\\xf6de) \(", done.stdout)
