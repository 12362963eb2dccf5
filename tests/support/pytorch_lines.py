"""What tries a line of docs/pytorch.md; here, those of older programs and of some layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
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


@line("`x.mean(axis=1, keepdims=True)`")
def numpy_names() -> None:
    x = randn(2, 3)
    assert torch.all(x.mean(axis=1, keepdims=True) == x.mean(dim=1, keepdim=True))
    assert torch.cat([x, x], axis=1).shape == (2, 6)  # type: ignore[call-arg]


@line("`self.device = device` in a module")
def device_of_ones_own() -> None:
    layer = nn.Identity()
    layer.device = "cuda:0"
    assert layer.device == "cuda:0"


@line('`self.__getattr__("conv1")`')
def attribute_by_name() -> None:
    layer = nn.Linear(2, 2)
    assert layer.__getattr__("weight") is layer.weight  # type: ignore[attr-defined]


@line("`isinstance(m, nn.LSTM)`")
def named_kinds() -> None:
    assert not isinstance(nn.Conv2d(1, 1, 1), (nn.LSTM, nn.Conv3d))  # type: ignore[attr-defined]


@line("`nn.LSTM(3, 4)`")
def absent_layers() -> None:
    for kind in (nn.LSTM, nn.Conv3d):  # type: ignore[attr-defined]
        with pytest.raises(NotImplementedError):
            kind(3, 4)


@line("`model_zoo.load_url(url)`")
def no_weights() -> None:
    for load in (torch.utils.model_zoo.load_url, torch.hub.load_state_dict_from_url):
        with pytest.raises(RuntimeError, match="safetensors"):
            load("https://example.com/resnet.pth")


@line("`nn.ConvTranspose2d(...)(x, output_size=skip.size())`")
def output_size() -> None:
    up, x = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1), randn(1, 2, 4, 5)
    size = torch.Size([1, 3, 8, 9])
    y = up(x, output_size=size)
    assert (up(x).shape, y.shape) == ((1, 3, 7, 9), size)
    same = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=(1, 0))
    same.load_state_dict(up.state_dict())
    np.testing.assert_array_equal(y.numpy(), same(x).numpy())
    assert torch.gradcheck(lambda a: up.to("reference")(a, (8, 9)), x)
    with pytest.raises(ValueError, match=r"output_size must be from \(7, 9\) to \(8, 10\)"):
        up(x, (9, 9))


@line("`nn.CrossEntropyLoss(weight=tensor)`")
def weights_of_losses() -> None:
    scores, classes = torch.zeros(2, 2), torch.tensor([0, 1])
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0]), reduction="none")
    assert loss(scores, classes).tolist() == pytest.approx([np.log(2), 3 * np.log(2)])


@line("`nn.Upsample(scale_factor=1.5)`")
def upsample_whole() -> None:
    with pytest.raises(ValueError, match="scale_factor must be a whole number"):
        nn.Upsample(scale_factor=1.5)
    with pytest.raises(ValueError, match="must be whole multiples"):
        nn.Upsample(3)(torch.ones(1, 1, 2, 2))
    with pytest.raises(ValueError, match="mode must be one of nearest, linear, bilinear"):
        nn.Upsample(4, mode="bicubic")


@line("`nn.Softmax()`")
def softmax_without_axis() -> None:
    assert nn.Softmax()(torch.zeros(1, 2)).tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match="dim= says which axis holds the classes"):
        nn.Softmax()(torch.zeros(1, 2, 3))


@line("`nn.Dropout(1.0)`")
def all_dropped() -> None:
    with pytest.raises(ValueError, match=r"p must be in \[0, 1\)"):
        nn.Dropout(1.0)


@line("`nn.InstanceNorm2d(3, track_running_stats=True)`")
def counted() -> None:
    layer = nn.InstanceNorm2d(1, momentum=None, track_running_stats=True)
    for shift in (0, 4):
        layer(randn(1, 1, 2, 2) * 0.001 + shift)
    assert layer.state_dict()["num_batches_tracked"] == 2
    assert layer.state_dict()["running_mean"] == pytest.approx(2, abs=0.01)
