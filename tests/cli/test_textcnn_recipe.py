"""The text network on the command line, and the example."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.command_line import Capture, fails

import pycnn
from pycnn import datasets, io, models, recipes
from pycnn.cli import main
from pycnn.text import SentenceDataset, Vocabulary

pytestmark = pytest.mark.usefixtures("own_folder")

EXAMPLE = Path(__file__).parents[2] / "examples" / "text_classification.py"


@pytest.fixture
def few_reviews(monkeypatch: pytest.MonkeyPatch) -> tuple[SentenceDataset, SentenceDataset]:
    """Let the recipe see 300 of the reviews only."""
    train, test = datasets.movie_reviews()
    few = train[::40], test[::20]
    monkeypatch.setattr(datasets, "movie_reviews", lambda: few)
    return few


@pytest.fixture
def trained(few_reviews: object, capsys: Capture) -> str:
    assert main(["train", "textcnn", "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"textcnn: [\d,]+ parameters, 238 training and 53 test samples", out)
    assert "test accuracy" in out
    return "runs/textcnn/model.safetensors"


def test_train_evaluate_predict(
    trained: str, few_reviews: tuple[SentenceDataset, SentenceDataset], capsys: Capture
) -> None:
    model = io.load_model(trained)
    vocabulary = Vocabulary.of(model)
    assert vocabulary == Vocabulary.build(few_reviews[0].texts, min_count=2)
    last = model.state_dict()["4.weight"]
    assert np.linalg.norm(last, axis=1).max() <= 3 + 1e-5

    assert main(["evaluate", trained]) == 0
    accuracy = pycnn.evaluate(model, few_reviews[1].encode(vocabulary)).accuracy
    assert f"test accuracy {accuracy:.2%}" in capsys.readouterr().out

    sentences = ["A wonderful film, isn't it?", "It's dull."]
    assert main(["predict", trained, *sentences]) == 0
    lines = capsys.readouterr().out.splitlines()
    p = pycnn.ops.softmax(pycnn.predict(model, vocabulary.encode(sentences)))
    names = ["negative", "positive"]
    for line, sentence, row in zip(lines, sentences, p, strict=True):
        best, other = row.argmax(), row.argmin()
        told = f"{sentence}: {names[best]} ({row[best]:.2%}), {names[other]} ({row[other]:.2%})"
        assert line == (told if row[best] >= 0.8 else f"{told}: unsure")


def test_predict_with_sentences_that_say_nothing(trained: str, capsys: Capture) -> None:
    assert "'' is an empty sentence" in fails(capsys, "predict", trained, "")
    assert "' . ' is an empty sentence" in fails(capsys, "predict", trained, " . ")
    assert "'qwxz' holds no word that the model knows" in fails(capsys, "predict", trained, "qwxz")
    # One known word is enough.
    assert main(["predict", trained, "qwxz film"]) == 0


def test_predict_reads_no_files(trained: str, capsys: Capture) -> None:
    Path("good film").write_text("A wonderful film.")
    assert "'good film' is a file, but this network reads sentences: give the words" in fails(
        capsys, "predict", trained, "good film"
    )


def test_predict_tells_of_quotes_where_each_word_is_a_sentence(
    trained: str, capsys: Capture
) -> None:
    assert main(["predict", trained, "good", "film"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err == (
        "pycnn: warning: [textcnn] each word is taken for a sentence: "
        "a sentence of several words goes in quotes\n"
    )
    for sentences in (["good"], ["good film", "bad"]):
        assert main(["predict", trained, *sentences]) == 0
        assert capsys.readouterr().err == ""


def test_the_data_of_pang_and_lee(capsys: Capture) -> None:
    assert "is not a folder" in fails(capsys, "train", "textcnn", "--data", "nowhere")
    Path("rt-polarity.neg").write_text("dull\n" * 12)
    Path("rt-polarity.pos").write_text("good\n" * 12)
    assert "is not the published file" in fails(capsys, "train", "textcnn", "--data", ".")


def test_the_recipe_refuses_other_data() -> None:
    recipe = recipes.get("textcnn")
    with pytest.raises(TypeError, match="must be sentences with a vocabulary"):
        recipe.build(datasets.movie_reviews()[0], 0)
    with pytest.raises(ValueError, match="the model holds none"):
        recipe.read(models.lenet5(rng=0), ["good"])


def run_example(*arguments: str) -> str:
    small = ["--sentences", "120", "--filters", "4", "--dim", "8", "--epochs", "1", *arguments]
    done = subprocess.run(
        [sys.executable, EXAMPLE, *small], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    return done.stdout


def test_example_runs_a_cross_validation() -> None:
    out = run_example("--folds", "2")
    accuracies = [float(a) for a in re.findall(r"fold \d: test accuracy ([\d.]+)%", out)]
    assert len(accuracies) == 2
    mean = re.search(r"2 folds: mean accuracy ([\d.]+)%, standard deviation ([\d.]+)%", out)
    assert mean
    assert float(mean[1]) == pytest.approx(np.mean(accuracies), abs=0.011)
    assert float(mean[2]) == pytest.approx(np.std(accuracies, ddof=1), abs=0.011)


def test_example_builds_the_network_of_the_lecture() -> None:
    run_example("--variant", "lecture")


def test_example_takes_word_vectors() -> None:
    Path("vectors.txt").write_text("film 0.1 0.2 -0.3 0.1\nthe 0.3 -0.1 0.2 0.2\n")
    for variant in ("static", "multichannel"):
        run_example("--variant", variant, "--embeddings", "vectors.txt")
    done = subprocess.run(
        [sys.executable, EXAMPLE, "--variant", "static"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--embeddings goes with the variants" in done.stderr
