"""A batch normalisation with what follows it, on arrays and on tensors: the bits of one by one."""

from __future__ import annotations

import copy
import gc
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import functional as F
from pycnn.layers.fused import steps_of

rng = np.random.default_rng(0)
X = rng.standard_normal((4, 3, 5, 6)).astype(np.float32)
R = rng.standard_normal(X.shape).astype(np.float32)

NORMS: list[Callable[[], nn.BatchNorm2d]] = [
    lambda: nn.BatchNorm2d(3),
    lambda: nn.BatchNorm2d(3, affine=False),
    lambda: nn.BatchNorm2d(3, bias=False, momentum=None),
    lambda: nn.BatchNorm2d(3, track_running_stats=False, eps=0.1),
]
LIMITS: list[Callable[[], nn.Module]] = [nn.ReLU, nn.ReLU6, lambda: nn.Hardtanh(-0.5, 0.75)]


def shaken(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    for k, parameter in enumerate(norm.parameters()):
        parameter.data[...] = np.array([0.5, -1.5, 2], np.float32) + np.float32(k)
    return norm


class Alone(nn.Sequential):
    """Runs its layers one by one, on arrays."""

    def forward(self, x: Any) -> Any:
        for layer in self:
            x = layer.forward(x)
        self.save_for_backward(True)
        return x

    def backward(self, dy: Any, input_gradient: bool = True) -> Any:
        self.saved()
        for layer in reversed(list(self)):
            dy = layer.backward(dy)
        return dy


def state(model: nn.Module) -> list[Any]:
    arrays = [np.array(value) for value in model.state_dict().values()]
    return arrays + [np.array(p.grad) for p in model.parameters() if p.grad is not None]


def assert_equal(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("limit", LIMITS)
def test_a_row_of_layers(norm: Any, limit: Any) -> None:
    """Twice in training, then frozen, then in evaluation, then in training again."""
    layers = [shaken(norm()), limit()]
    alone = Alone(*copy.deepcopy(layers))
    whole = nn.Sequential(*layers)
    assert [step.name for step in steps_of(list(whole._named.items()))] == ["0"]
    for mode in ("train", "train", "frozen", "eval", "train"):
        results = []
        for model in (whole, alone):
            model.train(mode != "eval")
            for parameter in model.parameters():
                parameter.requires_grad = mode != "frozen"
            results.append([model(X), model.backward(R), *state(model)])
        assert_equal(*results)
    whole(X)
    alone(X)
    assert_equal([whole[0].backward(whole[1].backward(R))], [alone.backward(R)])


def test_one_value_a_channel_is_refused_by_name() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    for x in (X[:1, :, :1, :1].copy(), nn.tensor(X[:1, :, :1, :1])):
        with pytest.raises(ValueError, match="BatchNorm2d: expects more than one value a channel"):
            model(x)
    with pytest.raises(ValueError, match=r"Sequential\[0\] BatchNorm2d: expects"):
        model(X[:, :2].copy())
    assert int(model[0].num_batches_tracked.data) == 0
    with pytest.raises(RuntimeError, match="forward pass"):
        model.backward(R)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("name", ["forward", "backward"])
def test_a_pass_that_an_instance_overrides_is_called(index: int, name: str) -> None:
    model, calls = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU()), []
    before = getattr(model[index], name)

    def counted(array: Any) -> Any:
        calls.append(array)
        return before(array)

    setattr(model[index], name, counted)
    other = Alone(nn.BatchNorm2d(3), nn.ReLU())
    assert_equal([model(X), model.backward(R)], [other(X), other.backward(R)])
    assert len(calls) == 1


def test_copies_and_sub_classes() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    again = pickle.loads(pickle.dumps(model))
    again[0].weight.data[...] = 0
    assert not again(X).any()
    assert model(X).any()

    class Own(nn.ReLU):
        pass

    row = nn.Sequential(nn.BatchNorm2d(3), Own())
    assert [step.name for step in steps_of(list(row._named.items()))] == ["0", "1"]


# Tensors ----------------------------------------------------------------------------------------


class Block(nn.Module):
    """A block as people write it; with `looks` each tensor is looked at and kept."""

    def __init__(self, way: str, looks: bool) -> None:
        super().__init__()
        self.way, self.looks = way, looks
        self.kept: list[Any] = []
        self.conv = nn.Conv2d(3, 3, 3, padding=1, bias=False, rng=0)
        self.bn1, self.bn2 = shaken(nn.BatchNorm2d(3)), shaken(nn.BatchNorm2d(3))
        self.down = nn.Sequential(nn.Conv2d(3, 3, 1, rng=1), nn.BatchNorm2d(3))
        self.relu, self.relu6 = nn.ReLU(inplace=way == "in place"), nn.ReLU6()

    def look(self, x: Any) -> Any:
        if self.looks:
            self.kept.append(x)
            x.numpy()
        return x

    def forward(self, x: Any) -> Any:
        look = self.look
        y = look(self.bn1(self.conv(x)))
        if self.way == "relu6":
            return x + look(self.bn2(self.conv(look(self.relu6(y)))))
        y = look(F.relu(y))
        y = look(self.bn2(self.conv(y)))
        if self.way == "in place":
            y += x
            return self.relu(look(y))
        if self.way == "down":
            return F.relu(look(look(self.down(x)) + y))
        if self.way == "shared":
            z = look(y + x)
            return F.relu(z) + y * z
        if self.way == "changed":
            z = F.relu(y)
            y += 1
            y.add_(x)
            return z + look(y)
        if self.way == "add_":
            return F.relu6(look(y.add_(x)))
        return look(y + x).relu()


WAYS = ["plain", "in place", "add_", "down", "shared", "changed", "relu6"]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("way", WAYS)
def test_blocks(way: str, training: bool) -> None:
    """Whether or not somebody looks in between: outputs, gradients and statistics."""
    results = []
    for looks in (False, True):
        block = Block(way, looks).train(training)
        x = nn.tensor(X.copy(), requires_grad=True)
        y = block(x)
        block.kept.clear()
        (y * nn.tensor(R)).sum().backward()
        results.append([y.numpy(), np.array(x.grad), *state(block)])
        with nn.no_grad():
            results[-1].append(block(nn.tensor(X)).numpy())
    if way == "changed" and training:  # both y and z go back to the input, not z by way of y
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
    else:
        assert_equal(*results)


def _counted(calls: list[str], name: str, own: Any) -> Any:
    def call(*arguments: Any) -> Any:
        calls.append(name)
        return own(*arguments)

    return call


def test_one_op_does_all_three(monkeypatch: pytest.MonkeyPatch) -> None:
    from pycnn import ops

    calls: list[str] = []
    for name in ("batch_norm2d_apply", "relu", "add", "batch_norm2d"):
        own = getattr(ops, name)
        counted = _counted(calls, name, own)
        monkeypatch.setattr(ops, name, counted)
    for way in ("plain", "in place", "down"):
        calls.clear()
        gc.disable()
        y = Block(way, False)(nn.tensor(X))
        y.numpy()
        gc.enable()
        assert calls.count("batch_norm2d_apply") == (3 if way == "down" else 2)
        assert {*calls} == {"batch_norm2d_apply"}


def test_statistics_follow_at_the_call() -> None:
    """Nobody has looked at the output yet."""
    norm, other = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    y = norm(nn.tensor(X))
    other(X)
    assert_equal(state(norm), state(other))
    del y


def test_what_an_output_was_computed_from_may_change() -> None:
    norm, x, r = nn.BatchNorm2d(3), nn.tensor(X.copy()), nn.tensor(R.copy())
    expected = F.relu(nn.BatchNorm2d(3)(nn.tensor(X)) + nn.tensor(R)).numpy().copy()
    y = norm(x)
    x.zero_()
    z = F.relu(y + r)
    del y
    r.zero_()
    np.testing.assert_array_equal(z.numpy(), expected)
    y = norm(nn.tensor(X))
    assert norm.weight is not None
    norm.weight.data[...] = 0
    with pytest.raises(RuntimeError, match=r"weight of shape .* changed in place before anybody"):
        y.numpy()


def test_the_mode_of_each_op_counts() -> None:
    norm, r = nn.BatchNorm2d(3), nn.tensor(R.copy(), requires_grad=True)
    y = norm(nn.tensor(X))
    with nn.no_grad():
        assert not (y + r).requires_grad
        assert not F.relu(y).requires_grad
        z = nn.BatchNorm2d(3)(nn.tensor(X))
    (F.relu(z + r)).sum().backward()
    assert r.grad is not None
    norm.requires_grad_(False)
    (F.relu(norm(nn.tensor(X)) + r)).sum().backward()
    assert norm.weight is not None
    assert norm.weight.grad is None
    hooked = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())
    seen: list[Any] = []
    hooked[0].register_forward_hook(lambda module, inputs, y: seen.append(y.numpy().copy()))
    found = hooked(nn.tensor(X)).numpy()
    np.testing.assert_array_equal(found, np.maximum(seen[0], 0))
