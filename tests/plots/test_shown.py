"""What objects show in a notebook, as text and as HTML, whatever their names and numbers are."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.small_training import blobs, small_net

import pycnn
from pycnn import Module, augment, optim, training
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MAPLoss, MSELoss, NLLLoss
from pycnn.text import SentenceDataset
from pycnn.training import History
from pycnn.training.history import EpochRecord
from pycnn.training.same import describe

WEIGHTS = np.ones(3, np.float32)
HOSTILE = "<script>alert('x')</script>\x1b"


def history(epochs: int, loss: float = 0.5) -> History:
    one = History()
    one.records = [EpochRecord(n + 1, loss, None, None, None, 0.1, 1.0, 9.0) for n in range(epochs)]
    return one


class Tags(HTMLParser):
    """The tags of a piece of HTML, which must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def html_of(value: Any) -> str:
    html: str = value._repr_html_()
    assert "script" not in Tags(html).seen
    assert "\x1b" not in html
    return html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MSELoss(), "MSELoss()"),
        (MAPLoss(j=0.5, reduction="sum"), "MAPLoss(j=0.5, reduction='sum')"),
        (NLLLoss(ignore_index=0), "NLLLoss(ignore_index=0)"),
        (
            CrossEntropyLoss(WEIGHTS, label_smoothing=0.1),
            "CrossEntropyLoss(weight=<ndarray (3,)>, label_smoothing=0.1)",
        ),
        (BCEWithLogitsLoss(pos_weight=WEIGHTS), "BCEWithLogitsLoss(pos_weight=<ndarray (3,)>)"),
        (
            optim.SGD(small_net().parameters(), 0.1, momentum=0.9),
            "SGD(<4 parameters, 300 numbers>, lr=0.1, momentum=0.9, dampening=0.0, "
            "weight_decay=0.0, nesterov=False)",
        ),
        (optim.Constant(0.1), "Constant(lr=0.1)"),
        (training.EarlyStopping(), "EarlyStopping()"),
        (
            training.EarlyStopping("loss", 3, min_delta=0.1, restore_best=False),
            "EarlyStopping(monitor='loss', patience=3, min_delta=0.1, restore_best=False)",
        ),
        (
            training.BestCheckpoint(Path("best.safetensors"), "accuracy"),
            "BestCheckpoint(path='best.safetensors', monitor='accuracy')",
        ),
        (training.CSVLog("log.csv"), "CSVLog(path='log.csv')"),
        (training.TerminateOnNaN(), "TerminateOnNaN()"),
        (
            training.MaxNorm(pycnn.Linear(3, 2).weight, 3.0),
            "MaxNorm(parameters=[<Parameter (2, 3)>], limit=3.0)",
        ),
        (
            pycnn.DataLoader(blobs(4), 2, seed=0, augment=np.flip),  # type: ignore[arg-type]
            "DataLoader(data=ArrayDataset('blobs', 4 samples of shape (1, 8, 8)), batch_size=2, "
            "seed=0, augment=flip)",
        ),
        (augment.RandomCrop(28), "RandomCrop((28, 28), padding=(0, 0))"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_repr_reads_like_the_call(value: object, text: str) -> None:
    assert repr(value) == text


def test_objects_of_ones_own_are_described_whatever_they_hold() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("not comparable")

        __hash__ = None  # type: ignore[assignment]

        def __repr__(self) -> str:
            return HOSTILE

    class Own(training.Callback):
        def __init__(self, odd: Any, rows: Any = 1, *rest: Any, lost: int = 0, **more: Any) -> None:
            self.odd, self.rows, self.rest, self.more = odd, rows, rest, more

    text = "Own(odd=<script>alert('x')</script>\\x1b, rows=[1, 2, 3, ...])"
    assert repr(Own(Odd(), [1, 2, 3, 4], 5, lost=7, six=6)) == text
    own = Own(None)
    own.odd = own
    assert repr(own).startswith("Own(odd=")


def test_a_checkpoint_compares_all_arguments_as_it_did() -> None:
    """A repr leaves the defaults out; a checkpoint of an earlier version has them."""
    assert describe(NLLLoss()) == "NLLLoss(weight=None, ignore_index=-100, reduction='mean')"
    assert describe(MSELoss()) == "MSELoss(reduction='mean')"
    text = "CrossEntropyLoss(weight=None, ignore_index=-100, reduction='mean', label_smoothing=0.0)"
    assert describe(CrossEntropyLoss()) == text


def test_a_model_is_a_table_of_its_layers() -> None:
    class Own(Module):
        def __init__(self) -> None:
            self.first = pycnn.Linear(2, 2)
            self.scale = pycnn.Parameter(np.ones(3, np.float32))

        def forward(self, x: Any) -> Any:
            return x

        def backward(self, dy: Any) -> Any:
            return dy

        def __repr__(self) -> str:
            return HOSTILE

    html = html_of(pycnn.Sequential(Own(), pycnn.ReLU()))
    cells = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td>', html)
    assert cells == [
        ("0.first", "Linear(2, 2)", "6"), ("0", "Own", "3"), ("1", "ReLU()", "-"),
        ("total", "", "9"),
    ]  # fmt: skip
    assert "total" in html_of(pycnn.Sequential())
    shown = html_of(pycnn.Sequential(pycnn.ReLU()).summary((2,)))
    assert shown.startswith("<pre>layer")


def test_a_history_of_any_numbers_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = history(2, loss=float("nan"))
    stopped.stop_reason = HOSTILE
    for one in (history(1), history(30, loss=1e38), stopped):
        assert Tags(html_of(one)).seen.count("img") == 1
    assert "stopped: &lt;script&gt;" in html_of(stopped)
    stopped.records, stopped.interrupted = [], True
    assert "no finished epoch" in html_of(stopped)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    html = html_of(history(30))
    assert Tags(html).seen.count("tr") == 21
    assert "the last 20 of 30 epochs" in html
    assert "accuracy" not in html  # nothing has one


def test_a_profile_has_a_row_for_each_layer() -> None:
    profile = pycnn.profile(small_net(), np.ones((2, 1, 8, 8), np.float32), seconds=1e-3)
    html = html_of(profile)
    assert html.count("<tr>") == len(profile.layers) + 3
    assert html.count("<td>") == 9 * (len(profile.layers) + 2)
    for cell in re.findall(r"<td>([^<]+)</td>", html):
        assert cell in str(profile)


@pytest.mark.parametrize(
    ("x", "tags"),
    [
        (np.ones((12, 1, 4, 4), np.float32), {"img": 10, "figcaption": 10}),
        (np.ones((2, 3, 400, 20), np.float32), {"img": 2}),
        (np.full((2, 2, 4, 4), np.nan, np.float32), {"img": 2}),
        (np.ones((12, 20), np.float32), {"tr": 11, "img": 0}),
        (np.ones((2, 5), np.int64), {"tr": 3, "img": 0}),
        (np.ones((3,), np.float32), {"tr": 4}),
        (np.ones((0, 1, 4, 4), np.float32), {"p": 1, "img": 0, "table": 0}),
        (np.ones((2, 1, 0, 4), np.float32), {"img": 0}),
    ],
)
def test_a_data_set_shows_its_first_samples(x: Any, tags: dict[str, int]) -> None:
    y = np.arange(len(x), dtype=np.int64) - 1
    html = html_of(pycnn.ArrayDataset(x, y, ["&", HOSTILE], HOSTILE))
    seen = Tags(html).seen
    assert {tag: seen.count(tag) for tag in tags} == tags
    sizes = [int(side) for side in re.findall(r'(?:width|height)="(\d+)"', html)]
    assert max(sizes, default=0) <= 128


def test_pictures_and_sentences_of_files_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("<i>", "j"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 30), "red").save(tmp_path / name / "a.png")
    folder = pycnn.datasets.ImageFolder(tmp_path, size=32)
    html = html_of(folder)
    assert Tags(html).seen.count("img") == 2
    assert "<figcaption>&lt;i&gt;</figcaption>" in html
    monkeypatch.setitem(sys.modules, "PIL", None)
    assert "<img" not in html_of(blobs(4))
    monkeypatch.undo()
    (tmp_path / "<i>" / "a.png").write_bytes(b"broken")
    assert Tags(html_of(folder)).seen == ["p"]
    texts = SentenceDataset(["a good film", HOSTILE], np.array([1, 0]), ("no", "yes"))
    assert "<td>a good film</td>" in html_of(texts)
