"""Checkpoints: round trips, what the file holds, and everything that can be wrong with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from toy import same_bits, small_net, snapshot

from pycnn import __version__, io, models
from pycnn.layers import Linear, Sequential


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    io.save(path, models.lenet5(rng=0))
    return path


def test_round_trip(checkpoint: Path) -> None:
    model = models.lenet5(rng=1)
    io.load(checkpoint, model)
    assert same_bits(model.state_dict(), models.lenet5(rng=0).state_dict())
    assert same_bits(io.load_model(checkpoint).state_dict(), model.state_dict())
    assert [path.name for path in checkpoint.parent.iterdir()] == ["model.safetensors"]


def test_arguments_of_the_model_come_back(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    io.save(path, models.lenet5(classes=26, rng=0))
    model = io.load_model(path)
    assert model.spec == ("lenet5", {"classes": 26})
    assert model.state_dict()["11.weight"].shape == (26, 84)


def test_the_file_is_plain_safetensors(checkpoint: Path) -> None:
    state = load_file(checkpoint)
    assert same_bits(state, models.lenet5(rng=0).state_dict())
    with safe_open(checkpoint, "np") as file:
        header = json.loads(file.metadata()["pycnn"])
    assert header["version"] == __version__
    assert (header["model"], header["arguments"]) == ("lenet5", {"classes": 10})


def test_the_same_model_gives_the_same_bytes(checkpoint: Path) -> None:
    other = checkpoint.with_name("other")
    io.save(other, models.lenet5(rng=0))
    assert other.read_bytes() == checkpoint.read_bytes()


def test_files_of_others_load_by_name(tmp_path: Path) -> None:
    path, model = tmp_path / "theirs.safetensors", small_net(0)
    save_file(small_net(1).state_dict(), path)
    io.load(path, model)
    assert same_bits(model.state_dict(), small_net(1).state_dict())
    with pytest.raises(ValueError, match="does not say which model it holds"):
        io.load_model(path)


def test_metadata_comes_back(checkpoint: Path) -> None:
    model = small_net()
    model.metadata = {
        "classes": ("a", "b"),
        "mean": [0.5, -1],
        "notes": {"by": None, "final": True},
    }
    io.save(checkpoint, model)
    other = small_net()
    io.load(checkpoint, other)
    assert other.metadata == {**model.metadata, "classes": ["a", "b"]}


@pytest.mark.parametrize(
    ("metadata", "error", "text"),
    [
        ({1: 2}, TypeError, r"metadata has the key 1: keys must be strings"),
        ({"a": [{"b": {2.5: 0}}]}, TypeError, r"metadata\['a'\]\[0\]\['b'\] has the key 2.5"),
        ({"a": {"loss": float("nan")}}, ValueError, r"metadata\['a'\]\['loss'\]: Out of range"),
        ({"a": (1, np.float32(2))}, TypeError, r"metadata\['a'\]\[1\]: .*float32 is not JSON"),
        ([("a", 1)], TypeError, "metadata must be a mapping, got list"),
    ],
)
def test_metadata_that_would_not_come_back(
    checkpoint: Path, metadata: Any, error: type[Exception], text: str
) -> None:
    before, model = checkpoint.read_bytes(), small_net()
    model.metadata = metadata
    with pytest.raises(error, match=rf"^\[save\] {text}"):
        io.save(checkpoint, model)
    assert checkpoint.read_bytes() == before


def test_an_argument_that_is_no_json_value_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"^\[save\] arguments\['classes'\]: .*int64 is not JSON"):
        io.save(tmp_path / "m", models.lenet5(classes=np.int64(3)))  # type: ignore[arg-type]


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda path: cut(path, 0), "not a readable safetensors file"),
        (lambda path: cut(path, 5), "not a readable safetensors file"),
        (lambda path: cut(path, 300), "not a readable safetensors file"),
        (lambda path: cut(path, -1), "not a readable safetensors file"),
        (lambda path: path.write_bytes(b"PK" * 500), "not a readable safetensors file"),
        (lambda path: path.write_bytes(b"\xff" * 500), "not a readable safetensors file"),
        (lambda path: flip(path, -1), "corrupt: its checksum does not match"),
        (lambda path: flip(path, -100_000), "corrupt: its checksum does not match"),
    ],
)
def test_damage_is_seen_and_changes_nothing(
    checkpoint: Path, damage: Callable[[Path], None], text: str
) -> None:
    damage(checkpoint)
    model = models.lenet5(rng=1)
    before = snapshot(model)
    for read in (lambda: io.load(checkpoint, model), lambda: io.load_model(checkpoint)):
        with pytest.raises(ValueError, match=text) as info:
            read()
        assert str(checkpoint) in str(info.value)
    assert same_bits(before, model.state_dict())


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("{", "corrupt: its header cannot be read"),
        ("[1]", "corrupt: its header cannot be read"),
        ('{"model": "vgg16", "arguments": {}}', "unknown model 'vgg16'; available: alexnet"),
        ('{"model": "lenet5", "arguments": {"depth": 3}}', "unexpected keyword argument 'depth'"),
        ('{"model": "lenet5", "arguments": {"classes": "x"}}', "out_features must be an int"),
        ('{"model": "lenet5", "arguments": {"classes": 3}}', r"shape \(84, 2\), the model \(3, 84"),
        (
            '{"model": "neocognitron", "arguments": {"planes": 5}}',
            r"\[neocognitron\] planes must be three numbers, got 5",
        ),
        ('{"model": 5, "arguments": {}}', "does not say which model"),
        ("{}", "does not say which model"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, header: str, text: str) -> None:
    path = tmp_path / "m.safetensors"
    state = models.lenet5(rng=0).state_dict() | {"11.weight": np.zeros((84, 2), np.float32)}
    save_file(state, path, {"pycnn": header})
    with pytest.raises(ValueError, match=text) as info:
        io.load_model(path)
    assert str(path) in str(info.value)


def test_a_header_that_asks_for_more_memory_than_there_is(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 313. GiB")

    monkeypatch.setattr(models, "create", create)
    with pytest.raises(ValueError, match=r"model\.safetensors: Unable to allocate 313\. GiB"):
        io.load_model(checkpoint)


def test_a_checkpoint_of_another_model(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.safetensors: .*missing 4\.weight.*unexpected 11"):
        io.load(checkpoint, small_net())
    save_file({"0.weight": np.zeros((2, 3)), "0.bias": np.zeros(2)}, checkpoint)
    with pytest.raises(TypeError, match=r"model\.safetensors: .*got float64"):
        io.load(checkpoint, Sequential(Linear(3, 2)))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.load(tmp_path / "nowhere", small_net())
    with pytest.raises(IsADirectoryError):
        io.load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.save(tmp_path / "nowhere" / "m", small_net())
    with pytest.raises(IsADirectoryError):
        io.save(tmp_path, small_net())
    assert list(tmp_path.iterdir()) == []
