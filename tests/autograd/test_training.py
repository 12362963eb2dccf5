"""Networks with a forward of their own in `fit`: several outputs, own losses, frozen parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.small_training import blobs

import pycnn as nn
import pycnn.functional as F
from pycnn import ops
from pycnn.training import evaluate, fit, predict


class TwoHeads(nn.Module):
    """Classes, and a number besides."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 16, rng=0), nn.Tanh())
        self.classes = nn.Linear(16, 4, rng=1)
        self.number = nn.Linear(16, 1, rng=2)

    def forward(self, x: Any) -> Any:
        seen = self.body(x)
        return self.classes(seen), self.number(seen)


def loss_of_both(output: Any, target: Any) -> Any:
    classes, number = output
    wanted = target.float().unsqueeze(1)
    return F.cross_entropy(classes, target) + 0.1 * ((number - wanted) ** 2).mean()


def test_fit_trains_several_outputs_with_a_loss_of_ones_own() -> None:
    data, model = blobs(64), TwoHeads()
    history = fit(model, data, epochs=4, loss=loss_of_both, progress=False)
    losses = [record.loss for record in history]
    assert losses[-1] < losses[0]
    assert history.records[-1].accuracy is None
    assert evaluate(model, data, loss=loss_of_both).loss < losses[0]


def test_a_loss_of_ones_own_has_the_bits_of_the_librarys() -> None:
    data = blobs(40)
    states = []
    for loss in (nn.CrossEntropyLoss(), lambda output, target: F.cross_entropy(output, target)):
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4, rng=0))
        fit(model, data, epochs=2, loss=loss, progress=False)
        states.append({name: array.copy() for name, array in model.state_dict().items()})
    for name, array in states[0].items():
        np.testing.assert_array_equal(states[1][name], array)


def test_losses_that_are_no_loss_are_refused() -> None:
    model, data = nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), blobs(8)
    with pytest.raises(TypeError, match="a loss must return a tensor with one number"):
        fit(model, data, loss=lambda output, target: output, progress=False)
    with pytest.raises(TypeError, match="a loss must return a tensor with one number"):
        fit(model, data, loss=lambda output, target: 1.0, progress=False)
    with pytest.raises(ValueError, match="does not depend on the outputs"):
        fit(model, data, loss=lambda output, target: output.detach().mean(), progress=False)


def test_frozen_layers_get_no_gradient_work(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    for name in ("conv2d_backward_weight", "conv2d_backward_input", "linear_backward_weight"):
        op = getattr(ops, name)

        def counted(*values: Any, op: Any = op, name: str = name, **more: Any) -> Any:
            called.append(name)
            return op(*values, **more)

        monkeypatch.setattr(ops, name, counted)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3, rng=0)
            self.fc = nn.Linear(72, 4, rng=1)

        def forward(self, x: Any) -> Any:
            return self.fc(F.relu(self.conv(x)).flatten(1))

    row = nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.ReLU(), nn.Flatten(), nn.Linear(72, 4, rng=1))
    for model, first in ((Net(), "conv"), (row, "0")):
        model.get_submodule(first).freeze()
        before = {name: array.copy() for name, array in model.state_dict().items()}
        called.clear()
        fit(model, blobs(16), batch_size=16, progress=False)
        assert called == ["linear_backward_weight"]
        for name, array in model.state_dict().items():
            assert np.array_equal(array, before[name]) == name.startswith(first)
        model.unfreeze()
        called.clear()
        fit(model, blobs(16), batch_size=16, progress=False)
        assert sorted(called) == ["conv2d_backward_weight", "linear_backward_weight"]


def test_predict_and_evaluate_record_nothing() -> None:
    model = TwoHeads()
    x = blobs(8).x
    out = model(x)
    predict(nn.Sequential(model.body, model.classes), x)
    dx = model.backward([np.ones_like(y) for y in out])
    assert dx.shape == x.shape
    with pytest.raises(RuntimeError, match="backward needs a forward pass"):
        model.backward([np.ones_like(y) for y in out])
