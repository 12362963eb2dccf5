"""The optimizer's step as a part of a plan: when it is repeated, and when it is taken anew."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn.optim.joined import JoinedOptimizer
from pycnn.training import CapturedStep

SIZES = [4] * 9
Change = Callable[[int, Any, Any], None]


def network() -> nn.Sequential:
    layers = nn.Flatten(), nn.Linear(12, 7, rng=0), nn.ReLU(), nn.Linear(7, 3, rng=1)
    return nn.Sequential(*layers).train()


def batches(sizes: list[int] = SIZES) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(2)
    return [(rng.standard_normal((n, 12), dtype=np.float32), rng.integers(0, 3, n)) for n in sizes]


def in_groups(model: nn.Sequential) -> nn.optim.Optimizer:
    groups: list[dict[str, Any]] = [{"params": list(model[i].parameters())} for i in (1, 3)]
    groups[0]["lr"] = 0.02
    return nn.optim.AdamW(groups, lr=0.01)


OPTIMIZERS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "plain": lambda model: nn.optim.SGD(model.parameters(), 0.1),
    "momentum": lambda model: nn.optim.SGD(model.parameters(), 0.1, momentum=0.9, dampening=0.2),
    "nesterov": lambda model: nn.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True),
    "adam": lambda model: nn.optim.Adam(model.parameters(), 0.01, weight_decay=0.1),
    "groups": in_groups,
    "rmsprop": lambda model: nn.optim.RMSprop(model.parameters(), 0.01, momentum=0.5),
}


def trained(kind: str, *, planned: bool, change: Change) -> tuple[list[float], list[np.ndarray]]:
    """Take steps with a plan, or the same ones without."""
    model, loss = network(), nn.CrossEntropyLoss()
    optimizer = OPTIMIZERS[kind](model)
    step = CapturedStep(model, loss, optimizer)
    losses = []
    for number, (x, y) in enumerate(batches()):
        change(number, model, optimizer)
        losses.append(step(x, y) if planned else step._step(x, y))
    if planned:
        assert step.reason == ""
    return losses, [parameter.array.copy() for parameter in model.parameters()]


def assert_same(kind: str, change: Change) -> None:
    expected, found = (trained(kind, planned=planned, change=change) for planned in (False, True))
    assert found[0] == expected[0]
    for one, other in zip(found[1], expected[1], strict=True):
        np.testing.assert_array_equal(one, other)


def set_rate(number: int, _: Any, optimizer: Any) -> None:
    optimizer.lr *= 0.9


def load_state(number: int, _: Any, optimizer: Any) -> None:
    if number == 3:
        optimizer.kept = copy.deepcopy(optimizer.state_dict())
    if number == 6:
        optimizer.load_state_dict(optimizer.kept)


def change_settings(number: int, _: Any, optimizer: Any) -> None:
    if number == 4 and isinstance(optimizer, nn.optim.SGD) and not optimizer.nesterov:
        optimizer.momentum = 0.0 if optimizer.momentum else 0.5
    if number == 6:
        optimizer.param_groups[-1]["weight_decay"] = 0.3


def freeze(number: int, model: Any, _: Any) -> None:
    model[1].requires_grad_(not 4 <= number < 6)


@pytest.mark.parametrize("change", [set_rate, load_state, change_settings, freeze])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_changes_are_noticed(kind: str, change: Change) -> None:
    """Of rates, states and settings, and of what is trained."""
    assert_same(kind, change)


def test_a_group_that_comes_later_is_trained() -> None:
    """With its own settings."""

    def add(number: int, model: Any, optimizer: Any) -> None:
        if number == 0:
            optimizer.__init__(model[1].parameters(), 0.1, momentum=0.9)
        if number == 5:
            optimizer.add_param_group({"params": model[3].parameters(), "lr": 0.02})

    assert_same("momentum", add)


@pytest.mark.parametrize("kind", ["momentum", "adam", "groups"])
def test_the_step_needs_no_look_at_arrays(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it has been recorded."""
    looks, look = [], JoinedOptimizer._calls

    def counted(self: JoinedOptimizer) -> Any:
        looks.append(self)
        return look(self)

    monkeypatch.setattr(JoinedOptimizer, "_calls", counted)
    trained(kind, planned=True, change=set_rate)
    assert len(looks) == 2


def test_a_step_of_ones_own_is_called() -> None:
    """A plan would repeat its ops without the rest."""

    class Own(nn.optim.SGD):
        calls = 0

        def step(self) -> None:
            super().step()
            self.calls += 1

    model = network()
    optimizer = Own(model.parameters(), 0.1)
    step = CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
    for x, y in batches():
        step(x, y)
    assert optimizer.calls == len(SIZES)
    assert step.reason == ""


@pytest.mark.parametrize("kind", ["momentum", "adam", "groups"])
@pytest.mark.parametrize("limited", [False, True])
def test_fit_has_the_same_bits(kind: str, limited: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits, schedules, a hook that replaces gradients, and a smaller batch at the end."""
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((30, 12), dtype=np.float32), rng.integers(0, 3, 30)

    class Replaced(nn.training.Callback):
        def on_backward(self, run: Any) -> None:
            if run.step == 5:
                for parameter in run.model.parameters():
                    parameter.gradient = parameter.gradient * np.float32(2)

    found = []
    for plan in "01":
        monkeypatch.setenv("PYCNN_PLAN", plan)
        model = network()
        nn.fit(
            model,
            nn.ArrayDataset(x, y),
            epochs=3,
            batch_size=8,
            optimizer=OPTIMIZERS[kind](model),
            schedule=nn.optim.Cosine(0.1),
            callbacks=[Replaced()] if limited else [],
            max_grad_norm=0.5 if limited else None,
            max_grad_value=0.1 if limited else None,
            progress=False,
        )
        found.append([parameter.array.copy() for parameter in model.parameters()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("in_class", [True, False])
def test_a_step_that_a_program_replaces_is_called(
    in_class: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, (x, y) = network(), batches()[0]
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters()))
    for _ in range(4):
        step(x, y)
    assert step.reason == ""
    before = model.state_dict()["1.weight"].copy()
    called: list[int] = []
    owner = type(step.optimizer) if in_class else step.optimizer
    monkeypatch.setattr(owner, "step", lambda *_: called.append(1))
    step(x, y)
    assert called == [1]
    np.testing.assert_array_equal(model.state_dict()["1.weight"], before)
    monkeypatch.undo()
    step(x, y)
    assert (model.state_dict()["1.weight"] != before).any()
