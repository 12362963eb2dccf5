"""PyTorch's schedulers: the rates that PyTorch 2.13 printed, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn.optim import SGD, Adagrad, Adam, lr_scheduler

# How each is made of the module and an optimizer of rate 0.5; rates of epochs 0 to 9.
RATES: dict[str, tuple[Callable[[Any, Any], Any], list[float]]] = {
    "step": (
        lambda of, o: of.StepLR(o, 3, 0.1),
        [0.5, 0.5, 0.5, 0.05, 0.05, 0.05, 0.005, 0.005, 0.005, 0.0005],
    ),
    "multi-step": (
        lambda of, o: of.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3),
        [0.5, 0.5, 0.15, 0.15, 0.15, 0.0135, 0.0135, 0.0135, 0.0135, 0.00405],
    ),
    "exponential": (
        lambda of, o: of.ExponentialLR(o, 1.1),
        [0.5, 0.55, 0.605, 0.6655, 0.73205, 0.805255, 0.8857805, 0.97435855, 1.0717944, 1.1789738],
    ),
    "constant": (
        lambda of, o: of.ConstantLR(o, 0.5, 4),
        [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5],
    ),
    "linear": (
        lambda of, o: of.LinearLR(o, 0.25, total_iters=6),
        [0.125, 0.1875, 0.25, 0.3125, 0.375, 0.4375, 0.5, 0.5, 0.5, 0.5],
    ),
    "polynomial": (
        lambda of, o: of.PolynomialLR(o, 8, 2.0),
        [0.5, 0.3828125, 0.28125, 0.1953125, 0.125, 0.0703125, 0.03125, 0.0078125, 0.0, 0.0],
    ),
    "cosine": (
        lambda of, o: of.CosineAnnealingLR(o, 4, 0.01),
        [
            0.5,
            0.42824116,
            0.255,
            0.081758839,
            0.01,
            0.081758839,
            0.255,
            0.42824116,
            0.5,
            0.42824116,
        ],
    ),
    "restarts": (
        lambda of, o: of.CosineAnnealingWarmRestarts(o, 2, 2, 0.01),
        [0.5, 0.255, 0.5, 0.42824116, 0.255, 0.081758839, 0.5, 0.48135049, 0.42824116, 0.34875744],
    ),
    "lambda": (
        lambda of, o: of.LambdaLR(o, lambda e: 0.9**e),
        [
            0.5,
            0.45,
            0.405,
            0.3645,
            0.32805,
            0.295245,
            0.2657205,
            0.23914845,
            0.21523361,
            0.19371024,
        ],
    ),
    "multiplicative": (
        lambda of, o: of.MultiplicativeLR(o, lambda e: 0.9),
        [
            0.5,
            0.45,
            0.405,
            0.3645,
            0.32805,
            0.295245,
            0.2657205,
            0.23914845,
            0.21523361,
            0.19371024,
        ],
    ),
    "one cycle": (
        lambda of, o: of.OneCycleLR(o, 1.0, total_steps=12),
        [
            0.04,
            0.34978965,
            0.87928516,
            0.99441544,
            0.93301297,
            0.81174565,
            0.647379,
            0.4626371,
            0.283061,
            0.13347753,
        ],
    ),
    "one cycle of lines": (
        lambda of, o: of.OneCycleLR(
            o, 1.0, epochs=4, steps_per_epoch=3, anneal_strategy="linear", three_phase=True
        ),
        [
            0.04,
            0.40923077,
            0.77846154,
            0.85230769,
            0.48307692,
            0.11384615,
            0.03448331,
            0.027587448,
            0.020691586,
            0.013795724,
        ],
    ),
    "sequential": (
        lambda of, o: of.SequentialLR(
            o, [of.LinearLR(o, 0.1, total_iters=4), of.CosineAnnealingLR(o, 10)], [4]
        ),
        [0.05, 0.1625, 0.275, 0.3875, 0.5, 0.48776413, 0.45225425, 0.39694631, 0.32725425, 0.25],
    ),
    "chained": (
        lambda of, o: of.ChainedScheduler([of.ConstantLR(o, 0.1, 3), of.ExponentialLR(o, 0.9)]),
        [
            0.05,
            0.045,
            0.0405,
            0.3645,
            0.32805,
            0.295245,
            0.2657205,
            0.23914845,
            0.21523361,
            0.19371024,
        ],
    ),
}


def made(name: str, **options: Any) -> tuple[Any, Any]:
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.5, momentum=0.9, **options)
    return optimizer, RATES[name][0](lr_scheduler, optimizer)


def rates(optimizer: Any, scheduler: Any, *, halve: bool = False) -> list[float]:
    found = [optimizer.param_groups[0]["lr"]]
    for epoch in range(9):
        if halve and epoch == 3:
            optimizer.param_groups[0]["lr"] *= 0.5
        scheduler.step()
        found.append(optimizer.param_groups[0]["lr"])
    assert scheduler.get_last_lr() == [optimizer.lr] == [found[-1]]
    return found


@pytest.mark.parametrize("name", RATES)
def test_rates_are_those_of_pytorch(name: str) -> None:
    np.testing.assert_allclose(rates(*made(name)), RATES[name][1], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", RATES)
def test_a_rate_that_was_set_meanwhile(name: str) -> None:
    """It is multiplied from then on, unless a rate follows from the epoch alone or begins anew."""
    found = rates(*made(name), halve=True)[-1]
    anew = name in ("cosine", "restarts", "lambda", "sequential") or "cycle" in name
    whole = RATES[name][1][-1]
    np.testing.assert_allclose(found, whole if anew else whole / 2, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name", RATES)
def test_a_state_goes_on(name: str) -> None:
    optimizer, scheduler = made(name)
    for _ in range(4):
        scheduler.step()
    other, again = made(name)
    again.load_state_dict(scheduler.state_dict())
    other.load_state_dict(optimizer.state_dict())
    for _ in range(3):
        scheduler.step()
        again.step()
    assert (other.lr, again.last_epoch) == (optimizer.lr, scheduler.last_epoch)


def test_each_group_has_its_own_rate() -> None:
    a, b = nn.Linear(1, 1), nn.Linear(1, 1)
    groups: Any = [{"params": a.parameters()}, {"params": b.parameters(), "lr": 0.2}]
    optimizer = Adam(groups, lr=0.5)
    scheduler: Any = lr_scheduler.StepLR(optimizer, step_size=1)
    scheduler.step()
    np.testing.assert_allclose(scheduler.get_last_lr(), [0.05, 0.02])
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda e: 1.0, lambda e: 1 / (e + 1)])
    scheduler.step()
    np.testing.assert_allclose([g["lr"] for g in optimizer.param_groups], [0.5, 0.1])
    scheduler = lr_scheduler.OneCycleLR(optimizer, [1.0, 0.5], total_steps=10)
    np.testing.assert_allclose(scheduler.get_last_lr(), [0.04, 0.02])
    assert optimizer.param_groups[1]["betas"] == (0.95, 0.999)


def test_momentum_goes_down_and_up() -> None:
    optimizer, scheduler = made("one cycle")
    assert optimizer.momentum == 0.95
    rates(optimizer, scheduler)
    np.testing.assert_allclose(optimizer.momentum, 0.9366525935914912)


def test_a_training_with_a_scheduler() -> None:
    layer = nn.Linear(1, 1, bias=False)
    optimizer = SGD(layer.parameters(), lr=1.0)
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.5)
    before = layer.weight.item()
    for _ in range(2):
        optimizer.zero_grad()
        layer(nn.ones(1, 1)).sum().backward()
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(layer.weight.item(), before - 1.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5, 0.5, 0.05, 0.05, 0.05, 0.05, 0.05]),
        ({"mode": "max"}, [0.5, 0.5, 0.5, 0.5, 0.05, 0.05, 0.005]),
        ({"threshold_mode": "abs", "threshold": 0.2, "patience": 0, "cooldown": 2, "min_lr": 0.04},
         [0.5, 0.05, 0.05, 0.05, 0.04, 0.04, 0.04]),
    ],
)  # fmt: skip
def test_a_plateau(options: dict[str, Any], expected: list[float]) -> None:
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **{"patience": 1, **options})
    found = []
    for loss in (1.0, 0.99999, nn.tensor(1.2), float("nan"), 0.9, 0.5, 0.8):
        scheduler.step(loss)
        found.append(optimizer.lr)
    np.testing.assert_allclose(found, expected)


def test_fractions_of_an_epoch() -> None:
    optimizer, scheduler = made("restarts")
    for at, rate in ((0.5, 0.42824116), (1.75, 0.028649515), (2.0, 0.5), (5.0, 0.081758839)):
        scheduler.step(at)
        np.testing.assert_allclose(optimizer.lr, rate, rtol=1e-7)
    scheduler.step()
    assert optimizer.lr == 0.5


def test_a_scheduler_of_ones_own() -> None:
    class Halves(lr_scheduler.LRScheduler):
        def get_lr(self) -> list[float]:
            return [base / 2**self.last_epoch for base in self.base_lrs]

    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    scheduler = Halves(optimizer, verbose=True)
    scheduler.step()
    assert optimizer.lr == 0.25


def test_what_is_refused() -> None:
    optimizer = SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    other = SGD(nn.Linear(1, 1).parameters(), lr=0.5)
    of: Any = lr_scheduler
    step = of.StepLR(optimizer, 1)
    for text, call in {
        r"\[StepLR\] step_size must be at least 1": lambda: of.StepLR(optimizer, 0),
        r"\[StepLR\] last_epoch 3 needs the initial_lr": lambda: of.StepLR(other, 1, last_epoch=3),
        r"\[MultiStepLR\] gamma must be at least 0": lambda: of.MultiStepLR(optimizer, [1], -1),
        r"\[LambdaLR\] 1 groups need 1 functions, got 2": lambda: of.LambdaLR(
            optimizer, [abs, abs]
        ),
        r"\[OneCycleLR\] needs total_steps": lambda: of.OneCycleLR(optimizer, 1.0),
        r"\[OneCycleLR\] Adagrad has no momentum": lambda: of.OneCycleLR(
            Adagrad(nn.Linear(1, 1).parameters()), 1.0, 5
        ),
        r"\[OneCycleLR\] step 2 is beyond the run of 1": lambda: [
            of.OneCycleLR(other, 1.0, 1).step(n) for n in (1, 2)
        ],
        r"\[SequentialLR\] 1 schedulers need 0 milestones": lambda: of.SequentialLR(
            optimizer, [step], [1]
        ),
        r"\[SequentialLR\] the schedulers are for another": lambda: of.SequentialLR(
            other, [step], []
        ),
        r"\[ReduceLROnPlateau\] mode must be": lambda: of.ReduceLROnPlateau(optimizer, "least"),
    }.items():
        with pytest.raises(ValueError, match=text):
            call()  # type: ignore[no-untyped-call]
    for make in (of.StepLR, of.ReduceLROnPlateau, of.OneCycleLR):
        with pytest.raises(TypeError, match="optimizer must be an Optimizer, got 3"):
            make(3, 1) if make is not of.OneCycleLR else make(3, 1, 1)
