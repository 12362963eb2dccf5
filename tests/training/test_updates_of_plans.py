"""Updates that are repeated with plans, where something changes midway that they depend on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn.training import Callback, CapturedStep, TrainingRun

STEPS, MIDWAY = 9, 4


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(9, 6, rng=0), nn.ReLU(), nn.Linear(6, 3, rng=1))


def batches() -> list[tuple[Any, Any]]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((STEPS, 4, 9), dtype=np.float32)
    return list(zip(x, rng.integers(0, 3, (STEPS, 4)), strict=True))


def first_of(model: nn.Module) -> nn.Parameter:
    return next(iter(model.parameters()))


def replace_weight(model: nn.Module) -> None:
    first_of(model).data = 2 * first_of(model).data


def forget_gradient(model: nn.Module) -> None:
    first_of(model).grad = None


def freeze(model: nn.Module) -> None:
    first_of(model).requires_grad = False


class Midway(Callback):
    """Calls a function before the update of one step."""

    def __init__(self, change: Callable[[nn.Module], None]) -> None:
        self.change = change

    def on_backward(self, run: TrainingRun) -> None:
        if run.step == MIDWAY:
            self.change(run.model)


OPTIMIZERS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "sgd": lambda p: nn.optim.SGD(p, 0.1, momentum=0.9),
    "adam": lambda p: nn.optim.Adam(p, 0.01),
    "adamw": lambda p: nn.optim.AdamW(p, 0.01),
    "rmsprop": lambda p: nn.optim.RMSprop(p, 0.01),
    "adadelta": nn.optim.Adadelta,
}


@pytest.mark.parametrize("change", [replace_weight, forget_gradient, freeze])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_callbacks_change_the_model_before_an_update(
    kind: str, change: Callable[[nn.Module], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An array takes another's place, or a parameter stays a step behind the others."""
    found = []
    for wish in ("0", "1"):
        monkeypatch.setenv("PYCNN_PLAN", wish)
        model = network()
        optimizer = OPTIMIZERS[kind](model.parameters())
        callbacks = [Midway(change)]
        nn.fit(model, batches(), optimizer=optimizer, callbacks=callbacks, progress=False)
        arrays = [*(p.data for p in model.parameters()), *optimizer.state_arrays()]
        found.append([array.tobytes() for array in arrays])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (nn.optim.RMSprop, {}, {"centered": True}),
        (nn.optim.RMSprop, {"centered": True}, {"centered": False}),
        (nn.optim.RMSprop, {"momentum": 0.9, "centered": True}, {"centered": False}),
        (nn.optim.RMSprop, {}, {"momentum": 0.9}),
        (nn.optim.SGD, {"momentum": 0.9}, {"momentum": 0.0}),
        (nn.optim.Adam, {}, {"weight_decay": 0.1, "betas": (0.5, 0.6)}),
    ],
)
def test_settings_that_change_the_arrays_of_a_step(
    kind: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """At once, and again where the setting goes back to what it was."""
    model = network().train()
    twin = copy.deepcopy(model)
    optimizer, other = (kind(one.parameters(), lr=0.01, **before) for one in (model, twin))
    loss = nn.CrossEntropyLoss()
    step = CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
    for number, (x, y) in enumerate(batches()):
        for one in (optimizer, other):
            if number == MIDWAY:
                one.param_groups[0].update(after)
            if number == MIDWAY + 2:
                one.param_groups[0].update({name: one.defaults[name] for name in after})
        step(x, y)
        loss(twin.forward(x), y)
        twin.zero_grad()
        twin.backward_parameters(loss.backward())
        other.step()
        for mine, expected in zip(model.parameters(), twin.parameters(), strict=True):
            np.testing.assert_array_equal(mine.data, expected.data, err_msg=str(number))
    assert step.reason == ""


def test_a_weight_that_may_not_be_written_is_refused_by_a_repetition() -> None:
    """As by a step in Python; the plan goes on when it may."""
    model = network().train()
    optimizer = nn.optim.SGD(model.parameters(), 0.1)
    step = CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
    weight = first_of(model).data
    for number, (x, y) in enumerate(batches()):
        weight.flags.writeable = number != MIDWAY
        before = weight.copy()
        if number == MIDWAY:
            with pytest.raises(ValueError, match="read-only"):
                step(x, y)
        else:
            step(x, y)
        assert (weight == before).all() == (number == MIDWAY)
    assert step.reason == ""
