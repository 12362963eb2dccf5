"""Checkpoints: round trips, the file's content, and everything that can be wrong with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from support.annotations import layer_of
from support.small_training import same_bits, small_net, snapshot

from pycnn import __version__, io, models
from pycnn.layers import Buffer, Linear, Sequential


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
        ('{"model": "lenet5", "arguments": {"classes": "x"}}', "classes must be an int"),
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


def test_the_folder_of_a_run_and_its_files_stand_for_the_checkpoint(checkpoint: Path) -> None:
    (checkpoint.parent / "history.csv").touch()
    expected = io.load_model(checkpoint).state_dict()
    for path in (checkpoint.parent, checkpoint.parent / "history.csv"):
        assert same_bits(io.load_model(path).state_dict(), expected)
        io.load(path, model := models.lenet5(rng=1))
        assert same_bits(model.state_dict(), expected)


@pytest.mark.parametrize("do", [io.save, io.load])
def test_the_order_of_path_and_model_is_told(do: Callable[..., None]) -> None:
    with pytest.raises(TypeError, match=rf"^\[{do.__name__}\] .*, got str; the path comes first"):
        do(small_net(), "model.safetensors")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.load(tmp_path / "nowhere", small_net())
    with pytest.raises(FileNotFoundError, match=r"No model\.safetensors in the folder"):
        io.load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.save(tmp_path / "nowhere" / "m", small_net())
    with pytest.raises(IsADirectoryError):
        io.save(tmp_path, small_net())
    assert list(tmp_path.iterdir()) == []


def awkward(name: str, values: np.ndarray, folder: Path) -> np.ndarray:
    """Return the same numbers in a memory layout that differs from the file's."""
    wide = np.zeros(tuple(2 * size for size in values.shape), values.dtype)
    if name == "Fortran order":
        return np.asfortranarray(values)
    if name == "transposed":
        return np.asarray(values.T.copy().T)
    if name == "strided":
        wide[::2, ::2] = values
        return wide[::2, ::2]
    if name == "reversed":
        return np.asarray(values[::-1, ::-1].copy()[::-1, ::-1])
    if name == "big-endian":
        return values.astype(values.dtype.newbyteorder(">"))
    if name == "matrix":
        return values.view(np.matrix)
    if name == "read-only":
        copy: np.ndarray = values.copy()
        copy.flags.writeable = False
        return copy
    if name == "shared memory":
        return np.frombuffer(bytearray(values.tobytes()), values.dtype).reshape(values.shape)
    mapped = np.memmap(folder / "mapped", values.dtype, "w+", shape=values.shape, order="F")
    mapped[...] = values
    return mapped


LAYOUTS = (
    *("Fortran order", "transposed", "strided", "reversed", "big-endian", "matrix", "read-only"),
    *("shared memory", "memory map"),
)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.uint8, bool])
def test_arrays_that_are_not_contiguous_or_native_are_stored_right(
    tmp_path: Path, layout: str, dtype: type
) -> None:
    """The bytes at the address of the array were stored, whatever its strides."""
    values: np.ndarray = (np.arange(24).reshape(4, 6) % 7).astype(dtype)
    model = Sequential(Linear(6, 4, rng=0))
    model.kept = Buffer(np.zeros((4, 6), dtype))
    model.kept.data = awkward(layout, values, tmp_path)
    io.save(tmp_path / "m", model)
    stored = load_file(tmp_path / "m")["kept"]
    assert stored.dtype == dtype
    assert np.array_equal(stored, values)
    other = Sequential(Linear(6, 4, rng=1))
    other.kept = Buffer(np.zeros((4, 6), dtype))
    io.load(tmp_path / "m", other)
    assert np.array_equal(other.kept.data, values)


def test_a_transposed_parameter_is_stored_right(tmp_path: Path) -> None:
    model = Sequential(Linear(3, 3, rng=0))
    layer_of(model, 0).weight.data = layer_of(model, 0).weight.data.T
    io.save(tmp_path / "m", model)
    assert np.array_equal(load_file(tmp_path / "m")["0.weight"], layer_of(model, 0).weight.data)
    io.load(tmp_path / "m", other := Sequential(Linear(3, 3, rng=1)))
    assert np.array_equal(layer_of(other, 0).weight.data, layer_of(model, 0).weight.data)


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,)])
def test_arrays_without_dimensions_or_elements_come_back(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    model = Sequential(Linear(1, 1, rng=0))
    model.kept = Buffer(np.full(shape, 7, np.int64))
    io.save(tmp_path / "m", model)
    assert load_file(tmp_path / "m")["kept"].shape == shape
    other = Sequential(Linear(1, 1, rng=1))
    other.kept = Buffer(np.zeros(shape, np.int64))
    io.load(tmp_path / "m", other)
    assert np.array_equal(other.kept.data, model.kept.data)


@pytest.mark.parametrize(
    "array",
    [
        np.ma.masked_equal(np.arange(3.0), 1),
        np.arange(3.0).astype(np.longdouble),
        np.arange(3.0).astype(complex),
        np.array([None, 1]),
        np.array(["a"]),
        np.zeros(2, "M8[s]"),
        np.zeros(2, [("a", "f4")]),
    ],
)
def test_arrays_that_a_file_cannot_hold_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    model = Sequential(Linear(1, 1, rng=0))
    layer_of(model, 0).weight.data = array
    with pytest.raises(TypeError, match=r"^\[save\] 0\.weight must be an array of bools, integers"):
        io.save(tmp_path / "m", model)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_compared_with_what_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import safetensors.numpy

    def save(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
        return plain({name: array + 1 for name, array in arrays.items()}, metadata)

    plain = safetensors.numpy.save
    monkeypatch.setattr(safetensors.numpy, "save", save)
    with pytest.raises(ValueError, match=r"^\[save\] .* is not in the new file as it is in memory"):
        io.save(tmp_path / "m", small_net())
    assert list(tmp_path.iterdir()) == []
