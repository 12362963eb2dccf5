"""Names from files are shown as text: a terminal obeys none of them, and pages stay inert."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from support.annotations import wrong
from support.command_line import Capture
from support.dataset_files import cifar_archive, idx_bytes
from support.small_training import small_net

from pycnn import DataLoader, datasets, evaluate, io, layers, models, plot
from pycnn._html import escape
from pycnn._printable import printable
from pycnn.cli import main
from pycnn.data import ArrayDataset
from pycnn.datasets import emnist, idx
from pycnn.datasets.cifar10 import read_archive
from pycnn.plot.render import render
from pycnn.report import write_report
from pycnn.training import EpochRecord, History

# Clears the screen, sets its title, turns the order around, ends a line.
EVIL = "\x1b[2J\x1b]0;t\x07\u202edrow\x00\x85\u2028$\\frac"
ACTS = ("\x1b", "\x07", "\u202e", "\x00", "\x85", "\u2028")


def inert(text: str) -> bool:
    return not any(sign in text for sign in ACTS) and "\\x1b[2J" in text


def test_what_a_terminal_obeys_is_written_as_an_escape() -> None:
    text = printable(EVIL)
    assert inert(text)
    assert text == r"\x1b[2J\x1b]0;t\x07\u202edrow\x00\x85\u2028$\frac"
    assert printable("a\nb\tc", keep="\n") == "a\nb\\tc"
    assert printable("a\udc80\ufeff\U000e0041") == r"a\udc80\ufeff\U000e0041"


@pytest.mark.parametrize(
    "text",
    ["", "cat", "caf\u00e9", "\u732b", "\u0645\u06cc\u200c\u062e", "\U0001f469\u200d\U0001f373"],
)
def test_words_stay_as_they_are(text: str) -> None:
    """Joiners too, without which some scripts and pictures are not whole."""
    assert printable(text) == text


@pytest.fixture
def run(own_folder: None, data: str) -> Path:
    """A run whose every text is hostile."""
    folder = Path("run")
    folder.mkdir()
    model = models.lenet5(rng=0)
    model.metadata = {"classes": [f"{EVIL}<script>{n}" for n in range(10)]}
    io.save(folder / "model.safetensors", model)
    history = History()
    history.stop_reason = f"{EVIL}<script>"
    history.to_json(folder / "history.json")
    settings = {"data": data, f"{EVIL}<b onclick=x>": f"{EVIL}</pre>"}
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


def test_a_class_name_is_printed_as_text(run: Path, capsys: Capture) -> None:
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 13:16] = 255
    name = f"{EVIL[:4]}[2J.png"
    Image.fromarray(digit).save(name)
    assert main(["predict", str(run), name]) == 0
    assert inert(capsys.readouterr().out)


@pytest.mark.parametrize(
    "command",
    [
        ("predict", f"no{EVIL[:4]}.s", "x"),
        ("evaluate", f"no{EVIL[:4]}.s"),
        ("predict", "run", f"no{EVIL[:4]}.png"),
        ("train", "lenet5", "--data", f"no{EVIL[:4]}"),
        ("train", "lenet5", f"--no{EVIL[:4]}"),
        (f"no{EVIL[:4]}",),
    ],
)
def test_names_in_errors_are_printed_as_text(
    run: Path, command: tuple[str, ...], capsys: Capture
) -> None:
    assert main(command) == 2
    err = capsys.readouterr().err
    assert inert(err)
    assert err.count("\n") == 1


def test_names_of_tensors_are_told_as_text(tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_file({EVIL: np.zeros(1, np.float32)}, path)
    with pytest.raises(ValueError, match="unexpected") as info:
        io.load(path, small_net())
    assert inert(str(info.value))
    header = {EVIL: {"dtype": EVIL, "shape": [1], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(ValueError, match="numbers that NumPy lacks") as info:
        io.load(path, small_net())
    assert inert(str(info.value))


def test_many_names_are_not_all_told(tmp_path: Path) -> None:
    path = tmp_path / "m"
    save_file({f"t{n}": np.zeros(1, np.float32) for n in range(1000)}, path)
    with pytest.raises(ValueError, match="and 900 more") as info:
        io.load(path, small_net())
    assert len(str(info.value)) < 2000


def test_names_of_folders_and_pictures_are_told_as_text(tmp_path: Path) -> None:
    safe = EVIL.replace("\x00", "").replace("/", "")
    for name in (safe, "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{safe}.png").write_bytes(b"no picture")
    with (
        pytest.warns(RuntimeWarning, match="skipped") as seen,
        pytest.raises(ValueError, match="no pictures") as info,
    ):
        datasets.ImageFolder(tmp_path, on_error="skip")
    for text in (str(seen[0].message), str(info.value)):
        assert inert(text)


def test_a_summary_shows_names_as_text() -> None:
    net = layers.Sequential({f"\x1b[2J\x07{n}": layers.ReLU() for n in range(2)})
    assert inert(net.summary((1, 1, 4, 4)))


def hostile_folder(place: Path) -> Path:
    folder = place / EVIL.replace("\x00", "").replace("/", "")
    folder.mkdir()
    return folder


def test_paths_in_errors_of_data_sets_are_told_as_text(tmp_path: Path) -> None:
    folder = hostile_folder(tmp_path)
    pixels, none = folder / "x", folder / "none"
    pixels.write_bytes(idx_bytes(np.zeros((2, 3, 3), np.uint8)))
    none.write_bytes(idx_bytes(np.zeros((2, 0, 3), np.uint8)))
    labels = folder / "y"
    labels.write_bytes(idx_bytes(np.array([0, 1, 9], np.uint8)))
    (folder / "emnist-digits-mapping.txt").write_text("x")
    archive = folder / "a"
    archive.write_bytes(cifar_archive({}))
    (folder / "rt-polarity.neg").write_text("a")
    calls: list[Callable[[], object]] = [
        lambda: idx.read_images(none),
        lambda: idx.read_labels(labels, 3),
        lambda: idx.read_pair(pixels, labels, 10),
        lambda: datasets.mnist(folder),
        lambda: datasets.mnist(folder / "no"),
        lambda: emnist.class_names(folder, "digits"),
        lambda: read_archive(archive, 2),
        lambda: datasets.sentence_polarity(folder / "no"),
        lambda: datasets.sentence_polarity(folder),
        lambda: datasets.sentence_polarity(folder, check=False),
    ]
    for call in calls:
        with pytest.raises((ValueError, FileNotFoundError)) as info:
            call()
        assert inert(str(info.value))


def test_names_of_layers_are_told_as_text() -> None:
    net = layers.Sequential({"\x1b[2J": layers.Linear(2, 2)})
    assert inert(repr(net))
    shared = layers.ReLU()
    state = {"\x1b[2J.weight": np.zeros((3, 3), np.float32), "\x1b[2J.bias": np.zeros(2, "f4")}
    calls: list[Callable[[], object]] = [
        lambda: net(np.zeros((1, 3), np.float32)),
        lambda: net.load_state_dict(state),
        lambda: layers.Parallel({"a": shared, "\x1b[2J": shared}),
        lambda: layers.Sequential({"\x1b[2J": wrong(3)}),
        lambda: net.to("\x1b[2J"),
        lambda: models.create("\x1b[2J"),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)) as info:
            call()
        assert inert(str(info.value))


def test_long_arguments_are_not_told_whole() -> None:
    long = "a" * 10**6
    net = layers.Sequential(layers.Linear(2, 2))
    data = ArrayDataset(np.zeros((2, 2), np.float32), np.arange(2))
    calls: list[Callable[[], object]] = [
        lambda: net.to(long),
        lambda: models.create(long),
        lambda: layers.Conv2d(1, 1, 3, padding=long),
        lambda: DataLoader(data, 2, augment=long),  # type: ignore[arg-type]
        lambda: evaluate(net, data, loss=long),  # type: ignore[arg-type]
        lambda: datasets.ImageFolder("x", on_error=long),
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)) as info:
            call()
        assert len(str(info.value)) < 1000


CLASSES = [f"\x1b\x00\u202e{n}$\\f" for n in range(3)]


def one_epoch() -> History:
    history = History()
    history.records = [EpochRecord(1, 0.5, 0.75, None, None, 0.1, 1.0, 9.0)]
    return history


@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot.confusion_matrix(np.arange(3), np.arange(3), CLASSES, title=EVIL),
        lambda: plot.learning_curve(one_epoch(), title=EVIL),
        lambda: plot.architecture(small_net(), (1, 8, 8), title=EVIL),
        lambda: plot.filters(small_net(), title=EVIL),
        lambda: plot.feature_maps(
            small_net(), np.zeros((1, 8, 8), np.float32), classes=[*CLASSES, "d"], title=EVIL
        ),
    ],
)
def test_pictures_show_hostile_names_as_text(draw: Callable[[], object], kind: str) -> None:
    """A control character made an SVG ill-formed, and a dollar sign was a formula."""
    content = render(draw(), kind)  # type: ignore[arg-type]
    if kind == "svg":
        ElementTree.fromstring(content)
        assert not any(sign in content.decode() for sign in ACTS)


def test_a_report_of_hostile_names_stays_inert(run: Path) -> None:
    text = write_report(run).read_text(encoding="utf-8")
    assert not any(sign in text for sign in ACTS)
    assert "<script" not in text
    assert "<b onclick" not in text
    assert "\\x1b[2J" in text
    assert escape('<a href="x">\x1b') == "&lt;a href=&quot;x&quot;&gt;\\x1b"
