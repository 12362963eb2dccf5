"""The neocognitron learns: who wins, what winning does, the paper's experiment, the recipe."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.annotations import layer_of
from support.command_line import Capture
from support.drawn_strokes import digits, published
from support.small_training import same_bits, snapshot

import pycnn
from pycnn import io, models, recipes
from pycnn.cli import main
from pycnn.data import ArrayDataset
from pycnn.layers import Linear, Sequential, SLayer
from pycnn.recipes import neocognitron as recipe
from pycnn.training import History
from pycnn.training.self_organization import Cell, reinforce, representatives, self_organize

Array = np.ndarray


def all_but_readout(model: Sequential) -> Sequential:
    return Sequential(*tuple(model)[:-1])


def strongest(model: Sequential, x: Array) -> Array:
    """Return the number of the strongest cell of UC3, -1 where none responds."""
    responses = pycnn.predict(all_but_readout(model), x)
    return np.where(responses.max(axis=1) > 0, responses.argmax(axis=1), -1)


def columns_of(y: Array, side: int) -> Iterator[tuple[int, int]]:
    """Yield the corners of all S-columns."""
    yield from np.ndindex(*(max(size - side, 0) + 1 for size in y.shape[1:]))


@given(
    st.integers(1, 6), st.integers(1, 7), st.integers(1, 7), st.integers(1, 5), st.integers(0, 99)
)
def test_representatives_are_the_strongest_of_their_columns_and_planes(
    planes: int, height: int, width: int, side: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    y = np.maximum(rng.standard_normal((planes, height, width)), 0).astype(np.float32)
    candidates = set()
    for top, left in columns_of(y, side):
        column = np.zeros_like(y)
        column[:, top : top + side, left : left + side] = y[:, top : top + side, left : left + side]
        if column.any():
            candidates.add(tuple(map(int, np.unravel_index(column.argmax(), y.shape))))
    best: dict[int, tuple[int, ...]] = {}
    for cell in sorted(candidates, key=lambda cell: -y[cell]):
        best.setdefault(cell[0], cell)
    assert representatives(y, side) == sorted(best.values())


def test_equals_and_silence() -> None:
    assert representatives(np.zeros((2, 4, 4), np.float32), 2) == []
    assert representatives(np.ones((2, 4, 4), np.float32), 9) == [Cell(0, 0, 0)]
    y = np.zeros((3, 1, 5), np.float32)
    y[2, 0, 1] = y[2, 0, 4] = y[1, 0, 4] = 1
    assert representatives(y, 2) == [Cell(1, 0, 4), Cell(2, 0, 1)]


def test_reinforcement() -> None:
    layer = SLayer(2, 3, 3, (1, 0, 1, 0), r=4.0, q=16.0, rng=0)
    x = np.random.default_rng(0).random((2, 4, 4), dtype=np.float32)
    a, b = layer.excitatory.data.copy(), layer.inhibitory.data.copy()
    reinforce(layer, x, [Cell(1, 2, 0)])
    # The border moves the area of the cell up and left by one.
    seen = np.pad(x[:, 1:4, 0:2], ((0, 0), (0, 0), (1, 0)))
    a[1] += 16 * layer.fixed[0] * seen
    b[1] = 8 * np.sqrt((layer.fixed[0] * seen**2).sum())
    np.testing.assert_allclose(layer.excitatory.data, a, rtol=1e-6)
    np.testing.assert_allclose(layer.inhibitory.data, b, rtol=1e-6)


def test_sizes_are_those_of_the_paper() -> None:
    x = np.zeros((1, 1, 16, 16), np.float32)
    shapes = [y.shape[1:] for _, _, y in published(classes=10).trace(x)]
    assert shapes[:6] == [
        (24, 16, 16), (24, 10, 10), (24, 8, 8), (24, 6, 6), (24, 2, 2), (24, 1, 1)
    ]  # fmt: skip
    model = models.neocognitron(rng=0)
    shapes = [y.shape[1:] for _, _, y in model.trace(np.zeros((1, 1, 28, 28), np.float32))]
    assert shapes == [
        (24, 28, 28), (24, 16, 16), (64, 14, 14), (64, 9, 9), (800, 5, 5), (800, 1, 1), (800,),
        (10,),
    ]  # fmt: skip
    trained = [name for name, _ in model.named_parameters()]
    assert trained == ["7.weight", "7.bias"]
    with pytest.raises(ValueError, match="size must be at least 12, got 11"):
        models.neocognitron(size=11)
    with pytest.raises(ValueError, match="planes must be three numbers"):
        models.neocognitron(planes=(24, 24))


@pytest.mark.parametrize("seed", range(3))
def test_the_experiment_of_the_paper(seed: int) -> None:
    """Each digit shown 20 times: then one cell of UC3 stands for it wherever it is."""
    model = published(seed)
    reinforced = self_organize(model, digits(20, seed=0), 100, seed=seed)
    assert reinforced[0].min() > 0
    assert np.count_nonzero(reinforced[2]) == 5
    np.testing.assert_array_equal(layer_of(model, 0).filters().max(axis=(1, 2, 3)), 1)
    test = digits(30, seed=1)
    cells = strongest(model, test.x)
    owners = [set(cells[test.y == k].tolist()) for k in range(5)]
    assert all(len(owner) == 1 for owner in owners), owners
    assert len(set.union(*owners) - {-1}) == 5


def test_labels_play_no_part_and_seeds_do() -> None:
    data = digits(4, seed=0)
    other = ArrayDataset(data.x, data.y[::-1].copy(), data.classes)
    states = []
    for patterns, seed in ((data, 0), (other, 0), (data, 1)):
        model = published()
        before = snapshot(model)
        self_organize(model, patterns, (30, 20, 0), seed=seed)
        states.append(snapshot(model))
        assert not same_bits(before, states[-1])
        same = [name for name in before if before[name].tobytes() == states[-1][name].tobytes()]
        assert same == ["4.excitatory", "4.inhibitory", "7.weight", "7.bias"]
    assert same_bits(states[0], states[1])
    assert not same_bits(states[0], states[2])


@pytest.mark.usefixtures("restore_threads")
def test_learning_has_the_same_bits_for_any_number_of_threads() -> None:
    states = []
    for threads in (1, 2, 7):
        pycnn.set_num_threads(threads)
        model = published()
        self_organize(model, digits(4, seed=0), 20)
        states.append(snapshot(model))
    assert same_bits(states[0], states[1])
    assert same_bits(states[0], states[2])


def test_wrong_arguments() -> None:
    data = digits(1, seed=0)
    with pytest.raises(ValueError, match="presentations for 2 S-layers, the model has 3"):
        self_organize(published(), data, (1, 2))
    with pytest.raises(ValueError, match="presentations must be at least 0, got -1"):
        self_organize(published(), data, -1)
    with pytest.raises(ValueError, match="the model has no SLayer"):
        self_organize(Sequential(Linear(2, 2)), data, 1)
    with pytest.raises(TypeError, match="model must be a Sequential, got SLayer"):
        self_organize(published()[0], data, 1)
    with pytest.raises(ValueError, match="the data set is empty"):
        self_organize(published(), data[:0], 1)


def test_the_summary_counts_cells_and_self_organized_connections() -> None:
    lines = published().summary((1, 16, 16)).splitlines()
    cells = [24 * side**2 for side in (16, 10, 8, 6, 2, 1)]
    rows = [line.split() for line in lines[2:8]]
    assert [int(row[5].replace(",", "")) for row in rows] == cells
    # 5x5 connections from each plane before, and an inhibitory one.
    learned = [24 * (25 * planes + 1) for planes in (1, 24, 24)]
    assert [row[6:8] for row in rows[::2]] == [["-", f"{n:,}"] for n in learned]
    total = ["total", f"{sum(cells) + 5:,}", "125", f"{sum(learned):,}"]
    assert lines[-2].split()[:4] == total
    assert lines[-1].startswith("gradients train the parameters; self-organized connections")
    assert recipe.RECIPE.self_organized(published()) == sum(learned)
    assert recipes.get("lenet5").self_organized(models.lenet5(rng=0)) == 0
    assert "self-organized" not in models.lenet5(rng=0).summary((1, 28, 28))


def test_no_epoch_counts_the_self_organization(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(recipe, "perf_counter", iter((1000.0, 4000.0)).__next__)
    data = digits(2, seed=0)
    history = recipe.train_neocognitron(
        published(), data, data, epochs=2, batch_size=5, progress=False, presentations=2
    )
    assert history.self_organization == 3000
    assert history.seconds < 1000
    assert history.samples_per_second == pytest.approx(20 / history.seconds)
    history.to_json(tmp_path / "history.json")
    assert History.from_json(tmp_path / "history.json").self_organization == 3000


def test_recipe_trains_saves_and_loads(tmp_path: Path) -> None:
    model, train, test = published(), digits(20, seed=0), digits(10, seed=1)
    history = recipe.train_neocognitron(
        model, train, test, epochs=30, batch_size=10, progress=False, presentations=100
    )
    assert len(history) == 30
    assert history["val_accuracy"][-1] == 1
    assert history["val_accuracy"][-1] == pycnn.evaluate(model, test).accuracy
    io.save(tmp_path / "model.safetensors", model)
    again = io.load_model(tmp_path / "model.safetensors")
    assert same_bits(snapshot(model), snapshot(again))
    np.testing.assert_array_equal(pycnn.predict(model, test), pycnn.predict(again, test))
    # Gradients reach the images, through all layers, and train the readout only.
    y = again.train()(test.x[:2])
    assert again.backward(np.ones_like(y)).any()


def test_command_line(
    data: str, own_folder: None, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def small(classes: int, rng: int) -> Sequential:
        return models.neocognitron(classes, planes=(4, 6, 8), rng=rng)

    monkeypatch.setattr(recipe, "neocognitron", small)
    assert main(["train", "neocognitron", "--data", data, "--epochs", "2"]) == 0
    trained = capsys.readouterr().out
    organized = 4 * (25 + 1) + 6 * (4 * 25 + 1) + 8 * (6 * 25 + 1)
    assert (
        f"neocognitron: 90 parameters, {organized:,} self-organized connections, "
        "300 training and 100 test samples"
    ) in trained
    layers = re.findall(r"^S-layer (\d)/3: (\S+) samples, \d+\.\d s$", trained, re.MULTILINE)
    assert layers == [("1", "2,000"), ("2", "3,000"), ("3", "4,000")]
    answered = re.findall(r"^answers to the (\w+) data: (\d+) samples", trained, re.MULTILINE)
    assert answered == [("training", "300"), ("test", "100")]
    both = r" after \d+\.\d s of self-organization and \d+\.\d s of training \("
    assert re.search(both, trained)
    assert main(["evaluate", "runs/neocognitron/model.safetensors", "--data", data]) == 0
    accuracy = trained.split("test accuracy ")[-1].split()[0]
    assert f"test accuracy {accuracy}," in capsys.readouterr().out
    Image.fromarray(np.pad(np.full((16, 4), 255, np.uint8), 8)).save("one.png")
    assert main(["predict", "runs/neocognitron/model.safetensors", "one.png"]) == 0
    two = r"one.png: \d \(\d+\.\d\d%\), \d \(\d+\.\d\d%\)(: unsure)?\n"
    assert re.fullmatch(two, capsys.readouterr().out)


@pytest.mark.parametrize("larger", [0, 1], ids=["train", "test"])
def test_images_that_do_not_fit_are_refused_before_the_layers_learn(larger: int) -> None:
    model, sets = published(), [digits(1, seed=0), digits(1, seed=0)]
    x = np.pad(sets[larger].x, ((0, 0), (0, 0), (4, 4), (4, 4)))
    sets[larger] = ArrayDataset(x, sets[larger].y, sets[larger].classes)
    before = snapshot(model)
    with pytest.raises(ValueError, match=r"^Sequential\[7\] Linear: expects 24 features, got "):
        recipe.train_neocognitron(model, *sets, epochs=1, batch_size=1, progress=False)
    assert same_bits(before, snapshot(model))


def test_interrupted_before_the_readout(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "self_organize", interrupt)
    data = digits(1, seed=0)
    history = recipe.train_neocognitron(published(), data, data, epochs=1, batch_size=1)
    assert history.interrupted
    assert len(history) == 0
    assert history.self_organization > 0
