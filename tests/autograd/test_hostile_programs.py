"""Programs in which a careless tape gives wrong numbers; the numbers are PyTorch's."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F


def leaf(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return nn.tensor(values, requires_grad=True)


def tensor(values: Any, requires_grad: bool = False) -> Any:
    return nn.tensor(values, requires_grad=requires_grad)


def grads(loss: Any, *leaves: Any) -> list[Any]:
    loss.backward()
    return [one.grad.tolist() for one in leaves]


# What is put off ---------------------------------------------------------------------------------


def convolved() -> tuple[Any, Any, Any]:
    x, w = leaf(2, 2, 6, 6), leaf(3, 2, 3, 3, seed=1)
    return x, w, F.conv2d(x.detach().clone(), w).numpy().copy()


def test_a_convolution_computes_with_what_its_inputs_were() -> None:
    x, w, expected = convolved()
    image = x.detach().clone()
    y, z = F.conv2d(image, w), F.conv2d(image, w).relu()
    pooled = F.max_pool2d(F.relu(F.conv2d(image, w)), 2)
    image.zero_()
    with nn.no_grad():
        w.mul_(0)
    np.testing.assert_array_equal(y.numpy(), expected)
    np.testing.assert_array_equal(z.numpy(), np.maximum(expected, 0))
    assert pooled.numpy().any()
    with pytest.raises(RuntimeError, match="changed in place since"):
        y.sum().backward()


def test_weights_that_are_overwritten_unseen_are_an_error() -> None:
    layer = nn.Conv2d(2, 3, 3)
    y = layer(leaf(1, 2, 4, 4))
    layer.weight.data[...] = 0
    with pytest.raises(RuntimeError, match=r"weight of shape .* changed in place before anybody"):
        y.numpy()


def test_a_foreign_array_may_be_used_again() -> None:
    layer, buffer = nn.Linear(3, 2), np.ones((1, 3), np.float32)
    with nn.no_grad():
        first = layer(nn.from_numpy(buffer).view(1, 3))
        buffer[...] = 0
        second = layer(nn.from_numpy(buffer))
    assert not np.array_equal(first.numpy(), second.numpy())


def test_what_follows_a_convolution_does_not_follow_its_changes() -> None:
    x, w, expected = convolved()
    y = F.conv2d(x, w)
    z = y.relu()
    pooled = F.max_pool2d(z, 2)
    y += 1
    np.testing.assert_array_equal(z.numpy(), np.maximum(expected, 0))
    assert pooled.numpy().max() == expected.max()
    y = F.conv2d(x, w)
    y.fill_(2)
    assert F.relu(y, inplace=True).tolist() == np.full(y.shape, 2).tolist()


def test_the_mode_of_each_op_counts() -> None:
    x, w, _ = convolved()
    y = F.conv2d(x, w)
    with nn.no_grad():
        assert not F.relu(y).requires_grad
        assert not F.max_pool2d(F.conv2d(x, w).relu(), 2).requires_grad
    y, z = F.conv2d(x, w), F.conv2d(x, w.detach())
    w.requires_grad_(False)
    (F.max_pool2d(y.relu(), 2).sum() + z.sum()).backward()
    assert w.grad is None
    assert x.grad is not None
    assert F.conv2d(x, w).requires_grad


def test_results_that_nobody_looks_at_do_not_keep_their_inputs() -> None:
    layer, outputs, inputs = nn.Linear(3, 2), [], []
    with nn.no_grad():
        for _ in range(3):
            x = nn.ones(1, 3)
            inputs.append(weakref.ref(x))
            outputs.append(layer(x))
            del x
    assert [one() is None for one in inputs] == [True, True, False]


# Changes in place --------------------------------------------------------------------------------


def test_detached_values_are_shared_and_watched() -> None:
    x = leaf(3)
    z = (x * x).sum()
    x.detach().add_(1)
    with pytest.raises(RuntimeError, match="changed in place since"):
        z.backward()
    y = leaf(3) * 2
    kept, z = y.numpy().copy(), y * y
    y.detach().zero_()
    assert not y.numpy().any()
    np.testing.assert_array_equal(z.numpy(), kept * kept)


def test_views_follow_each_other_through_the_history() -> None:
    x = leaf(2, 3)
    y = x * 1
    row, column = y[0], y[:, 1]
    column *= 3
    row *= 2
    (y * y).sum().backward()
    factor = np.float32([[2, 6, 2], [1, 3, 1]])  # type: ignore[arg-type]
    np.testing.assert_allclose(x.grad, 2 * x.numpy() * factor**2, rtol=1e-6)


def test_copies_do_not_follow() -> None:
    x = nn.arange(6).float().view(2, 3)
    copies = (x.t().reshape(-1), x.t().contiguous(), x.repeat(1, 1), x[[0]], x.t().flatten())
    before = [y.tolist() for y in copies]
    x += 1
    assert [y.tolist() for y in copies] == before
    for y in copies:
        y.zero_()
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    number = tensor(5.0)
    for y in (number.sum(), number.amax(), number.prod(), F.pad(tensor([5.0]), (0, 0))):
        y += 1
    assert number.item() == 5


def test_a_buffer_may_be_filled() -> None:
    x, buffer = leaf(3), nn.zeros(2, 3)
    buffer[0] = x
    buffer[1] = x * x
    buffer.mul_(x)
    np.testing.assert_allclose(grads(buffer.sum(), x)[0], 2 * x.numpy() + 3 * x.numpy() ** 2, 1e-5)
    y, z = nn.zeros(2, 3), leaf(1, 3, seed=1)
    y[0] = z
    assert grads(y.sum(), z) == [[[1, 1, 1]]]
    y = leaf(3) * 1
    y.copy_(x)
    assert y.requires_grad


def test_the_kind_of_numbers_stays() -> None:
    changes: list[Callable[[Any], Any]] = [
        lambda x: x.__iadd__(1.5),
        lambda x: x.__itruediv__(2),
        lambda x: x.mul_(tensor([0.5, 0.5])),
    ]
    for change in changes:
        with pytest.raises(TypeError, match="cannot turn int64 into float32"):
            change(tensor([1, 2]))
    x = tensor([5.0, 3.0])
    same = x
    x **= 2
    x //= 2
    x %= 5
    assert same.tolist() == [2, 4]
    mask = same > 3
    both = mask
    mask ^= tensor([True, True])
    mask |= tensor([False, True])
    mask &= tensor([True, False])
    assert both.tolist() == [True, False]
    assert (12 % tensor([5, 7])).tolist() == [2, 5]


def test_values_alone_change_within_no_grad() -> None:
    x = leaf(3)
    y = x * 2
    with nn.no_grad():
        y.mul_(0)
    assert not y.numpy().any()
    assert grads(y.sum(), x) == [[2, 2, 2]]
    with pytest.raises(RuntimeError, match="or a part of one"):
        x[0] = 1
    with pytest.raises(RuntimeError, match="or a part of one"):
        x.view(-1).fill_(1)


# Gradients ---------------------------------------------------------------------------------------


def test_no_two_leaves_share_a_gradient() -> None:
    a, b, given = leaf(3), leaf(3, seed=1), np.ones(3)
    (a + b).backward(given)
    a.grad *= 2
    given[...] = 0
    assert b.grad.tolist() == [1, 1, 1]
    assert a.grad.dtype == np.float32
    integers = leaf(3)
    (integers * tensor([1, 2, 3])).sum().backward()
    assert integers.grad.dtype == np.float32


def test_keys_and_conditions_are_kept() -> None:
    x, places, mask = leaf(4), np.array([0, 1]), tensor([True, False, True, False])
    y = x[places]
    places[...] = 3
    assert grads(y.sum(), x) == [[1, 1, 0, 0]]
    y = nn.where(mask, x, 0.0)
    mask.fill_(False)
    with pytest.raises(RuntimeError, match="changed in place since"):
        y.sum().backward()
    with pytest.raises(IndexError, match="must be whole numbers or bools, got float32"):
        x[tensor([1.0])]
    assert leaf(2, 3, 4)[0, :, [1, 1, 2, 3]].shape == (3, 4)  # NumPy: (4, 3)


Kink = tuple[Callable[[Any], Any], list[float], list[float]]
inf, nan = np.inf, np.nan
KINKS: list[Kink] = [
    (lambda x: x.clamp(min=0).sqrt(), [-1, 0, 1], [0, inf, 0.5]),
    (lambda x: x.std(), [1, 1, 1], [0, 0, 0]),
    (lambda x: x.norm(3), [0, 0], [0, 0]),
    (lambda x: x.norm(-inf), [1, -2], [1, 0]),
    (lambda x: x.max(), [nan, 1, 2], [1, 0, 0]),
    (lambda x: nn.maximum(x, tensor([1.0, nan, 3.0, 2.0])), [nan, 1, 2, 2], [1, 1, 0, 0.5]),
    (lambda x: 0.0**x, [0, -1, 2], [0, -inf, 0]),
    (lambda x: x**0, [0, -1, nan], [0, 0, 0]),
    (lambda x: x.logsumexp(0), [0, -inf], [1, 0]),
    (lambda x: nn.einsum("i,i->i", x, tensor([1.0, 2.0])), [3], [3]),
]


@pytest.mark.parametrize("place", range(len(KINKS)))
def test_the_gradient_at_a_kink(place: int) -> None:
    function, values, expected = KINKS[place]
    x = tensor([float(v) for v in values], True)
    np.testing.assert_allclose(grads(function(x).sum(), x)[0], expected, rtol=1e-6)


def test_whole_numbers_stay_whole() -> None:
    numbers = tensor([2, 3])
    for y, expected in (
        (numbers**2, [4, 9]),
        (2**numbers, [4, 8]),
        (nn.where(numbers > 2, 1, 0), [0, 1]),
        ((numbers > 2).cumsum(0), [0, 1]),
        (numbers.floor(), [2, 3]),
        (tensor(np.uint8([1, 255])).sum(0, keepdim=True), [256]),  # type: ignore[arg-type]
    ):
        assert y.dtype == np.int64
        assert y.tolist() == expected
    with pytest.raises(ValueError, match="no negative powers"):
        numbers**-1


def test_calls_mean_what_they_mean_in_pytorch() -> None:
    x = leaf(2, 3)
    assert x.sum(dim=()).shape == x.amax(dim=[]).shape == ()
    np.testing.assert_allclose(x.var(1, correction=0).numpy(), x.numpy().var(1), rtol=1e-5)
    assert nn.cat([nn.tensor([]), x]).shape == (2, 3)
    assert tensor([-inf, -inf]).logsumexp(0).item() == -inf
    try:
        nn.set_grad_enabled(False)
        assert not (x * 2).requires_grad
    finally:
        nn.set_grad_enabled(True)
    with nn.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    block = nn.no_grad()
    with block, block:
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(ValueError, match="weight must not require gradients"):
        F.cross_entropy(x, tensor([0, 1]), weight=leaf(3))


# What stays behind -------------------------------------------------------------------------------


def test_copies_have_no_history() -> None:
    y = leaf(3) * 2
    assert not copy.deepcopy(y).requires_grad
    assert copy.deepcopy(leaf(3)).requires_grad
    part = leaf(3).detach()[1:]
    copy.deepcopy(part).zero_()
    assert part.numpy().all()


def test_a_kept_gradient_keeps_nothing_else() -> None:
    y = leaf(3) * 2
    y.retain_grad()
    gone = weakref.ref(y)
    (y * y).sum().backward()
    del y
    assert gone() is None


def test_long_chains_of_views_do_not_recurse() -> None:
    x = nn.zeros(3)
    views = [x]
    for _ in range(1500):
        views.append(views[-1].view(3))
    views[-1].add_(1)
    x += 1
    assert views[-1].tolist() == views[7].tolist() == [2, 2, 2]
