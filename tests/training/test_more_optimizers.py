"""Adagrad, NAdam, Lion and Muon: formulas in float64, devices, few rows, states of PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from support.small_training import blobs, pairs, small_net, snapshot

from pycnn.devices import move, on_cpu
from pycnn.layers import Parameter
from pycnn.layers.sparse_rows import SparseRows
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Adagrad, AdamW, Lion, Muon, NAdam, Optimizer
from pycnn.training import CapturedStep, fit

Make = Callable[[Iterable[Parameter]], Optimizer]
MAKERS: dict[str, Make] = {
    "adagrad": lambda p: Adagrad(p, 0.1, 0.1, 0.01),
    "nadam": lambda p: NAdam(p, 0.01, weight_decay=0.1),
    "nadam decoupled": lambda p: NAdam(p, 0.01, weight_decay=0.1, decoupled_weight_decay=True),
    "lion": lambda p: Lion(p, 0.01, weight_decay=0.1),
    "muon": lambda p: Muon(p, 0.02),
}

# Three steps from (arange(6) / 6 - 0.4) with gradients cos(k arange(6)) and lr=0.1, by PyTorch
# 2.13, whose iteration runs in bfloat16.
MUON = {
    (2, 3): [-0.57373780, -0.18109775, 0.03869692, 0.14681578, 0.37446675, 0.58835816],
    (3, 2): [-0.64086962, -0.25978637, -0.00492443, 0.19588918, 0.38404092, 0.58002883],
}


def arange(shape: tuple[int, ...]) -> Any:
    return np.arange(math.prod(shape)).reshape(shape)


def start(shape: tuple[int, ...]) -> Parameter:
    return Parameter((arange(shape) / arange(shape).size - 0.4).astype(np.float32))


def stepped(make: Make, p: Parameter, steps: int = 3, device: str = "cpu") -> np.ndarray:
    optimizer = make([p])
    for k in range(1, steps + 1):
        p.grad = move(np.cos(arange(p.shape) * k).astype(np.float32), device)
        optimizer.step()
    found: np.ndarray = on_cpu(p.data)
    return found


def muon(w: Any, steps: int, lr: float, scale: float, nesterov: bool) -> Any:
    """Return the weights after some steps in float64."""
    mean = np.zeros((len(w), w[0].size))
    for k in range(1, steps + 1):
        grad = np.cos(arange(w.shape) * k).reshape(mean.shape)
        mean = 0.95 * mean + 0.05 * grad
        d = 0.95 * mean + 0.05 * grad if nesterov else mean
        d = d / np.linalg.norm(d)
        for _ in range(5):
            square = d @ d.T
            d = 3.4445 * d + (-4.775 * square + 2.0315 * square @ square) @ d
        w = w * (1 - 0.1 * lr) - lr * scale * d.reshape(w.shape)
    return w


@pytest.mark.parametrize("shape", MUON)
def test_muon_is_near_that_of_pytorch(shape: tuple[int, ...]) -> None:
    found = stepped(lambda p: Muon(p, 0.1), start(shape))
    np.testing.assert_allclose(found.ravel(), MUON[shape], atol=6e-3)  # type: ignore[arg-type, index]


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (4, 3, 2, 2), (1, 5), (5, 1)])
@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize("adjust", [None, "match_rms_adamw"])
def test_muon_has_the_numbers_of_its_formula(
    shape: tuple[int, ...], nesterov: bool, adjust: str | None
) -> None:
    rows, columns = shape[0], math.prod(shape[1:])
    scale = 0.2 * max(rows, columns) ** 0.5 if adjust else max(1, rows / columns) ** 0.5
    exact = muon(start(shape).data.astype(np.float64), 3, 0.1, scale, nesterov)
    found = stepped(lambda p: Muon(p, 0.1, nesterov=nesterov, adjust_lr_fn=adjust), start(shape))
    np.testing.assert_allclose(found, exact, atol=2e-5)


def test_muon_steps_as_adamw_where_there_is_no_matrix_or_none_is_wanted() -> None:
    for shape in ((5,), (2, 3)):
        group: Any = {"adam": True} if len(shape) > 1 else {}
        mine = stepped(lambda p, group=group: Muon([{"params": p, **group}], 0.01), start(shape))  # type: ignore[misc]
        theirs = stepped(lambda p: AdamW(p, 0.01, weight_decay=0.1), start(shape))
        assert mine.tobytes() == theirs.tobytes()


def test_lion_has_the_numbers_of_its_formula() -> None:
    w, mean = start((7,)).data.astype(np.float64), np.zeros(7)
    for k in range(1, 6):
        grad = np.cos(np.arange(7) * k)
        w = w * (1 - 0.01 * 0.1) - 0.01 * np.sign(0.9 * mean + 0.1 * grad)
        mean = 0.99 * mean + 0.01 * grad
    np.testing.assert_allclose(stepped(MAKERS["lion"], start((7,)), 5), w, rtol=2e-6)
    still = Parameter(np.ones(3, np.float32))
    still.grad = np.array([0, 1e-8, -1e8], np.float32)
    Lion([still], 0.5).step()
    np.testing.assert_array_equal(still.data, [1, 0.5, 1.5])


@pytest.mark.parametrize("name", MAKERS)
def test_steps_on_a_device_are_those_of_the_cpu(name: str, device: str) -> None:
    for shape in ((3, 4), (4, 3), (5,)):
        p = Parameter(move(start(shape).data, device))
        found = stepped(MAKERS[name], p, device=device)
        np.testing.assert_allclose(found, stepped(MAKERS[name], start(shape)), atol=1e-5)


@pytest.mark.parametrize("name", ["adagrad", "nadam", "nadam decoupled", "lion"])
def test_a_gradient_of_few_rows_changes_these_rows_only(name: str) -> None:
    rows = np.array([0, 2])
    table, few = start((3, 2)), Parameter(start((3, 2)).data[rows])
    one, other = MAKERS[name]([table]), MAKERS[name]([few])
    for k in (1, 2):
        values = np.cos(arange((2, 2)) * k).astype(np.float32)
        table.grad, few.grad = SparseRows(rows, values, (3, 2)), values
        one.step()
        other.step()
    np.testing.assert_array_equal(table.data[rows], few.data)
    np.testing.assert_array_equal(table.data[1], start((3, 2)).data[1])


def test_muon_refuses_few_rows_of_a_matrix_and_steps_of_a_graph() -> None:
    table = start((3, 2))
    table.grad = SparseRows(np.array([1]), np.ones((1, 2), np.float32), (3, 2))
    optimizer = Muon([table])
    with pytest.raises(ValueError, match=r"\[Muon\] the gradient of a parameter \(3, 2\) has few"):
        optimizer.step()
    assert optimizer.state_dict()["state"] == {}
    Muon([{"params": table, "adam": True}]).step()


def test_a_captured_step_refuses_optimizers_of_several_ops(device: str) -> None:
    model = small_net().to(device)
    step = CapturedStep(model, CrossEntropyLoss(), Lion(model.parameters()))
    with pytest.raises(ValueError, match=r"\[CapturedStep\] a step of Lion is several ops"):
        step(*pairs()[0])


def test_states_of_pytorch_are_taken() -> None:
    p = start((2, 3))
    state: Any = {"momentum_buffer": np.ones((2, 3), np.float32)}
    names = ("lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps", "ns_steps")
    group = {name: Muon([p]).state_dict()["param_groups"][0][name] for name in names}
    group |= {"adjust_lr_fn": None, "params": [0], "lr": 0.5}
    optimizer = Muon([p])
    optimizer.load_state_dict({"state": {0: state}, "param_groups": [group]})
    assert optimizer.lr == 0.5
    nadam = NAdam([p])
    p.grad = np.ones((2, 3), np.float32)
    nadam.step()
    state = nadam.state_dict()
    state["state"][0] |= {"mu_product": np.array(0.45, np.float32), "step": np.array(1.0)}
    nadam.load_state_dict(state)
    assert nadam.state_dict()["state"][0]["mu_product"] == pytest.approx(0.45)
    for wrong, error in ((math.nan, ValueError), (-1.0, ValueError), ("x", TypeError)):
        state["state"][0]["mu_product"] = wrong
        with pytest.raises(error, match=r"\[NAdam\] .*mu_product of parameter 0 must be"):
            nadam.load_state_dict(state)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: Adagrad(p, lr_decay=-1), r"\[Adagrad\] lr_decay must be at least 0"),
        (lambda p: Adagrad(p, eps=0), r"\[Adagrad\] eps must be at least"),
        (lambda p: NAdam(p, momentum_decay=-1), r"\[NAdam\] momentum_decay must be at least 0"),
        (lambda p: Lion(p, betas=(1.0, 0.9)), r"\[Lion\] betas must be in \[0, 1\)"),
        (lambda p: Muon(p, momentum=1.0), r"\[Muon\] momentum must be in \[0, 1\)"),
        (lambda p: Muon(p, ns_steps=100), r"\[Muon\] ns_steps must be at most 99"),
        (lambda p: Muon(p, adjust_lr_fn="no"), r"\[Muon\] adjust_lr_fn must be one of original"),
    ],
)
def test_settings_out_of_range(make: Make, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make([start((2,))])


@pytest.mark.parametrize("name", MAKERS)
def test_they_train(name: str) -> None:
    model = small_net()
    history = fit(model, blobs(200), epochs=3, optimizer=MAKERS[name](model.parameters()))
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert all(np.isfinite(array).all() for array in snapshot(model).values())
