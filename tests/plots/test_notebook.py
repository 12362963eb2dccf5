"""A notebook without magics, executed by a real kernel: what its cells show."""

from __future__ import annotations

import base64
import re

import pytest
from support.notebooks import Notebook

# Nothing is saved as a file, so the pictures below are shown by the objects themselves.
CELLS = {
    "data": """
import sys, numpy as np, pycnn
rng = np.random.default_rng(0)
data = pycnn.ArrayDataset(
    rng.random((512, 1, 8, 8), np.float32), rng.integers(0, 2, 512), ["a", "<b>"], "toy"
)
data""",
    "model": """
model = pycnn.Sequential(
    pycnn.Conv2d(1, 4, 3, rng=0), pycnn.ReLU(), pycnn.Flatten(), pycnn.Linear(144, 2, rng=1)
)
model""",
    "summary": "model.summary((1, 8, 8))",
    "fit": "history = pycnn.fit(model, data, data[:64], epochs=2)",
    "fit fails": """
def batches():
    yield from [(data.x[:64], data.y[:64])] * 3
    raise OSError("no more data")
class Known(pycnn.DataLoader):
    def __iter__(self):
        return batches()
pycnn._progress.SECONDS_BETWEEN_UPDATES = 0
pycnn.fit(model, Known(data, 64))""",
    "silent": "pycnn.fit(model, data, progress=False);",
    "history": "history",
    "figure": "pycnn.plot.filters(model)",
    "twice": "figure = pycnn.plot.learning_curve(history); display(figure); display(figure)",
    "assigned": "figure = pycnn.plot.feature_maps(model, data.x[0])",
    "animation": "pycnn.plot.convolution_animation(3, 2)",
    "profile": "pycnn.profile(model, data.x[:8], seconds=1e-3)",
    "magic": "%matplotlib inline",
    "figure after the magic": "pycnn.plot.filters(model)",
    "pyplot": "import matplotlib.pyplot as plt; plt.plot([1, 2])\npycnn.plot.filters(model)",
    "no widgets": "import tqdm.notebook; tqdm.notebook.IProgress = None",
    "text": "pycnn.fit(model, data, epochs=2);",
    "text fails": "pycnn.fit(model, Known(data, 64))",
    "resumed": """
import tempfile
file = tempfile.mkdtemp() + "/checkpoint"
pycnn.fit(model, data, checkpoint=file, progress=False)
pycnn.fit(model, data, checkpoint=file, resume=True);""",
    "no matplotlib": "sys.modules['matplotlib.figure'] = None\nhistory",
}
WIDGET = "application/vnd.jupyter.widget-view+json"
EPOCH = r"epoch {}/2: loss \d\.\d{{4}}, accuracy \d+\.\d\d%, .* samples/s"


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    return Notebook(CELLS, tmp_path_factory.mktemp("notebook"))


def text_of(notebook: Notebook, cell: str) -> list[str]:
    return [shown["text/plain"] for shown in notebook.shown(cell)]


def html_of(notebook: Notebook, cell: str) -> str:
    (shown,) = notebook.shown(cell)
    html: str = shown["text/html"]
    return html


def test_nothing_is_written_to_stdout_and_stderr(notebook: Notebook) -> None:
    assert list(notebook.streams()) == []


def test_each_epoch_leaves_one_line_in_the_place_of_its_bar(notebook: Notebook) -> None:
    for cell in ("fit", "text"):
        first, second = text_of(notebook, cell)
        assert re.fullmatch(EPOCH.format(1), first)
        assert re.fullmatch(EPOCH.format(2), second)
        assert all(set(shown) == {"text/plain"} for shown in notebook.shown(cell))
    assert text_of(notebook, "silent") == []
    assert text_of(notebook, "resumed") == ["resumed: all epochs had finished already"]


def test_a_bar_is_a_widget_or_without_ipywidgets_a_text(notebook: Notebook) -> None:
    """A training that fails leaves its bar where it was."""
    (widget,) = notebook.shown("fit fails")
    assert WIDGET in widget
    assert re.match(r"epoch 1/1:   0%\|", widget["text/plain"])
    (text,) = notebook.shown("text fails")
    assert set(text) == {"text/plain"}
    assert re.match(r"epoch 1/1, loss \S+, accuracy \S+%:  38%\|█+\S* +\|", text["text/plain"])


@pytest.mark.parametrize("cell", ["figure", "figure after the magic"])
def test_a_figure_is_shown_once(notebook: Notebook, cell: str) -> None:
    (output,) = notebook.outputs[cell]
    assert output["output_type"] == "execute_result"
    assert set(output["data"]) == {"text/plain", "image/png"}
    assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")


def test_figures_of_pyplot_stay_its_own(notebook: Notebook) -> None:
    assert ["image/png" in shown for shown in notebook.shown("pyplot")] == [True, True]
    assert ["image/png" in shown for shown in notebook.shown("twice")] == [True, True]
    assert notebook.outputs["assigned"] == []


def test_an_animation_plays(notebook: Notebook) -> None:
    html = html_of(notebook, "animation")
    found = re.fullmatch(r'<img src="data:image/gif;base64,(\S+)" alt="3.3 with 2.2 .*">', html)
    assert found is not None
    assert base64.b64decode(found[1]).startswith(b"GIF89a")


def test_a_history_is_a_curve_or_without_matplotlib_a_table(notebook: Notebook) -> None:
    assert html_of(notebook, "history").count('<img src="data:image/png;base64,') == 1
    table = html_of(notebook, "no matplotlib")
    assert "<img" not in table
    assert table.count("<tr>") == 3


def test_models_data_and_profiles_are_shown_as_html(notebook: Notebook) -> None:
    data = html_of(notebook, "data")
    assert data.count("<img ") == data.count("<figcaption>") == 10
    assert "<b>" not in data
    assert "<figcaption>&lt;b&gt;</figcaption>" in data
    assert "330" in html_of(notebook, "model")  # parameters
    assert "FLOP" in html_of(notebook, "summary")
    assert "% peak" in html_of(notebook, "profile")
