"""Each line of docs/pytorch.md, tried: what is equal, accepted and ignored, or different."""

from __future__ import annotations

import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import pytorch_more_lines, pytorch_tensor_lines  # noqa: F401 - their lines
from support.pytorch_lines import CHECKS, line, randn

import pycnn as torch
import pycnn.nn as nn
import pycnn.nn.functional as F

PAGE = Path(__file__).parents[2] / "docs" / "pytorch.md"


def rows() -> list[str]:
    text = PAGE.read_text()
    found = re.findall(r"^\| (`.*?) \| .* \|$", text, re.MULTILINE)
    assert len(found) > 30
    return found


@line("`class Net(nn.Module)`")
def forward_alone() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return F.relu(self.fc(x))  # type: ignore[attr-defined]

    net = Net()
    net(randn(4, 3)).sum().backward()
    assert net.fc.weight.grad.shape == (2, 3)


@line("`y = relu(x); z = relu(y)`")
def module_twice() -> None:
    layer = nn.Linear(2, 2)
    x = randn(3, 2)
    layer(layer(x)).sum().backward()
    together = layer.weight.grad
    layer.zero_grad()
    y = layer(x).detach().requires_grad_()
    layer(y).sum().backward()
    layer(x).backward(y.grad)
    np.testing.assert_allclose(layer.weight.grad, together, rtol=1e-5)


@line("`nn.Sequential(OrderedDict(...))`")
def sequential() -> None:
    model = nn.Sequential(OrderedDict([("a", nn.Linear(2, 3)), ("b", nn.ReLU())]))
    model.add_module("c", nn.Linear(3, 1))
    model.append(nn.Tanh())
    assert list(model.state_dict()) == ["a.weight", "a.bias", "c.weight", "c.bias"]
    assert model[:2](randn(5, 2)).shape == (5, 3)
    assert model(randn(5, 2)).shape == (5, 1)


@line("`nn.ModuleList`")
def lists() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
            self.named = nn.ModuleDict({"out": nn.Linear(2, 1)})
            self.factors = nn.ParameterList([torch.ones(1)])

    net = Net()
    names = list(net.state_dict())
    assert names[0] == "layers.0.weight"
    assert {"named.out.bias", "factors.0"} <= set(names)
    net.factors += [torch.ones(2)]
    del net.layers[0]
    last = [net.layers.pop(), net.named.pop("out")]
    assert [type(module) for module in last] == [nn.Linear, nn.Linear]
    assert list(net.state_dict()) == ["factors.0", "factors.1"]


@line("`nn.ReLU(inplace=True)`")
def relu_in_place() -> None:
    x = randn(4) * 1
    assert nn.ReLU(inplace=True)(x) is x
    assert (x >= 0).all()


@line("`nn.ZeroPad2d((left, right, top, bottom))`")
def zero_pad() -> None:
    assert nn.ZeroPad2d((1, 2, 3, 4))(torch.ones(1, 1, 2, 2)).shape == (1, 1, 9, 5)


@line("`nn.Upsample(4)`")
def upsample() -> None:
    x = torch.ones(1, 1, 2, 2)
    assert nn.Upsample(4)(x).shape == (1, 1, 4, 4)
    assert nn.Upsample(scale_factor=4)(x).shape == (1, 1, 8, 8)


@line("`nn.Embedding(...)`")
def embedding() -> None:
    for sparse in (False, True):
        table = nn.Embedding(4, 2, sparse=sparse)
        optimizer = torch.optim.SGD(table.parameters(), lr=0.1, momentum=0.9)
        for word in (1, 2):
            optimizer.zero_grad()
            table(torch.tensor([word])).sum().backward()
            before = table.weight.data.copy()
            optimizer.step()
        assert (table.weight.data[1] != before[1]).all() == (not sparse)


@line("`nn.Flatten(1)`")
def spellings() -> None:
    assert nn.Flatten(1)(torch.ones(2, 3, 4)).shape == (2, 12)
    np.testing.assert_allclose(nn.Softmax(dim=1)(randn(2, 3)).sum(1).numpy(), 1, rtol=1e-6)
    assert nn.Dropout(0.5, True).p == 0.5


