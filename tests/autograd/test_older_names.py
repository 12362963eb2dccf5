"""PyTorch's older names for tensors, initial values and wrappers, and what orders numbers."""

from __future__ import annotations

import numpy as np
import pytest

import pycnn as nn
from pycnn import cuda
from pycnn.autograd import Variable
from pycnn.backends import cudnn
from pycnn.nn.modules.utils import _pair
from pycnn.nn.parallel import data_parallel
from pycnn.utils.checkpoint import checkpoint
from pycnn.utils.model_zoo import load_url


def test_older_names_of_tensors() -> None:
    assert nn.FloatTensor([1, 2]).tolist() == [1.0, 2.0]  # type: ignore[attr-defined, call-arg]
    assert nn.FloatTensor(2, 3).shape == nn.FloatTensor((2, 3)).shape == (2, 3)  # type: ignore[attr-defined, call-arg]
    assert nn.LongTensor([[1], [2]]).dtype == np.int64  # type: ignore[call-arg]
    x = nn.tensor([1.5])
    assert isinstance(x, nn.FloatTensor)
    assert not isinstance(x, nn.LongTensor)
    assert not isinstance(x, cuda.FloatTensor)
    assert not x.is_cuda
    assert Variable(x) is x
    assert isinstance(x, Variable)
    assert Variable(x, requires_grad=True).requires_grad
    assert x.type(nn.LongTensor).tolist() == [1]
    assert x.type() == "float32"


def test_older_initial_values_write_into_a_parameter() -> None:
    weight = nn.Linear(3, 4).weight
    assert nn.init.constant(weight, 2.0) is weight  # type: ignore[arg-type, comparison-overlap]
    assert (weight.data == 2).all()
    for function in (nn.init.kaiming_normal, nn.init.xavier_uniform, nn.init.orthogonal):
        assert function(weight.data) is weight.data
    assert nn.init.xavier_uniform((3, 4), 0).shape == (3, 4)
    weight.data = nn.tensor(np.ones((4, 3), np.float32)) * 3
    assert weight.data.sum() == 36
    assert weight.data.size() == (4, 3)
    assert weight.data.size == 12


def test_wrappers_call_what_they_wrap() -> None:
    layer, x = nn.Linear(2, 2), np.ones((1, 2), np.float32)
    wrapped = nn.nn.DataParallel(layer)
    assert list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    for y in (wrapped(x), data_parallel(layer, x, [0]), checkpoint(layer, x, use_reentrant=True)):
        np.testing.assert_array_equal(y, layer(x))
    assert _pair(3) == (3, 3)
    assert _pair([1, 2]) == (1, 2)
    assert not cudnn.benchmark
    with pytest.raises(RuntimeError, match="safetensors"):
        load_url("https://example.com/a.pth")


def test_order_of_numbers() -> None:
    x = nn.tensor([[2.0, 1.0, 2.0], [3.0, 5.0, 4.0]], requires_grad=True)
    values, where = x.sort(dim=1, descending=True)
    assert values.tolist() == [[2, 2, 1], [5, 4, 3]]
    assert where.tolist() == [[0, 2, 1], [1, 2, 0]]
    assert nn.topk(x, 2, largest=False).indices.tolist() == [[1, 0], [0, 2]]
    assert nn.triu(x, 1).tolist() == [[0, 1, 2], [0, 0, 4]]
    assert nn.gradcheck(lambda a: (a.sort(0)[0] * a).sum() + a.logsumexp(1).sum(), x)
    with pytest.raises(ValueError, match=r"\[topk\] k 4 must be from 0 to 3"):
        x.topk(4)


def test_tensors_after_a_pattern_and_rearranged() -> None:
    x = nn.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 5.0]])
    assert x.new_ones(2).tolist() == x.new_full((2,), 1).tolist() == [1, 1]
    assert x.new_empty((1, 2)).shape == (1, 2)
    assert x.new_tensor([1, 2]).dtype == np.float32
    assert (x.ndimension(), x.is_contiguous()) == (2, True)
    assert x.nonzero().tolist() == [[0, 1], [0, 2], [1, 0], [1, 2]]
    assert x.roll(1, 1).tolist() == [[2, 0, 1], [5, 3, 0]]
    assert x.swapaxes(0, 1).tolist() == x.movedim(0, -1).tolist() == x.t().tolist()
    assert x.unflatten(1, (3, -1)).shape == (2, 3, 1)
    assert x.repeat_interleave(2, 1)[0].tolist() == [0, 0, 1, 1, 2, 2]
    assert nn.gradcheck(lambda a: (a.repeat_interleave(2) * 2).sum() + a.movedim(0, 1).exp(), x)
    assert (nn.float, nn.Size, nn.jit.is_scripting()) == (np.float32, tuple, False)
    up = nn.nn.functional.upsample_bilinear(x.view(1, 1, 2, 3), scale_factor=2)
    assert up[0, 0, 0].tolist() == pytest.approx([0, 0.4, 0.8, 1.2, 1.6, 2])


def test_random_orders_and_choices() -> None:
    assert sorted(nn.randperm(5, generator=0).tolist()) == [0, 1, 2, 3, 4]
    assert nn.bernoulli(nn.tensor([0.0, 1.0])).tolist() == [0, 1]
    assert (
        nn.Embedding.from_pretrained(nn.eye(3), freeze=False).weight.tolist() == np.eye(3).tolist()
    )
