"""What tries lines of docs/pytorch.md: hooks, layers replaced, more names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as torch
import pycnn.nn as nn
import pycnn.nn.functional as F
from pycnn.optim import SGD
from pycnn.optim.lr_scheduler import StepLR
from support.pytorch_lines import line, randn


@line("`layer.register_forward_hook(f)`")
def hooks() -> None:
    layer, seen = nn.Linear(2, 2), []
    handle = layer.register_forward_hook(lambda m, x, y: seen.append(y.shape))
    layer.register_forward_pre_hook(lambda m, x: (x[0] * 0,))
    layer.register_full_backward_hook(lambda m, dx, dy: seen.append(dy[0].shape))
    y = layer(randn(3, 2))
    assert torch.equal(y[0], y[1])
    y.sum().backward()
    handle.remove()
    layer(randn(3, 2))
    assert seen == [(3, 2), (3, 2)]


@line("`x.register_hook(f)`")
def hooks_of_tensors() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    x.register_hook(lambda g: g * 2)
    (x + x * 3).backward()
    assert x.grad.tolist() == [8]


@line("`setattr(model, name, layer)`")
def replaced() -> None:
    row = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    for name, child in row.named_children():
        if isinstance(child, nn.ReLU):
            setattr(row, name, nn.Tanh())
    assert isinstance(getattr(row, "1"), nn.Tanh)
    row._modules["1"] = nn.Identity()
    x = randn(1, 2)
    assert torch.equal(row(x), row[0](x))


@line("`del model.fc`")
def taken_away() -> None:
    row = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh())
    assert isinstance(row.pop(0), nn.Linear)
    assert isinstance(row._modules.pop("1"), nn.Tanh)
    model: Any = nn.Module()
    model.fc = nn.Linear(2, 2)
    del model.fc
    assert not list(model.children())


@line("`_parameters`")
def by_name() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    assert list(model[0]._parameters) == ["weight", "bias"]
    assert model.get_parameter("0.bias") is model[0].bias
    model.set_submodule("0", nn.BatchNorm1d(2))
    assert "running_mean" in model[0]._buffers


@line("`named_parameters(recurse=False)`")
def spellings_of_modules() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    assert not list(model.named_parameters(recurse=False))
    assert len(list(model.buffers())) == len(list(model[0].buffers(recurse=False)))
    model(randn(3, 2)).sum().backward()
    model.zero_grad(set_to_none=False)
    assert not model[0].weight.grad.any()
    assert model.extra_repr() == ""


@line("`x.scatter_(1, labels, 1)`")
def names() -> None:
    x = torch.zeros(2, 3)
    x.scatter_(1, torch.tensor([[2], [0]]), 1)
    assert x.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert torch.addmm(torch.ones(1), x, torch.eye(3)).sum().item() == 8
    assert torch.allclose(x.lerp(x + 2, 0.5), x + 1)
    assert x.kthvalue(3, 1).values.tolist() == [1, 1]
    assert torch.meshgrid(torch.arange(2), torch.arange(3))[0].shape == (2, 3)


@line("`x.unsqueeze_(0)`")
def shapes() -> None:
    x = torch.zeros(2, 3)
    x.t_()
    x.unsqueeze_(0)
    assert x.shape == (1, 3, 2)


@line("`torch.clamp(x, low, high)`")
def limits() -> None:
    low = torch.tensor(0.5, requires_grad=True)
    y = torch.clamp(torch.tensor([0.0, 1.0]), low, torch.tensor([2.0, 0.75]))
    assert y.tolist() == [0.5, 0.75]
    y.sum().backward()
    assert low.grad == 1


@line("`torch.where(mask, 1, 0)`")
def choices() -> None:
    mask = torch.tensor([True, False])
    assert torch.where(mask, 1, 0).dtype == np.int64
    assert torch.where(mask, 1.0, 0).dtype == np.float32


@line("`nn.SELU`")
def layers() -> None:
    x = randn(1, 1, 4, 4)
    assert torch.allclose(nn.Fold(4, 2, stride=2)(nn.Unfold(2, stride=2)(x)), x)
    for layer in (nn.SELU(), nn.CELU(), nn.Softsign(), nn.Threshold(0.1, 2)):
        assert layer(x).shape == x.shape
    assert torch.equal(F.softsign(x), nn.Softsign()(x))  # type: ignore[attr-defined]
    assert nn.Bilinear(4, 4, 2)(x, x).shape == (1, 1, 4, 2)
    assert nn.CosineSimilarity(-1)(x, x).shape == (1, 1, 4)


@line("`nn.TripletMarginLoss`")
def losses() -> None:
    a, b = randn(3, 2).requires_grad_(), torch.zeros(3, 2)
    loss = nn.TripletMarginLoss()(a, b, b)
    loss.backward()
    np.testing.assert_allclose(loss.item(), 1, rtol=1e-5)
    assert nn.CosineEmbeddingLoss()(a, a, torch.ones(3)).item() < 1e-5
    assert nn.GaussianNLLLoss()(b, b, torch.ones(3, 2)).item() == 0


@line("`StepLR(optimizer, 30, 0.1)`")
def schedulers() -> None:
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    scheduler = StepLR(optimizer, 2, 0.5)
    for _ in range(4):
        scheduler.step()
    assert scheduler.get_last_lr() == [0.25]


@line('`optimizer.param_groups[0]["lr"] = 0.01`')
def rate() -> None:
    layer = nn.Linear(1, 1, bias=False)
    optimizer = SGD(layer.parameters(), lr=1.0)
    optimizer.param_groups[0]["lr"] = 0.01
    before = layer.weight.item()
    layer(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(layer.weight.item(), before - 0.01, rtol=1e-5)


@line("`model.half()`")
def kinds() -> None:
    for convert in (nn.Linear(1, 1).half, nn.Linear(1, 1).double):
        with pytest.raises(TypeError, match="reference"):
            convert()


@line("`layer(array)` of a layer with hooks")
def hooks_on_arrays() -> None:
    layer = nn.Linear(2, 2)
    layer.register_forward_hook(lambda m, x, y: y * 2)
    y = layer(np.ones((1, 2), np.float32))
    with pytest.raises(RuntimeError, match="a hook has changed arrays"):
        layer.backward(y)


@line("`register_backward_hook`")
def older_hooks() -> None:
    assert nn.Module.register_backward_hook is nn.Module.register_full_backward_hook
