"""What tries a line of docs/pytorch.md; here, those of what older programs for PyTorch say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import pycnn as torch
import pycnn.nn as nn
import pycnn.nn.functional as F

CHECKS: dict[str, Callable[[], None]] = {}


def line(start: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Say which line of the page a function tries, by how its first column begins."""

    def keep(check: Callable[[], None]) -> Callable[[], None]:
        CHECKS[start] = check
        return check

    return keep


def randn(*shape: int) -> Any:
    return torch.randn(*shape, generator=0)


@line("`nn.utils.weight_norm(layer)`")
def normalised_weight() -> None:
    layer = nn.utils.weight_norm(nn.Linear(2, 3))
    assert list(layer.state_dict()) == ["bias", "weight_g", "weight_v"]
    layer(randn(1, 2)).sum().backward()
    assert layer.weight_g.grad.shape == (3, 1)  # type: ignore[attr-defined]


@line("`nn.MaxPool2d(2, return_indices=True)`")
def indices_of_maxima() -> None:
    x = randn(1, 1, 4, 4)
    y, where = nn.MaxPool2d(2, return_indices=True)(x)
    back = nn.MaxUnpool2d(2)(y, where)
    assert back.shape == x.shape
    assert torch.all((back == x) | (back == 0))


@line("`init.xavier_uniform(m.weight)`")
def older_initial_values() -> None:
    weight = nn.Linear(2, 3).weight
    assert nn.init.xavier_uniform(weight) is weight  # type: ignore[arg-type, comparison-overlap]
    assert nn.init.xavier_uniform((3, 2)).shape == (3, 2)


@line("`torch.FloatTensor(2, 3)`")
def older_tensors() -> None:
    assert torch.FloatTensor(2, 3).shape == (2, 3)  # type: ignore[attr-defined, call-arg]
    assert torch.autograd.Variable(torch.LongTensor([1])).tolist() == [1]  # type: ignore[attr-defined, call-arg]


@line("`self.weight.data = tensor`")
def assigned_data() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.data = torch.eye(2)
    assert layer.weight.data.size() == (2, 2)
    assert layer.weight.tolist() == [[1, 0], [0, 1]]


@line("`class Block(nn.ModuleDict)`")
def called_dict() -> None:
    class Block(nn.ModuleDict):
        def forward(self, x: Any) -> Any:
            return sum(layer(x) for layer in self.values())

    block = Block()
    block.add_module("one", nn.Identity())
    assert block(torch.tensor([2.0])).tolist() == [2]


@line("`torch.utils.checkpoint.checkpoint(f, x)`")
def memory_saved() -> None:
    assert torch.utils.checkpoint.checkpoint(F.relu, torch.tensor([-1.0, 1.0])).tolist() == [0, 1]  # type: ignore[attr-defined]


@line("`nn.DataParallel(net)`")
def one_device() -> None:
    x = randn(2, 2)
    layer = nn.Linear(2, 2)
    assert torch.all(nn.DataParallel(layer)(x) == layer(x))
    torch.backends.cudnn.benchmark = False


@line("`x.data`")
def values_without_history() -> None:
    x = randn(2, 3)
    x.requires_grad = True
    y = x * 2
    assert y.data.size() == (2, 3)
    assert not y.data.requires_grad
    assert y.data.max(1)[1].tolist() == y.argmax(1).tolist()
    x.data.mul_(2)
    assert (x.numpy() == y.numpy()).all()
    x.data -= 1
    assert (x.numpy() == (y - 1).numpy()).all()
    assert x.is_leaf


@line("`w.grad.zero_()`")
def gradients_as_in_pytorch() -> None:
    w = randn(3)
    w.requires_grad = True
    (w * w).sum().backward()
    assert w.grad.data.norm() == pytest.approx(float(2 * w.norm()))
    w.grad.zero_()
    (w * 3).sum().backward()
    assert w.grad.tolist() == [3, 3, 3]
    w.grad = None
    assert w.grad is None


@line("`model_zoo.load_url(url)`")
def no_weights() -> None:
    with pytest.raises(RuntimeError, match="safetensors"):
        torch.utils.model_zoo.load_url("https://example.com/resnet.pth")
