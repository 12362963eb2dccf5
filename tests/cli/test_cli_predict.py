"""`pycnn predict`: any picture of a digit becomes one like MNIST's."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture, fails

import pycnn
from pycnn import datasets, io, models
from pycnn.cli import main
from pycnn.datasets.idx import read_images
from pycnn.recipes.digit_picture import read_digit

pytestmark = pytest.mark.usefixtures("own_folder")


def picture(path: str, size: int = 28, mode: str = "L") -> np.ndarray:
    """Save a light stroke on black, placed as in MNIST; return its pixels at MNIST's size."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 12:17] = 255
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
    np.testing.assert_array_equal(read_digit("deeper.tiff"), pixels)


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


def test_a_session_gives_the_same_answers(capsys: Capture) -> None:
    picture("plain.png")
    io.save("model.safetensors", models.lenet5(rng=0))
    outputs = []
    for session in ([], ["--session"]):
        assert main(["predict", "model.safetensors", "plain.png", *session]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != ""


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
    best, second = np.argsort(-p)[:2]
    answer = f"{best} ({p[best]:.2%}), {second} ({p[second]:.2%}): unsure"  # it never learned
    assert lines == [f"a.png: {answer}", f"b.png: {answer}"]


def test_predict_with_pictures_that_are_none(checkpoint: str, capsys: Capture) -> None:
    picture("good.png")
    assert "No such file or directory: none.png" in fails(capsys, "predict", checkpoint, "none.png")
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
    for files in (["a.png"], ["a.png", "b.png"]):  # a fault that all of them share is reported once
        assert "pip install 'pycnn[plot]'" in fails(capsys, "predict", checkpoint, *files)


def test_inputs_that_cannot_be_read_do_not_cost_the_answers_of_others(
    checkpoint: str, capsys: Capture
) -> None:
    for name in ("a.png", "b.png"):
        picture(name)
    Path("text.png").write_text("no picture")
    assert main(["predict", checkpoint, "a.png", "b.png"]) == 0
    good = capsys.readouterr().out
    for files in (["none.png", "a.png", "text.png", "b.png", "."], ["a.png", "b.png", "none.png"]):
        assert main(["predict", checkpoint, *files]) == 2
        out, err = capsys.readouterr()
        assert out == good
        assert err.count("\n") == len(files) - 2
        assert all(line.startswith("pycnn: error: ") for line in err.splitlines())
        assert "No such file or directory: none.png" in err
        assert ("text.png" in err) == ("text.png" in files)
    assert main(["predict", checkpoint, "none.png", "nor.png"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 2)


def test_sentences_that_say_nothing_do_not_cost_the_answers_of_others(capsys: Capture) -> None:
    model = models.textcnn(["<pad>", "<unk>", "good"], 2, dim=8, filters=2, rng=0)
    pycnn.save("text.safetensors", model)
    assert main(["predict", "text.safetensors", "a good film", "..", "good and good"]) == 2
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in out.splitlines()] == ["a good film", "good and good"]
    assert err == "pycnn: error: '..' is an empty sentence: it holds no word\n"
