"""Gradients of large linear layers that are computed during the update, or when they are read."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core
from pycnn.backends.joined_steps import are_joined
from pycnn.layers import factored_gradient
from pycnn.layers.factored_gradient import FactoredGradient, is_put_off, kept_gradient

KINDS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "plain": lambda p: nn.optim.SGD(p, 0.1),
    "nesterov": lambda p: nn.optim.SGD(p, 0.1, 0.9, weight_decay=0.01, nesterov=True),
    "adam": lambda p: nn.optim.Adam(p, 0.01, weight_decay=0.1),
    "adamw": lambda p: nn.optim.AdamW(p, 0.01),
    "rmsprop": lambda p: nn.optim.RMSprop(p, 0.01),
}
# Inputs and outputs around the 1,024 columns of a panel, and the rows of a tile and of four.
SIZES = [(1, 1), (1023, 14), (1024, 57), (2100, 3)]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


def put_off_from(monkeypatch: pytest.MonkeyPatch, numbers: int) -> None:
    monkeypatch.setattr(factored_gradient, "LEAST_NUMBERS", numbers)


def network(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs, rng=0), nn.ReLU(), nn.Linear(outputs, 3, rng=1))


def batches(n: int, inputs: int, steps: int = 3) -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((steps, n, inputs), dtype=np.float32)
    return [(one, rng.integers(0, 3, n)) for one in x]


def backward(model: nn.Module, x: Any, y: Any) -> None:
    loss = nn.CrossEntropyLoss()
    loss(model.forward(x), y)
    model.backward_parameters(loss.backward())


def trained(kind: str, inputs: int, outputs: int, n: int, captured: bool = False) -> list[bytes]:
    """Take steps; return the bytes of parameters, gradients and state."""
    model = network(inputs, outputs).train()
    optimizer = KINDS[kind](model.parameters())
    step = nn.training.CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
    for x, y in batches(n, inputs):
        if captured:
            step(x, y)
        else:
            model.zero_grad()
            backward(model, x, y)
            x[:] = np.nan  # whoever owns the batch may fill it anew
            optimizer.step()
    assert not captured or step.reason == ""
    states = optimizer.state_arrays()
    return [a.tobytes() for p in model.parameters() for a in (p.data, p.grad)] + [
        array.tobytes() for array in states
    ]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 128])
def test_bits(kind: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of gradients that are computed at once, step by step and as a plan."""
    for inputs, outputs in SIZES:
        put_off_from(monkeypatch, 1 << 60)
        _core.set_num_threads(1)
        expected = trained(kind, inputs, outputs, n)
        put_off_from(monkeypatch, 1)
        for count in (1, 3):
            _core.set_num_threads(count)
            assert trained(kind, inputs, outputs, n) == expected
            if are_joined():  # otherwise a back-end of the tests, which has no plans
                assert trained(kind, inputs, outputs, n, captured=True) == expected


def put_off(monkeypatch: pytest.MonkeyPatch) -> tuple[nn.Sequential, nn.Parameter]:
    """Return a network after a backward pass, and a weight whose gradient is put off."""
    put_off_from(monkeypatch, 1)
    model = network(7, 5)
    backward(model, *batches(4, 7)[0])
    weight = next(iter(model.parameters()))
    assert isinstance(kept_gradient(weight), FactoredGradient)
    return model, weight


def at_once(times: int = 1) -> Any:
    """Return the gradient of that weight, computed at once."""
    model = network(7, 5)
    for _ in range(times):
        backward(model, *batches(4, 7)[0])
    return next(iter(model.parameters())).grad


def test_a_gradient_is_computed_when_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = at_once()
    model, weight = put_off(monkeypatch)
    np.testing.assert_array_equal(weight.grad, expected)
    weight.grad *= 2  # the array is kept, and is what the update reads
    before = weight.data.copy()
    nn.optim.SGD(model.parameters(), 1.0).step()
    np.testing.assert_array_equal(weight.data, before - 2 * expected)


def test_gradients_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = at_once(2)
    model, weight = put_off(monkeypatch)
    backward(model, *batches(4, 7)[0])
    np.testing.assert_array_equal(weight.grad, expected)


