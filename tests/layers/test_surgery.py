"""Layers replaced, taken away and added, in the ways in which programs for PyTorch do it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), act=nn.ReLU()))
        self.fc = nn.Linear(2, 4)

    def forward(self, x: Any) -> Any:
        return self.fc(self.features(x).mean((2, 3)))


def holders() -> list[Any]:
    """Return all that hold a Linear and a ReLU, with other names."""
    layers: dict[str, nn.Module] = {"a": nn.Linear(2, 2), "b": nn.ReLU()}
    own = nn.Module()
    own.add_module("a", layers["a"])
    own.add_module("b", layers["b"])
    return [
        nn.Sequential(*layers.values()),
        nn.Sequential(layers),
        nn.ModuleList(layers.values()),
        nn.ModuleDict(layers),
        nn.Parallel(*layers.values()),
        nn.Residual(nn.Linear(2, 2), nn.ReLU()),
        own,
    ]


def by_setattr(model: Any, name: str, layer: nn.Module) -> None:
    setattr(model, name, layer)


def by_modules(model: Any, name: str, layer: nn.Module) -> None:
    model._modules[name] = layer


def by_set_submodule(model: Any, name: str, layer: nn.Module) -> None:
    model.set_submodule(name, layer)


@pytest.mark.parametrize("put", [by_setattr, by_modules, by_set_submodule])
def test_every_child_of_a_kind_is_replaced(put: Callable[[Any, str, nn.Module], None]) -> None:
    """The loop that programs have, on everything that holds layers."""
    for model in holders():
        names = [name for name, _ in model.named_children()]
        for name, child in model.named_children():
            assert getattr(model, name) is model._modules[name] is child
            if isinstance(child, nn.ReLU):
                put(model, name, nn.Tanh())
        assert [name for name, _ in model.named_children()] == names
        assert [type(child).__name__ for child in model.children()] == ["Linear", "Tanh"]
        assert [type(getattr(model, name)).__name__ for name in names] == ["Linear", "Tanh"]


def test_a_replaced_layer_is_what_runs() -> None:
    """Also where it ran as one op with its neighbours."""
    row = nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU())
    x = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    for put in (by_setattr, by_modules):
        put(row, "1", nn.Identity())
        np.testing.assert_array_equal(row(x), row[0](x))
        put(row, "1", nn.ReLU())
        np.testing.assert_array_equal(row(x), np.maximum(row[0](x), 0))


def test_layers_are_taken_away() -> None:
    def rest(model: Any) -> list[str]:
        return [name for name, _ in model.named_children()]

    def deleted(model: Any) -> None:
        del model._modules[rest(model)[0]]

    def popped(model: Any) -> None:
        assert isinstance(model._modules.pop(rest(model)[0]), nn.Linear)

    def without_attribute(model: Any) -> None:
        delattr(model, rest(model)[0])

    for take in (deleted, popped, without_attribute):
        for model in holders():
            if isinstance(model, (nn.Parallel, nn.Residual)):
                with pytest.raises(TypeError, match="put an Identity in its place"):
                    take(model)
                continue
            take(model)
            assert [type(child).__name__ for child in model.children()] == ["ReLU"]
            with pytest.raises(KeyError):
                del model._modules["c"]
            with pytest.raises(AttributeError):
                del model.c
    row = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh())
    assert isinstance(row.pop(0), nn.Linear)
    assert rest(row) == ["0", "1"]
    listed = nn.ModuleList(row) + nn.ModuleList([nn.ReLU()])
    assert isinstance(listed.pop(-1), nn.ReLU)
    del listed[0]
    assert [type(one).__name__ for one in listed] == ["Tanh"]
    table = nn.ModuleDict({"a": nn.ReLU()})
    assert isinstance(table.pop("a"), nn.ReLU)
    table.clear()
    assert not len(table)


def test_a_new_head_and_deeper_names() -> None:
    net: Any = Net()
    net.fc = nn.Linear(2, 3)
    net.features.conv = nn.Conv2d(1, 2, 5)
    assert net(nn.ones(1, 1, 8, 8)).shape == (1, 3)
    assert "conv" in dir(net.features)
    net.set_submodule("features.act", nn.Identity())
    assert isinstance(net.get_submodule("features.act"), nn.Identity)
    assert net.get_parameter("features.conv.bias") is net.features.conv.bias
    net.fc = nn.Identity()
    assert net(nn.ones(1, 1, 8, 8)).shape == (1, 2)
    del net.fc
    assert list(net.state_dict()) == ["features.conv.weight", "features.conv.bias"]
    with pytest.raises(AttributeError, match=r"no parameter fc\.weight"):
        net.get_parameter("fc.weight")
    with pytest.raises(AttributeError, match="no module fc"):
        net.set_submodule("fc.weight", nn.ReLU())


def test_an_attribute_of_a_row_is_run() -> None:
    """In a class without a forward of its own, as in PyTorch."""

    class Row(nn.Sequential):
        def __init__(self) -> None:
            super().__init__(nn.Linear(2, 3))
            self.act = nn.Tanh()

    row = Row() + nn.Sequential(nn.Linear(3, 1))
    assert [type(one).__name__ for one in row] == ["Linear", "Tanh", "Linear"]


def test_what_is_no_module_is_refused() -> None:
    for model in holders()[:-1]:
        name = next(iter(model._modules))
        for value in (None, 3):
            with pytest.raises(TypeError, match="Module"):
                setattr(model, name, value)
        with pytest.raises(TypeError, match=r"\[_modules\].*must be a Module"):
            model._modules[name] = 3
    with pytest.raises(TypeError, match=r"\[Parameter\] weight must be a Parameter"):
        nn.Linear(2, 2)._parameters["weight"] = nn.ones(2, 2)


def test_parameters_and_buffers_by_name() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    norm = net[1]
    assert not list(net._parameters)
    assert not list(net.parameters(recurse=False))
    assert list(norm._parameters) == ["weight", "bias"]
    assert list(norm._buffers) == [name for name, _ in norm.named_buffers()]
    assert len(list(net.buffers())) == len(list(norm.buffers(recurse=False))) == len(norm._buffers)
    assert net.get_buffer("1.running_mean") is norm._buffers["running_mean"]
    net[0]._parameters["bias"] = None
    assert net[0].bias is None
    del norm._buffers["running_mean"]
    with pytest.raises(KeyError):
        del norm._buffers["running_mean"]


def test_kinds_of_numbers_of_a_model() -> None:
    net = nn.Sequential(nn.Linear(2, 2))
    for same in (net.float(), net.to(nn.float32), net.to("cpu", nn.float32), net.to(nn.ones(1))):
        assert same is net
    calls: list[Callable[[], Any]] = [net.half, net.double, net.bfloat16]
    calls.append(lambda: net.to(np.float16))
    for call in calls:
        with pytest.raises(TypeError, match=r'parameters are float32.*model.to\("reference"\)'):
            call()


def test_gradients_of_zeros() -> None:
    layer = nn.Linear(2, 2, bias=False)
    optimizer = nn.optim.SGD(layer.parameters(), lr=0.1)
    for forget in (layer.zero_grad, optimizer.zero_grad):
        layer(nn.ones(1, 2)).sum().backward()
        forget(set_to_none=False)
        np.testing.assert_array_equal(layer.weight.grad, np.zeros((2, 2)))
        forget()
        assert layer.weight.grad is None


def test_a_class_adds_to_its_repr() -> None:
    class Scale(nn.Module):
        def extra_repr(self) -> str:
            return "factor=2"

    assert repr(Scale()) == "Scale(factor=2)"
    model = Scale()
    model.add_module("act", nn.ReLU())
    assert repr(model) == "Scale(\n  factor=2\n  (act): ReLU()\n)"
