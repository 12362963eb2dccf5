"""The report of each kind of network: sentences, photographs, distances for outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture
from support.html_page import Page, pictures
from support.pictures import svg_root

from pycnn import datasets, io, models, text
from pycnn.cli import main
from pycnn.models import create
from pycnn.report import Run, write_report
from pycnn.report.ngrams import clearest_filters, clearest_ngrams

pytestmark = pytest.mark.usefixtures("own_folder")


@pytest.fixture
def text_run(tmp_path: Path) -> Path:
    """A small text network that was not trained, with the words of some reviews."""
    train, _ = datasets.movie_reviews()
    words = text.Vocabulary.build(train.texts[:300]).words
    model = models.textcnn(words, dim=6, filters=5, widths=(2, 3), rng=0)
    model.metadata = {**model.metadata, "classes": ["negative", "positive"]}
    io.save(tmp_path / "model.safetensors", model)
    return tmp_path


def test_sentences_have_ngrams_and_misunderstood_sentences(text_run: Path, capsys: Capture) -> None:
    found = Page(write_report(text_run).read_text(encoding="utf-8"))
    # Confusion, n-grams, architecture.
    assert [kind for kind, _ in pictures(found)] == ["svg+xml"] * 3
    run = Run(text_run)
    assert run.sentences is not None
    guesses = run.probabilities.argmax(1)
    wrong = np.flatnonzero(guesses != run.test.y)
    surest = wrong[np.argmax(run.probabilities[wrong].max(1))]
    lines = found.text.split("\n")
    row = lines.index(run.sentences.texts[surest])
    assert lines[row + 1 : row + 3] == [
        run.classes[run.test.y[surest]], run.classes[guesses[surest]]
    ]  # fmt: skip
    assert f"The surest 20 of {len(wrong)} mistakes" in lines
    assert main(["plot", "ngrams", str(text_run), "--filters", "2", "--out", "a.svg"]) == 0
    svg_root(Path("a.svg"))
    capsys.readouterr()
    assert main(["plot", "feature-maps", str(text_run)]) == 2
    assert "textcnn does not take images" in capsys.readouterr().err


def test_the_ngrams_are_those_of_the_filters_that_speak_most_clearly(text_run: Path) -> None:
    weight = np.array([[3, 0, 1, 9, 5], [1, 2, 1, 0, 0]], np.float32)
    assert clearest_filters(weight, 4) == [3, 4, 1]
    assert clearest_filters(weight, 1) == [3, 1]
    assert clearest_filters(weight[:1], 2) == [3, 4]
    run = Run(text_run)
    assert run.sentences is not None
    top = clearest_ngrams(run.model, run.sentences, run.classes, filters=2, count=3)
    assert {name.split(":")[0] for name in top} == {"negative", "positive"}
    for name, grams in top.items():
        width = 2 if "2 words" in name else 3
        assert all(len(gram.split(" ")) == width for gram, _ in grams)
        assert [value for _, value in grams] == sorted((v for _, v in grams), reverse=True)


def test_photographs_have_coloured_filters(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("cats & co", "dogs"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(5):
            pixels = rng.integers(0, 256, (32, 36, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    model = create("alexnet_cifar", classes=2, rng=0)
    model.metadata = {"classes": ["cats & co", "dogs"]}
    io.save("model.safetensors", model)
    path = write_report("model.safetensors", data=str(tmp_path / "pets"))
    assert path == Path("report.html")
    found = Page(path.read_text(encoding="utf-8"))
    assert [kind for kind, _ in pictures(found)] == ["svg+xml", "png", "png", "png", "svg+xml"]
    assert any("whose class is cats & co" in image["alt"] for image in found.all("img"))


@pytest.mark.parametrize("name", ["lenet5_1998", "neocognitron"])
def test_networks_of_other_kinds(name: str, data: str) -> None:
    io.save("model.safetensors", create(name, rng=0))
    found = Page(write_report(".", data=data).read_text(encoding="utf-8"))
    # The neocognitron has no Conv2d, whose filters could be drawn.
    assert len(pictures(found)) == (5 if name == "lenet5_1998" else 4)
    assert ("the smallest output wins and is white" in found.text) == (name == "lenet5_1998")
    run = Run(".", data)
    np.testing.assert_allclose(run.probabilities.sum(1), 1, atol=1e-5)
