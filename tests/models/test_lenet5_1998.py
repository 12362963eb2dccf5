"""LeNet-5 of 1998 against its paper: counts, connections, table I, initial values, bitmaps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.command_line import Capture
from support.gradients import assert_gradients
from support.small_training import same_bits, snapshot

from pycnn import io, models, recipes
from pycnn.cli import main
from pycnn.data import ArrayDataset
from pycnn.datasets import mnist_1998
from pycnn.datasets.mnist_1998 import from_pixels
from pycnn.layers import RBF, Conv2d, Flatten, Linear, Module, ScaledTanh, Sequential, Subsampling
from pycnn.losses import CrossEntropyLoss, MAPLoss
from pycnn.models.digit_bitmaps import digit_bitmaps
from pycnn.models.lenet5_1998 import c3_table
from pycnn.optim import SGD
from pycnn.training import evaluate, fit, predict

# Printed in section II.B.
PARAMETERS = {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48_120, "F6": 10_164}
CONNECTIONS = {
    "C1": 122_304, "S2": 5_880, "C3": 151_600, "S4": 2_000, "C5": 48_120, "F6": 10_164
}  # fmt: skip
# Table I: a row for each map of S2, a column for each map of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def digits(n: int, seed: int = 0) -> ArrayDataset:
    """Return bright bars on the background, whose rows are the digits: (n, 1, 32, 32)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, n)
    x = rng.normal(-0.1, 0.1, (n, 1, 32, 32)).astype(np.float32)
    for image, label in zip(x, y, strict=True):
        image[0, 3 + 2 * label : 6 + 2 * label, 4:28] = 1.175
    return ArrayDataset(x, y, tuple("0123456789"), "bars")


def test_parameters_are_those_of_the_paper() -> None:
    model = models.lenet5_1998(rng=0)
    for name, count in PARAMETERS.items():
        assert sum(parameter.numel() for parameter in model[name].parameters()) == count, name
    assert sum(parameter.numel() for parameter in model.parameters()) == 60_000
    assert not list(model["output"].parameters())
    assert models.lenet5_1998(rng=0).summary((1, 32, 32)).splitlines()[-1].split()[2] == "60,000"


def test_connections_are_those_of_the_paper() -> None:
    counts = models.connections(models.lenet5_1998(rng=0), (1, 32, 32))
    # The paper gives the total and all layers but the last.
    assert counts == CONNECTIONS | {"output": 10 * 84}
    assert sum(counts.values()) == 340_908


def test_layers_are_those_of_the_paper() -> None:
    model = models.lenet5_1998(rng=0)
    x = np.zeros((2, 1, 32, 32), np.float32)
    shapes = {path: y.shape[1:] for path, _, y in model.trace(x)}
    expected = {
        "C1": (6, 28, 28), "S2": (6, 14, 14), "C3": (16, 10, 10), "S4": (16, 5, 5),
        "C5": (120, 1, 1), "F6": (84,), "output": (10,),
    }  # fmt: skip
    assert {path: shapes[path] for path in expected} == expected
    kinds = [type(layer) for layer in model]
    assert kinds == [
        Conv2d, ScaledTanh, Subsampling, ScaledTanh, Conv2d, ScaledTanh, Subsampling, ScaledTanh,
        Conv2d, ScaledTanh, Flatten, Linear, ScaledTanh, RBF,
    ]  # fmt: skip


def test_c3_has_table_i() -> None:
    rows = [[c == "X" for c in line] for line in TABLE_I.split()]
    np.testing.assert_array_equal(c3_table(), np.array(rows).T)
    assert c3_table().sum() == 60
    np.testing.assert_array_equal(c3_table().sum(axis=1), [3] * 6 + [4] * 9 + [6])
    layer = models.lenet5_1998(rng=0)["C3"]
    assert isinstance(layer, Conv2d)
    assert layer.connections is not None
    np.testing.assert_array_equal(layer.connections, c3_table())


def test_initial_values_fill_the_intervals_of_appendix_a() -> None:
    model = models.lenet5_1998(rng=0)
    state = model.state_dict()
    bounds = {"C1": 2.4 / 25, "S2": 2.4 / 4, "S4": 2.4 / 4, "C5": 2.4 / 400, "F6": 2.4 / 120}
    for name, bound in bounds.items():
        values = np.concatenate([state[f"{name}.weight"].ravel(), state[f"{name}.bias"]])
        assert 0.8 * bound < np.abs(values).max() <= bound * (1 + 1e-6), name
    # Of 75, 100 and 150 inputs: maps 0-5 have the first 18 links, map 15 the last 6.
    c3, links = state["C3.weight"], c3_table().sum(axis=1)
    for planes, inputs in ((c3[:18], 75), (c3[18:54], 100), (c3[54:], 150)):
        assert 0.9 * 2.4 / inputs < np.abs(planes).max() <= 2.4 / inputs * (1 + 1e-6)
    assert (np.abs(state["C3.bias"]) <= 2.4 / (25 * links) * (1 + 1e-6)).all()
    again, other = models.lenet5_1998(rng=0), models.lenet5_1998(rng=1)
    assert same_bits(again.state_dict(), state)
    assert not same_bits(other.state_dict(), state)


