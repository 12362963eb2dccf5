"""Buffers: named, saved, loaded and copied like parameters, of any dtype, and never trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from support.small_training import same_bits, small_net, snapshot

from pycnn import io, load, models, save
from pycnn.layers import Buffer, Embedding, Linear, Module, Parameter, Sequential
from pycnn.optim import SGD

Array = np.ndarray


class Counter(Module):
    """y = scale x: counts its training batches and remembers three more kinds of numbers."""

    def __init__(self) -> None:
        self.steps = Buffer(np.zeros((), np.int64))
        self.scale = Parameter(np.ones(3, np.float32))
        self.mean = Buffer(np.zeros(3, np.float64))
        self.seen = Buffer(np.zeros((2, 3), np.bool_))
        self.codes = Buffer(np.arange(4, dtype=np.uint8))

    def forward(self, x: Array) -> Array:
        if self.training:
            self.steps.data += 1
        self.save_for_backward(x)
        y: Array = x * self.scale.data
        return y

    def backward(self, dy: Array) -> Array:
        (x,) = self.saved()
        self.scale.accumulate((dy * x).sum(axis=0))
        dx: Array = dy * self.scale.data
        return dx


def model(seed: int = 0) -> Sequential:
    return Sequential(Counter(), Linear(3, 2, rng=seed))


def changed() -> Sequential:
    made = model(1)
    for index, (_, buffer) in enumerate(made.named_buffers()):
        buffer.data[...] = (np.arange(buffer.numel()).reshape(buffer.shape) + index) % 7
    return made


def test_names_follow_the_parameters_of_their_module() -> None:
    names = ["0.scale", "0.steps", "0.mean", "0.seen", "0.codes", "1.weight", "1.bias"]
    assert list(model().state_dict()) == names
    assert [name for name, _ in model().named_parameters()] == ["0.scale", "1.weight", "1.bias"]
    assert [name for name, _ in model().named_buffers()] == names[1:5]
    assert next(model()[0].named_buffers("net."))[0] == "net.steps"


def test_a_checkpoint_holds_every_dtype(tmp_path: Path) -> None:
    path, source, target = tmp_path / "model.safetensors", changed(), model()
    io.save(path, source)
    assert same_bits(load_file(path), source.state_dict())
    own = target.state_dict()["0.mean"]
    io.load(path, target)
    assert same_bits(source.state_dict(), target.state_dict())
    assert target.state_dict()["0.mean"] is own
    assert target.state_dict()["0.steps"].shape == ()


def test_a_damaged_buffer_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    io.save(path, changed())
    content = bytearray(path.read_bytes())
    content[content.index(np.arange(1.0, 4.0).tobytes())] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="checksum does not match"):
        io.load(path, model())


def test_a_checkpoint_without_buffers_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    io.save(path, models.lenet5(rng=0))
    assert same_bits(io.load_model(path).state_dict(), models.lenet5(rng=0).state_dict())
    io.save(path, small_net())
    with pytest.raises(ValueError, match=r"missing 0\.scale, 0\.steps"):
        io.load(path, model())


def test_a_buffer_that_does_not_fit_changes_nothing() -> None:
    made, state = model(), changed().state_dict()
    before = snapshot(made)
    with pytest.raises(TypeError, match=r"0\.steps must be an int64 array, got float32"):
        made.load_state_dict(state | {"0.steps": np.zeros((), np.float32)})
    with pytest.raises(ValueError, match=r"0\.mean has shape \(4,\), the model \(3,\)"):
        made.load_state_dict(state | {"0.mean": np.zeros(4)})
    assert same_bits(before, snapshot(made))
    keys = made.load_state_dict({"0.mean": np.ones(3)}, strict=False)
    assert "0.steps" in keys.missing
    np.testing.assert_array_equal(made.state_dict()["0.mean"], 1)


def test_a_read_only_buffer_changes_nothing() -> None:
    frozen = np.ones((2, 2), np.float32)
    frozen.flags.writeable = False
    model = Sequential(Linear(2, 2, rng=0), Embedding.from_pretrained(frozen))
    before = snapshot(model)
    state = {name: value + 1 for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"1\.weight is read-only in the model"):
        model.load_state_dict(state)
    assert same_bits(before, snapshot(model))


def test_optimizers_do_not_see_buffers() -> None:
    made = changed()
    before = {name: buffer.data.copy() for name, buffer in made.named_buffers()}
    optimizer = SGD(made.parameters(), lr=0.1)
    y = made(np.ones((2, 3), np.float32))
    made.backward(np.ones_like(y))
    optimizer.step()
    after = dict(made.named_buffers())
    assert after.pop("0.steps").data == before.pop("0.steps") + 1
    assert all(np.array_equal(after[name].data, before[name]) for name in after)
    assert sum(p.numel() for p in made.parameters()) == 3 + 6 + 2


@pytest.mark.parametrize(
    ("data", "error", "text"),
    [
        ([1.0], TypeError, "numbers or bool, got list"),
        (np.array(["a"]), TypeError, "got <U1"),
        (np.zeros(2, np.longdouble), TypeError, "numbers or bool"),
        (np.zeros(2, np.complex64), TypeError, "got complex64"),
        (np.zeros(2, ">f4"), TypeError, "got >f4"),
        (np.zeros((2, 3)).T, ValueError, "C-contiguous"),
    ],
)
def test_wrong_data_is_named(data: Array, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Buffer(data)


def test_repr() -> None:
    assert repr(Buffer(np.zeros((2, 3), np.int16))) == "Buffer(shape=(2, 3), dtype=int16)"


def test_a_bool_whose_byte_is_neither_0_nor_1_is_saved_as_true(tmp_path: Path) -> None:
    model, other = Sequential(), Sequential()
    kept = Buffer(np.zeros(4, np.bool_))
    model.b = Buffer(np.array([2, 0, 1, 255], np.uint8).view(np.bool_))
    other.b = kept
    save(tmp_path / "b.safetensors", model)
    load(tmp_path / "b.safetensors", other)
    assert kept.data.view(np.uint8).tolist() == [1, 0, 1, 1]