@line("`nn.Conv2d(3, 8, 3)(x)`")
def unbatched() -> None:
    assert nn.Conv2d(3, 8, 3)(randn(3, 5, 5)).shape == (8, 3, 3)


@line("`nn.Linear(4, 2)(x)`")
def linear_of_many_axes() -> None:
    layer, x = nn.Linear(4, 2), randn(3, 5, 4)
    np.testing.assert_allclose(layer(x)[1].numpy(), layer(x[1]).numpy(), rtol=1e-5, atol=1e-7)


@line("`nn.CrossEntropyLoss()` with (N, C, H, W)")
def classes_of_pixels() -> None:
    scores, target = randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4), generator=1)
    rows = scores.permute(0, 2, 3, 1).reshape(-1, 3)
    loss = nn.CrossEntropyLoss()
    np.testing.assert_allclose(
        loss(scores, target).item(), loss(rows, target.view(-1)).item(), rtol=1e-6
    )


@line("`nn.CrossEntropyLoss()` with two float tensors")
def probabilities() -> None:
    scores, target = randn(2, 3), torch.tensor([0, 2])
    loss = nn.CrossEntropyLoss()
    soft = F.one_hot(target, 3).float()  # type: ignore[attr-defined]
    np.testing.assert_allclose(loss(scores, soft).item(), loss(scores, target).item(), rtol=1e-6)


@line("`F.softmax(x)`")
def softmax() -> None:
    np.testing.assert_allclose(F.softmax(randn(2, 3)).sum(1).numpy(), 1, rtol=1e-6)  # type: ignore[attr-defined]
    np.testing.assert_allclose(F.softmax(randn(2, 3, 4)).sum(0).numpy(), 1, rtol=1e-6)  # type: ignore[attr-defined]


@line("`nn.init.kaiming_normal_(m.weight)`")
def init() -> None:
    layer = nn.Linear(50, 50)
    assert nn.init.kaiming_normal_(layer.weight) is layer.weight
    assert layer.bias is not None
    layer.bias.data.zero_()
    layer.weight.data.normal_(0, 0.01)
    assert not layer.bias.data.any()
    assert 0.005 < layer.weight.std().item() < 0.02


@line("`model.parameters()`")
def walks() -> None:
    shared = nn.Linear(2, 2)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert len(list(model.parameters())) == 2
    assert [type(child).__name__ for child in model.children()][:2] == ["Linear", "ReLU"]
    assert [name for name, _ in model.named_modules()] == ["", "0", "1"]
    seen: list[nn.Module] = []
    assert model.apply(seen.append) is model
    assert seen[-1] is model


@line("`p.requires_grad = False`")
def frozen() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    for parameter in model[0].parameters():
        parameter.requires_grad = False
    model(randn(1, 2)).sum().backward()
    assert [p.grad is None for p in model.parameters()] == [True, True, False, False]


@line("`nn.Conv2d(..., device=None, dtype=None)`")
def placement() -> None:
    assert nn.Conv2d(1, 1, 1, device=None, dtype=None).weight.device == "cpu"


@line("`model.float()`")
def floats() -> None:
    model = nn.Linear(1, 1)
    assert model.float() is model


@line("`self.layers = [nn.Linear(2, 2)]`")
def plain_list() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = [nn.Linear(2, 2)]

    with pytest.raises(TypeError, match="ModuleList"):
        Net()


@line("`torch.save(model.state_dict(), path)`")
def save() -> None:
    with pytest.raises(TypeError):
        torch.save(nn.Linear(1, 1).state_dict(), "weights.safetensors")  # type: ignore[arg-type]


@pytest.mark.parametrize("row", rows())
def test_the_line_holds(row: str) -> None:
    (check,) = [check for start, check in CHECKS.items() if row.startswith(start)]
    check()


def test_every_check_has_a_line() -> None:
    assert [start for start in CHECKS if not any(row.startswith(start) for row in rows())] == []


@pytest.fixture(autouse=True)
def _no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no seed to the tests that follow."""
    monkeypatch.setattr("pycnn._random._seeded", None)
