"""Schedulers of loops of one's own have PyTorch's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import wrong

import pycnn as nn
from pycnn.optim import lr_scheduler

LOSSES = (1, 0.9, 0.95, 0.97, 0.96, 0.5, 0.6)

# Rates that PyTorch 2.13 gives an SGD with lr=0.4: the first, and those after each of 7 steps.
PYTORCH: list[tuple[str, dict[str, Any], list[float]]] = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}, [0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1]),
    ("MultiStepLR", {"milestones": [2, 5], "gamma": 0.5}, [0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1]),
    ("ExponentialLR", {"gamma": 0.5}, [0.4, 0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125]),
    ("ConstantLR", {"factor": 0.5, "total_iters": 3}, [0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.4, 0.4]),
    (
        "LinearLR",
        {"total_iters": 4},
        [0.133333333333, 0.2, 0.266666666667, 0.333333333333, 0.4, 0.4, 0.4, 0.4],
    ),
    (
        "PolynomialLR",
        {"total_iters": 5, "power": 2.0},
        [0.4, 0.256, 0.144, 0.064, 0.016, 0.0, 0.0, 0.0],
    ),
    (
        "CosineAnnealingLR",
        {"T_max": 4, "eta_min": 0.1},
        [0.4, 0.356066017178, 0.25, 0.143933982822, 0.1, 0.143933982822, 0.25, 0.356066017178],
    ),
    (
        "CosineAnnealingWarmRestarts",
        {"T_0": 2, "T_mult": 2},
        [0.4, 0.2, 0.4, 0.341421356237, 0.2, 0.058578643763, 0.4, 0.384775906502],
    ),
    (
        "OneCycleLR",
        {"max_lr": 0.5, "total_steps": 8, "cycle_momentum": False},
        [
            0.02,
            0.409637552446,
            0.485970888694,
            0.405872826975,
            0.277992007061,
            0.141530499104,
            0.038320796917,
            2e-06,
        ],
    ),
    ("ReduceLROnPlateau", {"patience": 1}, [0.4, 0.4, 0.4, 0.4, 0.04, 0.04, 0.04, 0.04]),
    (
        "ReduceLROnPlateau",
        {"patience": 0, "cooldown": 2, "factor": 0.5},
        [0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0.1],
    ),
    (
        "ReduceLROnPlateau",
        {"mode": "max", "patience": 0, "threshold": 0.2, "threshold_mode": "abs", "min_lr": 0.01},
        [0.4, 0.4, 0.04, 0.01, 0.01, 0.01, 0.01, 0.01],
    ),
]


def sgd(lr: float = 0.4) -> nn.optim.SGD:
    return nn.optim.SGD([{"params": [nn.Parameter(nn.zeros(1))]}], lr=lr)


@pytest.mark.parametrize(("name", "options", "rates"), PYTORCH)
def test_rates(name: str, options: dict[str, Any], rates: list[float]) -> None:
    optimizer = sgd()
    scheduler = getattr(lr_scheduler, name)(optimizer, **options)
    found = [optimizer.lr]
    for loss in LOSSES:
        scheduler.step(*([nn.tensor(loss)] if name == "ReduceLROnPlateau" else []))
        found.append(optimizer.lr)
    np.testing.assert_allclose(found, rates, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(scheduler.get_last_lr(), rates[-1:], rtol=1e-6, atol=1e-12)


def test_groups_keep_their_own_rates_and_a_state_continues() -> None:
    weights = [nn.Parameter(nn.zeros(1)) for _ in range(2)]
    groups: list[dict[str, Any]] = [{"params": weights[:1]}, {"params": weights[1:], "lr": 0.01}]
    optimizer = nn.optim.SGD(groups, lr=0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, [lambda step: 1 / (1 + step), lambda step: 2.0])
    scheduler.step()
    assert scheduler.get_last_lr() == [0.05, 0.02]
    again = lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    again.load_state_dict(scheduler.state_dict())
    again.step()
    np.testing.assert_allclose(again.get_last_lr(), [0.1 / 3, 0.01 / 3])


def test_one_after_the_other() -> None:
    optimizer = sgd()
    warm = lr_scheduler.LinearLR(optimizer, total_iters=2)
    cool = lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    scheduler = lr_scheduler.SequentialLR(optimizer, [warm, cool], milestones=[2])
    rates = [optimizer.lr]
    for _ in range(4):
        scheduler.step()
        rates.append(optimizer.lr)
    np.testing.assert_allclose(rates, [0.4 / 3, 0.8 / 3, 0.4, 0.2, 0.1])


def test_what_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be an optimizer of pycnn\.optim, got list"):
        lr_scheduler.StepLR(wrong([1]), 2)
    with pytest.raises(ValueError, match="gamma must be at most 1"):
        lr_scheduler.ExponentialLR(sgd(), gamma=2)
    with pytest.raises(ValueError, match="the momentum cannot cycle"):
        lr_scheduler.OneCycleLR(sgd(), 0.1, 10, cycle_momentum=True)
    with pytest.raises(ValueError, match="2 schedulers need 1 milestones, got 0"):
        lr_scheduler.SequentialLR(sgd(), [lr_scheduler.StepLR(sgd(), 1)] * 2, [])
