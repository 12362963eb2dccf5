"""Settings of optimizers that call for another state than at the first step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn.optim import SGD, Muon, Optimizer, RMSprop

KINDS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "rmsprop momentum": (RMSprop, {}, {"momentum": 0.9}),
    "rmsprop centered": (RMSprop, {}, {"centered": True}),
    "rmsprop both": (RMSprop, {"momentum": 0.5}, {"momentum": 0.9, "centered": True}),
    "sgd momentum": (SGD, {}, {"momentum": 0.9}),
    "sgd nesterov": (SGD, {}, {"momentum": 0.9, "nesterov": True}),
    "muon as adam": (Muon, {}, {"adam": True}),
    "adam as muon": (Muon, {"adam": True}, {"adam": False}),
}


def parameter() -> nn.Parameter:
    return nn.Parameter(np.arange(1, 7, dtype=np.float32).reshape(2, 3))


def step(optimizer: Optimizer, number: int) -> None:
    rng = np.random.default_rng(number)
    for one in optimizer.params:
        one.gradient = rng.standard_normal(one.shape, np.float32)
    optimizer.step()


@pytest.mark.parametrize("name", KINDS)
def test_state_begins_when_it_is_called_for(name: str) -> None:
    """As a zero velocity, mean or moment, which is what it would have been."""
    kind, settings, change = KINDS[name]
    weight = parameter()
    optimizer = kind([weight], lr=0.1, **settings)
    step(optimizer, 0)
    optimizer.param_groups[0].update(change)
    step(optimizer, 1)
    first = weight.array.copy()
    assert np.isfinite(first).all()

    # And goes on when it is no longer called for, also in a state that is loaded.
    optimizer.param_groups[0].update({one: optimizer.defaults[one] for one in change})
    step(optimizer, 2)
    again = kind([other := parameter()], lr=0.1, **settings)
    other.array[...] = weight.array
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one in (optimizer, again):
        one.param_groups[0].update(change)
        step(one, 3)
    np.testing.assert_array_equal(weight.array, other.array)


def test_momentum_of_rmsprop_begins_at_zero() -> None:
    """With the formula: the velocity is the first step after the change."""
    weight, plain = parameter(), parameter()
    optimizer, without = RMSprop([weight], 0.1), RMSprop([plain], 0.1)
    for number in range(2):
        step(optimizer, number)
        step(without, number)
        optimizer.momentum = 0.9
    np.testing.assert_array_equal(weight.array, plain.array)
    before = weight.array.copy()
    step(optimizer, 2)
    step(without, 2)
    velocity = optimizer.state_dict()["state"][0]["momentum_buffer"]
    np.testing.assert_allclose(before - weight.array, 0.1 * velocity, rtol=1e-5)
    assert (weight.array != plain.array).any()


def test_an_entry_that_nothing_calls_for_is_unknown() -> None:
    optimizer = RMSprop([parameter()], 0.1)
    step(optimizer, 0)
    state: dict[str, Any] = copy.deepcopy(optimizer.state_dict())
    state["state"][0]["velocity"] = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match="velocity of parameter 0 is unknown"):
        optimizer.load_state_dict(state)


def test_a_plan_takes_up_the_momentum() -> None:
    """Of an RMSprop whose steps are repeated."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((4, 6), np.float32), rng.integers(0, 3, 4)
    found = []
    for planned in (False, True):
        model = nn.Sequential(nn.Linear(6, 5, rng=0), nn.ReLU(), nn.Linear(5, 3, rng=1)).train()
        optimizer = RMSprop(model.parameters(), 0.01)
        captured = nn.training.CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
        for number in range(9):
            optimizer.momentum = 0.9 if number >= 5 else 0.0
            optimizer.centered = number >= 7
            captured(x, y) if planned else captured._step(x, y)
        found.append([one.array.copy() for one in model.parameters()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
