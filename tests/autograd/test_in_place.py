"""Changes of tensors in place: what they change besides, and that gradients stay right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn


def leaf(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return nn.tensor(values, requires_grad=True)


def test_a_tensor_changed_since_keeps_its_gradient_right() -> None:
    x = leaf(4)
    y = x * 2
    z = y * y
    before = y.numpy().copy()
    y += 1
    y[0] = 7
    z.sum().backward(retain_graph=True)
    np.testing.assert_allclose(x.grad, 4 * before, rtol=1e-6)
    x.grad = None
    (y * y).sum().backward()
    np.testing.assert_allclose(x.grad, [0, *(4 * (before[1:] + 1))], rtol=1e-6)


def test_a_part_changes_the_whole() -> None:
    x = nn.zeros(2, 3)
    x[0].add_(1)
    x[0] += 1
    x.view(-1)[5] = 7
    x.t()[1, 1] = 5
    x.view(-1)[2:4].mul_(10)
    first, second = x.split(1)
    second += 1
    assert x.tolist() == [[2, 2, 20], [1, 6, 8]]
    x[[0, 1]].fill_(0)  # a copy
    assert x.tolist() == [[2, 2, 20], [1, 6, 8]]
    with pytest.raises(RuntimeError, match="repeats numbers of another one"):
        x[:, :1].expand(2, 3).add_(1)
    assert first.tolist() == [[2, 2, 20]]


def test_a_part_that_is_changed_takes_its_gradient_along() -> None:
    def parts(x: Any) -> Any:
        y = x * 1.0
        y[0] *= 2
        y.view(-1)[3:] += y[0]
        return (y * y).sum()

    assert nn.gradcheck(parts, nn.randn(2, 3, generator=0))


def test_an_activation_in_place_changes_its_input() -> None:
    for make in (nn.ReLU, nn.SiLU, lambda inplace=False: nn.LeakyReLU(0.1, inplace)):
        x, same = leaf(3, 3), leaf(3, 3)
        y = x * 1.0
        assert make(inplace=True)(y) is y
        y.sum().backward()
        make()(same).sum().backward()
        np.testing.assert_array_equal(x.grad, same.grad)


@pytest.mark.parametrize(
    "part",
    [lambda y: y.detach(), lambda y: y.view(-1), lambda y: y.detach().view(4, 1)[1:]],
)
def test_what_the_tape_has_saved_is_not_written(part: Callable[[Any], Any]) -> None:
    x = leaf(4)
    y = x * 2
    z = (y * y).sum()
    before = y.numpy().copy()
    with nn.no_grad():
        changed = part(y)
        changed += 1
    assert y.numpy()[-1] == before[-1] + 1
    z.backward()
    np.testing.assert_allclose(x.grad, 4 * before, rtol=1e-6)


def test_a_detached_leaf_counts_changes() -> None:
    x = leaf(3)
    z = (x * x).sum()
    x.detach().zero_()
    assert not x.numpy().any()
    with pytest.raises(RuntimeError, match="has been changed in place since"):
        z.backward()


def test_what_is_changed_in_no_grad_keeps_its_history() -> None:
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    y = x * 2
    with nn.no_grad():
        y[0] = 7
        y.detach().add_(1)
    (y * y).sum().backward()
    np.testing.assert_array_equal(x.grad, [4 * 8, 4 * 5])


def test_a_part_that_is_set_keeps_the_history_of_the_rest() -> None:
    x = nn.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = x * 1
    y[0].zero_()
    y[1, 0] = 0
    y.sqrt().sum().backward()  # of what was set the slope is infinite, and its factor 0
    np.testing.assert_array_equal(x.grad, [[0, 0], [0, 0.25]])


def test_gradients_go_to_what_is_put_in() -> None:
    def put_in(x: Any, v: Any) -> Any:
        y = x * 1
        y[0] = v  # more axes than the part has, of extent 1
        y[1:].copy_(v)
        y[:, 0] = v.sum()
        return y * y

    assert nn.gradcheck(put_in, [nn.randn(3, 4, generator=0), nn.randn(1, 4, generator=1)])


def test_what_is_filled_step_by_step_gets_gradients() -> None:
    w = nn.tensor([1.0, 2.0], requires_grad=True)
    total, rows, product = nn.zeros(2), nn.zeros(2, 2), nn.ones(2)
    for i in range(2):
        total += w * (i + 1)
        rows[i] = w
        product.mul_(w)
    (total.sum() + rows.sum() + product.sum()).backward()
    np.testing.assert_array_equal(w.grad, [3 + 2 + 2, 3 + 2 + 4])


def test_a_change_in_place_keeps_the_dtype() -> None:
    x = nn.tensor([1, 2])
    calls: list[Callable[[], Any]] = [
        lambda: x.add_(0.5),
        lambda: x.div_(2),
        lambda: x.mul_(nn.ones(2)),
        lambda: (x > 1).mul_(2),
        lambda: x.normal_(),
    ]
    for call in calls:
        with pytest.raises(TypeError, match=r"cannot turn (int64|bool) into|draws floats"):
            call()
    x[0] = 5.7
    assert x.tolist() == [5, 2]


def test_copies_have_no_history() -> None:
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    for y in (copy.deepcopy(x.view(2, 1)), copy.deepcopy(x * 1)):
        assert y.is_leaf
        y.detach().add_(1)
        assert y.sum().item() == 5
    assert x.tolist() == [1, 2]