def test_bitmaps_are_ten_different_digits() -> None:
    bitmaps = digit_bitmaps()
    assert bitmaps.shape == (10, 84)
    assert bitmaps.dtype == np.float32
    assert set(np.unique(bitmaps)) == {-1.0, 1.0}
    differing = (bitmaps[:, np.newaxis] != bitmaps).sum(axis=2) + 84 * np.eye(10, dtype=int)
    assert differing.min() >= 4  # 8 and 9, 5 and 6 look alike; a distance of 4 for each pixel
    zero = bitmaps[0].reshape(12, 7)
    np.testing.assert_array_equal(zero, zero[:, ::-1])
    assert (zero[11] == -1).all()


def test_gradients_are_slopes() -> None:
    assert_gradients(models.lenet5_1998(rng=0), digits(2).x, rel=1e-5)


def test_it_learns_and_its_bitmaps_stay() -> None:
    model, data = models.lenet5_1998(rng=0), digits(600)
    before = snapshot(model)
    optimizer = SGD(model.parameters(), 0.002, momentum=0.9)
    history = fit(
        model, data, digits(200, 1), epochs=4, batch_size=16, optimizer=optimizer, loss=MAPLoss()
    )
    assert history["val_accuracy"][-1] > 0.95
    np.testing.assert_array_equal(model["output"].centres.data, digit_bitmaps())
    changed = {name for name, values in snapshot(model).items() if (values != before[name]).any()}
    assert changed == {name for name, _ in model.named_parameters()}


def test_the_smallest_distance_is_the_answer() -> None:
    model, data = models.lenet5_1998(rng=0), digits(50)
    distances = predict(model, data)
    assert (distances >= 0).all()
    right = float(np.mean(distances.argmin(axis=1) == data.y))
    assert evaluate(model, data, loss=MAPLoss()).accuracy == pytest.approx(right)
    default = evaluate(model, data)
    assert default.accuracy == pytest.approx(right)
    assert default.loss == pytest.approx(CrossEntropyLoss()(-distances, data.y), rel=1e-5)
    with pytest.raises(ValueError, match=r"^\[fit\] the outputs of this model are not scores"):
        fit(model, data)
    np.testing.assert_array_equal(model.scores(distances), -distances)
    assert Sequential().scores(distances) is distances


def test_a_checkpoint_makes_it_again(tmp_path: Path) -> None:
    model, x = models.lenet5_1998(rng=0), digits(3).x
    io.save(tmp_path / "m.safetensors", model)
    other: Module = io.load_model(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(other(x), model(x))


def test_mnist_1998_is_mnist_in_other_numbers() -> None:
    pixels = np.zeros((1, 1, 28, 28), np.uint8)
    pixels[0, 0, 0, :2] = 255, 51
    x = from_pixels(pixels)
    assert x.shape == (1, 1, 32, 32)
    np.testing.assert_allclose(x[0, 0, 2, :5], [-0.1, -0.1, 1.175, 0.155, -0.1], rtol=1e-6)
    assert (np.delete(x, 2, axis=2) == np.float32(-0.1)).all()
    with pytest.raises(ValueError, match=r"^\[mnist_1998\] images must be at most 32x32, are 33x4"):
        from_pixels(np.zeros((1, 1, 33, 4), np.uint8))
    _, test = mnist_1998()
    assert test.x.shape == (10_000, 1, 32, 32)
    assert test.classes == tuple("0123456789")
    assert {test.x.min(), test.x.max()} == {np.float32(-0.1), np.float32(1.175)}
    # "This makes the mean input roughly 0, and the variance roughly 1" (without the frame).
    inner = test.x[:, :, 2:-2, 2:-2]
    assert abs(inner.mean()) < 0.1


@pytest.mark.usefixtures("own_folder")
def test_the_command_line_trains_it_and_asks_it(data: str, capsys: Capture) -> None:
    train = ["train", "lenet5_1998", "--data", data, "--batch-size", "10"]
    assert main([*train, "--lr", "0.002", "--epochs", "8", "--out", "o"]) == 0
    assert capsys.readouterr().out.startswith("lenet5_1998: 60,000 parameters, 300 training")
    assert main(["evaluate", "o/model.safetensors", "--data", data]) == 0
    accuracy = re.search(r"test accuracy (\d+\.\d+)%", capsys.readouterr().out)
    assert accuracy
    assert float(accuracy[1]) > 80
    picture = np.zeros((28, 28), np.uint8)
    picture[8:11, 4:24] = 255
    Image.fromarray(picture).save("bar.png")
    assert main(["predict", "o/model.safetensors", "bar.png"]) == 0
    assert re.match(r"bar\.png: \d \(\d+\.\d+%\)", capsys.readouterr().out)
    assert main([*train, "--epochs", "1", "--augment", "--out", "d"]) == 0


def test_the_recipe_makes_it() -> None:
    assert recipes.get("lenet5_1998").build(digits(1), 0).spec == ("lenet5_1998", {})
