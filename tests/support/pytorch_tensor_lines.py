"""What tries the lines of docs/pytorch.md that are about tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as torch
import pycnn.nn as nn
import pycnn.nn.functional as F
from support.pytorch_lines import line, randn


@line("`x += y`")
def in_place() -> None:
    x = torch.zeros(2, 3)
    x += 1
    x[0] = torch.ones(3) * 5
    x.view(-1)[3:].mul_(2)
    assert x.tolist() == [[5, 5, 5], [2, 2, 2]]


@line("`torch.max(x, 1)`")
def max_pair() -> None:
    values, indices = torch.max(torch.tensor([[1.0, 3.0], [4.0, 2.0]]), 1)
    assert (values.tolist(), indices.tolist()) == ([3, 4], [1, 0])


@line("`torch.split(x, 2, dim=1)`")
def split() -> None:
    x = torch.ones(2, 5)
    assert [part.shape for part in torch.split(x, 2, dim=1)] == [(2, 2), (2, 2), (2, 1)]
    assert [part.shape for part in x.chunk(2, 1)] == [(2, 3), (2, 2)]
    assert len(x.unbind()) == 2
    assert len(torch.random_split(torch.ArrayDataset(x.numpy(), np.array([0, 1])), [1, 1])) == 2


@line("`with torch.no_grad(): w -=")
def no_grad() -> None:
    w = torch.tensor([1.0], requires_grad=True)
    (w * w).backward()
    with torch.no_grad():
        w -= 0.25 * w.grad
    assert w.item() == 0.5
    assert w.is_leaf


@line("`loss.backward()` a second time")
def twice() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    loss = x * x
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        loss.backward()


@line("`torch.autograd.Function`")
def function() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return 2 * x

        @staticmethod
        def backward(ctx: Any, dy: Any) -> Any:
            assert len(ctx.saved_tensors) == 1
            return 2 * dy

    x = torch.tensor([1.0], requires_grad=True)
    Double.apply(x).backward()
    assert x.grad.tolist() == [2]


@line("`torch.autograd.gradcheck`")
def gradcheck() -> None:
    assert torch.gradcheck(lambda x: x.tanh(), randn(3))


@line("`x.contiguous()`")
def contiguous() -> None:
    x = randn(2, 3).t()
    before = x.tolist()
    x.contiguous().add_(1)
    y = x * 1
    assert y.contiguous() is y
    assert x.tolist() == before


@line("`F.interpolate(x, scale_factor=1.3, recompute_scale_factor=True)`")
def interpolate() -> None:
    x = randn(1, 1, 4)
    given, ratio = (
        F.interpolate(x, scale_factor=1.3, mode="linear", recompute_scale_factor=flag)  # type: ignore[attr-defined]
        for flag in (None, True)
    )
    assert (ratio == F.interpolate(x, size=5, mode="linear")).all()  # type: ignore[attr-defined]
    assert (given != ratio).any()


@line("`torch.set_grad_enabled(False)`")
def recording_off() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    with torch.set_grad_enabled(True):
        torch.set_grad_enabled(False)
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


@line("`with torch.no_grad(): y[0] = 1`")
def changed_without_record() -> None:
    x = torch.tensor([3.0, 4.0], requires_grad=True)
    y = x * 2
    with torch.no_grad():
        y[0] = 1
    (y * y).sum().backward()
    assert x.grad.tolist() == [4, 32]


@line("`x.copy_(y)`")
def gradients_of_what_is_put_in() -> None:
    y = torch.tensor([1.0, 2.0], requires_grad=True)
    x, z = torch.zeros(2), torch.zeros(2, 2)
    x.copy_(y)
    z[0] = y
    (x.sum() + 2 * z.sum()).backward()
    assert y.grad.tolist() == [3, 3]


@line("`x[mask]` with a mask of uint8")
def byte_mask() -> None:
    assert torch.arange(3)[torch.ByteTensor([1, 0, 1])].tolist() == [0, 2]  # type: ignore[call-arg]


@line("`w.grad`")
def arrays() -> None:
    layer = nn.Linear(2, 2)
    layer(randn(1, 2)).sum().backward()
    weight: Any = layer.weight
    weight.grad.zero_()
    for array in (weight.grad, weight.data, layer.state_dict()["weight"]):
        assert isinstance(array, np.ndarray)


@line("`torch.tensor(x)` with x of float64")
def float64() -> None:
    assert torch.tensor(np.ones(2)).dtype == np.float32
    assert randn(2).to("reference").dtype == np.float64


@line("`torch.tensor(x)` with x of int16")
def narrow_ints() -> None:
    numbers = np.ones(2, np.int32)
    assert torch.tensor(numbers).dtype == np.int64
    assert torch.tensor(numbers, dtype=np.int32).dtype == np.int32


@line("`torch.Tensor(x)`")
def whole_numbers() -> None:
    assert torch.Tensor(np.ones(2, np.int64)).dtype == np.int64
    assert torch.FloatTensor(np.ones(2, np.int64)).dtype == np.float32  # type: ignore[call-arg]


@line("`y = x[0]`, then")
def views() -> None:
    x = torch.zeros(2, 2)
    views = (x[0], x.view(-1), x.t(), x.split(1)[1], x.detach(), x[:, 1].view(2, 1))
    x += 1
    assert all(y.all() for y in views)
    first, overlapping = x[0], x[:, 0]
    first += 1
    overlapping += 1
    assert x.tolist() == [[3, 2], [2, 1]]
    assert views[0].tolist() == [3, 2]


@line("`~x`")
def bits() -> None:
    x = torch.tensor([1, 2])
    assert (~(x > 1)).tolist() == [True, False]
    with pytest.raises(TypeError, match="bool"):
        x & 1


@line("`z = y * y`")
def kept() -> None:
    x = torch.tensor([3.0], requires_grad=True)
    y = x * 1
    z = y * y
    y += 1
    z.backward()
    assert x.grad.tolist() == [6]


@line("`torch.empty(2)`")
def empty() -> None:
    assert torch.empty(2).tolist() == [0, 0]


@line("`torch.manual_seed(0)`")
def seeds() -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(7)
        drawn.append((nn.Linear(3, 3).weight.data.copy(), torch.rand(2).tolist()))
    np.testing.assert_array_equal(drawn[0][0], drawn[1][0])
    assert drawn[0][1] == drawn[1][1]


@line("`np.asarray(tensor)`")
def read_only() -> None:
    x = torch.tensor([1.0], requires_grad=True)
    for array in (np.asarray(x), (x * 2).numpy()):
        assert not array.flags.writeable
