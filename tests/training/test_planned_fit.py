"""`fit` replays its steps by itself where it can, with the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn.training.plan import Plan


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((26, 2, 12, 12), dtype=np.float32), rng.integers(0, 5, 26)


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=0),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.3, rng=2),
        nn.Flatten(),
        nn.Linear(144, 5, rng=3),
    )


def shared() -> nn.Sequential:
    """Return a network that takes two steps with the same weights."""
    layer = nn.Conv2d(2, 2, 3, padding=1, rng=0)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Flatten(), nn.Linear(288, 5, rng=3))


def own_loss(output: Any, target: Any) -> Any:
    return nn.functional.cross_entropy(output, target)


def fitted(monkeypatch: pytest.MonkeyPatch, planned: bool, **options: Any) -> Any:
    """Return what a training gives, and how many of its steps were replays."""
    monkeypatch.setenv("PYCNN_PLAN", str(int(planned)))
    replays: list[str] = []
    replay = Plan.replay

    def counted(self: Plan, *arguments: Any) -> float:
        replays.append("")
        return replay(self, *arguments)

    monkeypatch.setattr(Plan, "replay", counted)
    x, y = samples()
    model = options.pop("model", network)()
    history = nn.fit(model, x, y, batch_size=4, seed=3, progress=False, **options)
    records = [(r.loss, r.accuracy, r.val_loss) for r in history.records]
    return records, model.state_dict(), len(replays)


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 3, "validation": 0.2},
        {"epochs": 2, "max_grad_norm": 0.5, "max_grad_value": 0.1},
        {"epochs": 2, "metrics": {"f": lambda t, p: float((t == p).mean())}},
        {"epochs": 2, "callbacks": [nn.training.TerminateOnNaN()]},
        {"epochs": 2, "drop_last": True},
        {"epochs": 3, "class_weight": "balanced"},
        {"epochs": 3, "class_weight": {0: 2.0, 3: 0.5}, "sample_weight": np.linspace(0, 2, 26)},
        {"epochs": 3, "sample_weight": np.linspace(0, 2, 26), "loss": nn.FocalLoss()},
        {"epochs": 3, "accumulate": 2, "drop_last": True},
        {"epochs": 2, "accumulate": 3, "max_grad_norm": 0.5, "class_weight": "balanced"},
        {"epochs": 2, "accumulate": 2, "model": shared},
    ],
)
def test_fit_plans_its_steps(monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]) -> None:
    records, weights, replays = fitted(monkeypatch, False, **options)
    assert replays == 0
    found, found_weights, replays = fitted(monkeypatch, True, **options)
    assert replays > 5
    assert found == records
    for name, expected in weights.items():
        np.testing.assert_array_equal(found_weights[name], expected, err_msg=name)


@pytest.mark.parametrize("options", [{"loss": own_loss}])
def test_fit_leaves_other_steps_to_python(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    records, weights, _ = fitted(monkeypatch, False, epochs=2, **options)
    found, found_weights, replays = fitted(monkeypatch, True, epochs=2, **options)
    assert replays == 0
    assert found == records
    for name, expected in weights.items():
        np.testing.assert_array_equal(found_weights[name], expected, err_msg=name)


def test_the_switch_is_0_or_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYCNN_PLAN", "no")
    x, y = samples()
    with pytest.raises(ValueError, match=r"PYCNN_PLAN must be 0 or 1, is 'no'"):
        nn.fit(network(), x, y)
