"""The home of a parameter: where its gradients lie, and what does not go there."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import Options
from support.small_training import blobs, same_bits, small_net, snapshot

import pycnn as nn
from pycnn import devices
from pycnn.layers import Parameter, SparseRows
from pycnn.layers.parameter import Gradient, places

Array = np.ndarray


def floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


class Part:
    """A home in a buffer: a first gradient is copied there, and later ones are added."""

    def __init__(self, view: Array) -> None:
        self.view = view
        self.calls: list[tuple[Gradient | None, Gradient]] = []

    def add(self, own: Gradient | None, grad: Gradient) -> Gradient:
        self.calls.append((own, grad))
        dense = grad.to_dense() if isinstance(grad, SparseRows) else grad
        if own is not None:
            self.view += dense
        elif grad is not self.view:
            self.view[...] = dense
        return self.view


def settle(model: nn.Module) -> Array:
    """Return the parameters homes in one buffer, side by side, which is returned."""
    parameters = list(model.parameters())
    flat = np.full(sum(p.numel() for p in parameters), np.nan, np.float32)
    end = 0
    for p in parameters:
        p.home = Part(flat[end : end + p.numel()].reshape(p.shape))
        end += p.numel()
    return flat


def homes(model: nn.Module) -> Iterator[Part]:
    for p in model.parameters():
        assert isinstance(p.home, Part)
        yield p.home


def test_a_home_is_asked_for_every_gradient() -> None:
    p = Parameter(np.zeros((3, 2), np.float32))
    assert p.home is None
    assert p.place is None
    assert places(p, p) is None
    p.home = home = Part(np.full((3, 2), np.nan, np.float32))
    assert p.place is home.view
    home.view[...] = 1
    p.accumulate(home.view)
    assert p.gradient is home.view
    assert p.place is None  # the next one is added
    more, rows = floats(3, 2), SparseRows(np.array([1]), floats(1, 2), (3, 2))
    p.accumulate(more)
    p.accumulate(rows)
    assert [call[1] for call in home.calls] == [home.view, more, rows]
    assert [call[0] for call in home.calls] == [None, home.view, home.view]
    np.testing.assert_array_equal(home.view, 1 + more + rows.to_dense())
    with pytest.raises(ValueError, match="gradient has shape"):
        p.accumulate(np.zeros(6, np.float32))
    assert len(home.calls) == 3
    p.grad = None
    p.accumulate(rows)
    np.testing.assert_array_equal(home.view, rows.to_dense())
    assert places(p, None) == (None, None)
    p.grad = None
    assert places(p, p) == (home.view, home.view)


def network(table: bool = False) -> nn.Sequential:
    """Return the fused ops, and a layer that cannot be fused: no bias, a table of connections."""
    last: Options = {"connections": np.tri(4, 4, dtype=bool)} if table else {"bias": False}
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1, rng=1, **last), nn.Tanh(),
        nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 4, rng=2),
    )  # fmt: skip


@pytest.mark.parametrize("make", [network, small_net, lambda: network(table=True)])
def test_gradients_are_written_into_homes(make: Callable[[], nn.Sequential]) -> None:
    """The first without a copy where the op can; the second is added."""
    model, other = make(), make()
    flat = settle(model)
    x, dy = blobs(5).x, floats(5, 4)
    for step in range(2):
        for net in (model, other):
            net(x)
            net.backward(dy) if step else net.backward_parameters(dy)
        for one, two, home in zip(
            model.parameters(), other.parameters(), homes(model), strict=True
        ):
            assert one.gradient is home.view
            np.testing.assert_array_equal(one.grad, two.grad)
    assert np.isfinite(flat).all()
    for layer in model:
        for p in layer.parameters():
            assert isinstance(p.home, Part)
            (own, first), (_, second) = p.home.calls
            assert own is None
            copied = isinstance(layer, nn.BatchNorm2d) or p.data.ndim == 3  # of a table
            assert (first is p.home.view) != copied
            assert second is not p.home.view


@pytest.mark.parametrize("make", [network, small_net])
def test_homes_do_not_change_the_bits_of_a_training(make: Callable[[], nn.Sequential]) -> None:
    """With what reads and scales gradients: clipping, the watch for NaN, several optimizers."""
    trained = []
    for homed in (False, True):
        model = make()
        if homed:
            settle(model)
        nn.fit(
            model, blobs(64), epochs=2, batch_size=16, seed=0, max_grad_norm=0.1, progress=False,
            optimizer=nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            callbacks=[nn.training.TerminateOnNaN()],
        )  # fmt: skip
        nn.fit(model, blobs(64), epochs=1, batch_size=16, seed=1, progress=False)
        trained.append(snapshot(model))
        assert not homed or all(len(home.calls) == 12 for home in homes(model))
    assert same_bits(*trained)


@pytest.mark.parametrize(
    "make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_have_no_home(make: Callable[[Any], Any]) -> None:
    model = small_net()
    flat = settle(model)
    model(blobs(3).x)
    model.backward(floats(3, 4))
    other = make(model)
    before = flat.copy()
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert two.home is None
        np.testing.assert_array_equal(one.grad, two.grad)
        assert not np.shares_memory(one.grad, two.grad)
        assert make(one).home is None
        assert copy.copy(one).home is None
    other(blobs(3).x)
    other.backward(floats(3, 4))
    np.testing.assert_array_equal(flat, before)
    assert all(isinstance(p.home, Part) for p in model.parameters())


class Named(Parameter):
    """Has an attribute, a slot and an unset slot."""

    name: str
    slot: int

    __slots__ = ("__dict__", "slot", "unset")


@pytest.mark.parametrize(
    "make",
    [
        copy.copy,
        copy.deepcopy,
        *(lambda p, n=n: pickle.loads(pickle.dumps(p, n)) for n in range(6)),
    ],
)
def test_copies_of_a_subclass_have_all_but_the_home(make: Callable[[Any], Any]) -> None:
    p = Named(floats(2))
    p.name, p.slot, p.grad = "w", 3, floats(2) + 1
    p.home = Part(floats(2))
    other = make(p)
    assert type(other) is Named
    assert (other.name, other.slot, other.home) == ("w", 3, None)
    assert not hasattr(other, "unset")
    np.testing.assert_array_equal(other.data, p.data)
    np.testing.assert_array_equal(other.grad, p.grad)


def test_states_leave_homes_alone(tmp_path: Path) -> None:
    model = small_net()
    settle(model)
    before = list(homes(model))
    model.load_state_dict(small_net(1).state_dict())
    nn.save(tmp_path / "model.safetensors", model)
    nn.load(tmp_path / "model.safetensors", model)
    model.to("cpu")
    assert list(homes(model)) == before


def test_another_device_has_no_home(device: str) -> None:
    model = small_net()
    settle(model)
    model.to(device)
    assert all(p.home is None for p in model.parameters())
    model(devices.move(blobs(3).x, device))
    model.backward(devices.move(floats(3, 4), device))
    assert all(p.grad is not None for p in model.parameters())