def test_copies_and_pickles_hold_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = at_once()
    _, weight = put_off(monkeypatch)
    np.testing.assert_array_equal(copy.deepcopy(weight).grad, expected)
    _, weight = put_off(monkeypatch)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(weight)).grad, expected)


def test_a_hook_of_the_weight_gets_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = at_once()
    put_off_from(monkeypatch, 1)
    model = network(7, 5)
    weight = next(iter(model.parameters()))
    weight.register_hook(lambda grad: 3 * grad)
    backward(model, *batches(4, 7)[0])
    np.testing.assert_array_equal(weight.grad, 3 * expected)


def test_a_frozen_weight_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    _, weight = put_off(monkeypatch)
    weight.grad = None
    assert weight.gradient is None


def test_what_a_callback_reads_in_a_plan_is_the_step_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An array that somebody has read is not overwritten by the next repetition."""
    found = []
    for numbers in (1, 1 << 60):
        put_off_from(monkeypatch, numbers)
        model = network(9, 6).train()
        optimizer = nn.optim.SGD(model.parameters(), 0.1)
        step = nn.training.CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
        weight = next(iter(model.parameters()))
        read = []
        for x, y in batches(4, 9, 6):
            step(x, y)
            read.append(weight.grad)
        found.append([np.array(one) for one in read])
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("limit", [None, 0.01])
def test_fit_has_the_same_bits(limit: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit, which reads the gradients, and without one."""
    found = []
    for numbers in (1, 1 << 60):
        put_off_from(monkeypatch, numbers)
        model = network(9, 6)
        optimizer = nn.optim.AdamW(model.parameters(), 0.01)
        rows = batches(4, 9, 6)
        nn.fit(model, rows, epochs=2, optimizer=optimizer, max_grad_norm=limit, progress=False)
        found.append([p.data.tobytes() for p in model.parameters()])
    assert found[0] == found[1]


def test_a_plan_takes_no_memory_for_such_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    for numbers in (1, 1 << 60):
        put_off_from(monkeypatch, numbers)
        model = network(2000, 300).train()
        optimizer = nn.optim.SGD(model.parameters(), 0.1)
        step = nn.training.CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
        for x, y in batches(4, 2000, 3):
            step(x, y)
        assert step.reason == ""
        sizes.append(step.memory)
    assert sizes[1] - sizes[0] > 2000 * 300 * 4 - (64 << 10)


def test_when_gradients_are_put_off() -> None:
    dy, x = np.ones((16, 1024), np.float32), np.ones((16, 1024), np.float32)
    assert is_put_off(1 << 20, dy, x)
    assert not is_put_off(1 << 19, dy[:, :512].copy(), x)  # small
    assert not is_put_off(1 << 20, dy[:0], x[:0])
    many = np.ones((129, 1024), np.float32)
    assert not is_put_off(1 << 20, many, many)


@pytest.mark.parametrize(
    ("dy", "x", "facts"),
    [
        ((2, 3), (3, 4), ("dy", "2 and 3")),
        ((0, 3), (0, 4), ("1 to 128", "0 and 0")),
        ((129, 3), (129, 4), ("1 to 128", "129")),
        ((2, 3), (2, 5), ("(3, 5)", "(3, 4)")),
    ],
)
def test_refused(dy: Any, x: Any, facts: tuple[str, ...]) -> None:
    zeros = [np.zeros(shape, np.float32) for shape in (dy, x, (3, 4))]
    with pytest.raises(ValueError, match=r"\[sgd_step\]") as found:
        _core.sgd_steps([(zeros[2], (zeros[0], zeros[1]), None)], 0.1, 0.0, 0.0, 0.0, False, False)
    assert all(fact in str(found.value) for fact in facts)


def test_factors_need_equally_many_rows() -> None:
    with pytest.raises(ValueError, match=r"\[linear_weight_factors\] dy has 2 rows, x has 3"):
        _core.linear_weight_factors(np.zeros((2, 3), np.float32), np.zeros((3, 3), np.float32))


def test_factors_may_not_be_the_weight() -> None:
    w = np.zeros((4, 4), np.float32)
    with pytest.raises(ValueError, match=r"\[sgd_step\]"):
        _core.sgd_steps([(w, (w, w.copy()), None)], 0.1, 0.0, 0.0, 0.0, False, False)
