"""What tensors do, and what they refuse: gradients that would be wrong, above all."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F


def leaf(*shape: int, seed: int = 0) -> Any:
    values = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return nn.tensor(values, requires_grad=True)


def test_a_gradient_is_an_array_that_adds_up() -> None:
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [4, 8])
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    np.testing.assert_array_equal(y.grad, [6, 12])
    assert not y.is_leaf
    assert x.is_leaf


def test_what_a_tensor_is() -> None:
    x = nn.tensor([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
    assert (x.shape, x.size(), x.size(-1), x.ndim, x.dim(), x.numel(), len(x)) == (
        (2, 3), (2, 3), 3, 2, 2, 6, 2,
    )  # fmt: skip
    assert x.dtype == np.float32
    assert x.device == "cpu"
    assert x[1, 2].item() == 6
    assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert [row.sum().item() for row in x] == [6, 15]
    assert float(x.mean()) == 3.5
    assert 5 in x
    assert np.asarray(x).sum() == 21
    np.testing.assert_array_equal(np.from_dlpack(x), x.numpy())
    assert repr(x[0]) == "tensor([1., 2., 3.], dtype=float32)"
    assert bool(x.max() == 6)
    values, places = x.max(dim=1)
    assert values.tolist() == [3, 6]
    assert places.tolist() == [2, 2]
    for text, call in {
        "neither true nor false": lambda: bool(x),
        "not a single number": lambda: x.item(),
        "does not take shape": lambda: x.view(4, 2),
        "dim 2 is out of range": lambda: x.sum(2),
        "do not broadcast together": lambda: x + nn.ones(4),
        "2 rows": lambda: x @ x,
    }.items():
        with pytest.raises((ValueError, IndexError), match=text):
            call()  # type: ignore[no-untyped-call]


def test_arrays_and_numbers_are_operands() -> None:
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    y = np.float32([3, 4]) * x + np.float64(1) - 2 + np.array([1.0, 1.0])  # type: ignore[arg-type]
    assert isinstance(y, nn.Tensor)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 4])
    assert nn.tensor([1, 2]).dtype == np.int64
    assert (nn.tensor([1, 2]) / 2).dtype == np.float32
    with pytest.raises(TypeError):
        x + "1"
    with pytest.raises(TypeError, match="numbers, got <U1"):
        nn.tensor(["a"])
    with pytest.raises(TypeError, match="only floats can require gradients"):
        nn.tensor([1], requires_grad=True)


def test_functions_of_arrays_return_arrays() -> None:
    x = np.float32([[1, -2], [3, 4]])  # type: ignore[arg-type]
    for y in (nn.cat([x, x], 1), nn.exp(x), F.relu(x), F.softmax(x, 1), nn.where(x > 0, x, 0.0)):  # type: ignore[arg-type]
        assert type(y) is np.ndarray
    values, places = nn.max(x, 1)
    assert type(values) is type(places) is np.ndarray
    assert isinstance(nn.split(x, 1, 1), tuple)
    with pytest.raises(TypeError, match="random_split parts a data set"):
        nn.split(nn.ArrayDataset(x, np.array([0, 1])), 0.5)


# Gradients that would be wrong ------------------------------------------------------------------


def change_by_index(w: Any) -> None:
    w.data[0] = 5


def change_by_operator(w: Any) -> None:
    w.data += 1


def change_by_view(w: Any) -> None:
    w.data[1:].fill_(3)


def change_by_numpy(w: Any) -> None:
    np.multiply(w.data, 2, out=w.data)


def change_by_copyto(w: Any) -> None:
    np.copyto(w.data, 0)


def change_by_replacing(w: Any) -> None:
    w.data = w.data * 2


def change_by_optimizer(w: Any) -> None:
    w.grad = np.ones(w.shape, np.float32)
    nn.optim.SGD([w], lr=0.1).step()
    w.grad = None


def change_within_no_grad(w: Any) -> None:
    with nn.no_grad():
        w -= 0.1


def change_by_init(w: Any) -> None:
    nn.init.zeros_(w)


@pytest.mark.parametrize(
    "change",
    [
        *(change_by_index, change_by_operator, change_by_view, change_by_numpy, change_by_copyto),
        *(change_by_replacing, change_by_optimizer, change_within_no_grad, change_by_init),
    ],
)
def test_a_parameter_changed_since_is_an_error(change: Callable[[Any], None]) -> None:
    layer = nn.Linear(3, 3)
    for forward in (
        lambda x: (x * layer.weight).sum(),
        lambda x: layer(x).sum(),
        lambda x: F.linear(x, layer.weight).sum(),
    ):
        loss = forward(leaf(3, 3))
        change(layer.weight)
        with pytest.raises(RuntimeError, match="has been changed in place since"):
            loss.backward()


def test_values_that_gradients_need_are_read_only() -> None:
    x = leaf(3)
    y = x.exp()
    with pytest.raises(ValueError, match="read-only"):
        y.numpy()[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(x)[0] = 1
    with pytest.raises(RuntimeError, match="a leaf that requires gradients"):
        x += 1


def test_backward_twice_names_the_cure() -> None:
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(x.grad, 4 * x.numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_backward_refuses_what_has_no_gradient() -> None:
    with pytest.raises(RuntimeError, match="does not require gradients"):
        nn.ones(1).backward()
    with nn.no_grad():
        y = leaf(1) * 2
    with pytest.raises(RuntimeError, match="no_grad"):
        y.backward()
    with pytest.raises(ValueError, match="needs a gradient of that shape"):
        (leaf(2) * 2).backward()
    with pytest.raises(ValueError, match=r"gradient has shape \(3,\), the tensor \(2,\)"):
        (leaf(2) * 2).backward(np.ones(3, np.float32))
    (leaf(2) * 2).backward(nn.ones(2))


def test_tensors_on_two_devices_do_not_meet() -> None:
    here, there = leaf(2), leaf(2).to("reference")
    with pytest.raises(ValueError, match="different devices: 'cpu' and 'reference'"):
        here + there
    model = nn.Linear(2, 2).to("reference")
    with pytest.raises((TypeError, ValueError)):
        model(leaf(1, 2))
    x = leaf(2)
    x.to("reference").exp().sum().backward()
    assert x.grad.dtype == np.float32
    np.testing.assert_allclose(x.grad, np.exp(x.numpy()), rtol=1e-6)


def test_the_tape_frees_what_it_used() -> None:
    import gc
    import weakref

    x = leaf(4, 4)
    y = nn.relu(x * 2)
    kept = weakref.ref(y.array)
    loss = (y * y).sum()
    del y
    assert kept() is not None
    loss.backward()
    assert kept() is None
    gc.collect()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_child_cannot_use_its_parents_tape() -> None:
    x = leaf(3)
    y = (x * x).sum()
    read, write = os.pipe()
    if os.fork() == 0:  # pragma: no cover - in the child
        try:
            y.backward()
            os.write(write, b"no error")
        except RuntimeError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.wait()
    assert b"recorded in another process" in os.read(read, 1000)
    os.close(read)
    os.close(write)
    y.backward()


def test_an_optimizer_trains_tensors_of_ones_own() -> None:
    w = nn.tensor([3.0, -2.0], requires_grad=True)
    optimizer = nn.optim.SGD([w], lr=0.5)
    for _ in range(40):
        optimizer.zero_grad()
        ((w - 1) ** 2).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(w.numpy(), 1, rtol=1e-6)
    with pytest.raises(TypeError, match="must hold Parameters"):
        nn.optim.SGD([nn.ones(2)], lr=0.5)


def test_a_remainder_has_a_gradient() -> None:
    x, y = nn.tensor([5.5, -1.25]), nn.tensor([2.0, 0.75])
    np.testing.assert_array_equal((x % y).numpy(), np.remainder(x.numpy(), y.numpy()))
    assert nn.gradcheck(lambda a, b: a % b, [x, y])
    assert (nn.tensor([5, -5]) % 3).tolist() == [2, 1]


def test_bits_of_numbers_are_not_combined() -> None:
    masks, numbers = nn.tensor([True, False]), nn.tensor([1, 2])
    assert (~masks).tolist() == [False, True]
    assert (masks & (numbers > 1)).tolist() == [False, False]
    calls: list[Callable[[], Any]] = [
        lambda: ~numbers,
        lambda: numbers & 1,
        lambda: masks | numbers,
    ]
    for call in calls:
        with pytest.raises(TypeError, match="needs bool tensors, got int64"):
            call()
