"""Steps that are recorded and replayed on the CPU have the bits of steps that are not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of

import pycnn as nn
from pycnn import _core
from pycnn.training import CapturedStep

Batches = list[tuple[np.ndarray, np.ndarray]]


def batches(sizes: list[int], shape: tuple[int, ...] = (2, 12, 12), classes: int = 5) -> Batches:
    rng = np.random.default_rng(1)
    return [
        (rng.standard_normal((n, *shape), dtype=np.float32), rng.integers(0, classes, n))
        for n in sizes
    ]


def network() -> nn.Sequential:
    """Return layers of every kind that a step has to renew, check or look at afterwards."""
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=0),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(4, 6, 3, padding=1, rng=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.LocalResponseNorm(3),
        nn.Dropout(0.3, rng=2),
        nn.Flatten(),
        nn.Linear(54, 7, rng=3),
        nn.ReLU(),
        nn.Linear(7, 5, rng=4),
    )
    return model.train()


OPTIMIZERS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "plain": lambda p: nn.optim.SGD(p, 0.05),
    "sgd": lambda p: nn.optim.SGD(p, 0.05, momentum=0.9, dampening=0.1, weight_decay=1e-3),
    "adam": lambda p: nn.optim.Adam(p, 0.01),
    "adamw": lambda p: nn.optim.AdamW(p, 0.01),
    "adadelta": lambda p: nn.optim.Adadelta(p),
    "rmsprop": lambda p: nn.optim.RMSprop(p, 0.01, momentum=0.5),
    "adagrad": lambda p: nn.optim.Adagrad(p, 0.01),
    "nadam": lambda p: nn.optim.NAdam(p, 0.01),
    "lion": lambda p: nn.optim.Lion(p, 0.001),
}


class Eager:
    """The steps that captured ones are compared with."""

    def __init__(self, model: Any, loss: Any, optimizer: nn.optim.Optimizer) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer

    def __call__(self, x: Any, y: Any) -> float:
        loss = float(self.loss(self.model.forward(x), y))
        self.model.zero_grad()
        self.model.backward_parameters(self.loss.backward())
        self.optimizer.step()
        return loss


def trained(
    kind: Any,
    data: Batches,
    *,
    model: Callable[[], Any] = network,
    optimizer: str = "sgd",
    loss: Callable[[], Any] = nn.CrossEntropyLoss,
    decay: float = 0.9,
    change: Callable[[int, Any, Any, Any], None] = lambda *_: None,
) -> tuple[list[float], dict[str, Any], Any]:
    """Take a step for each batch, by default with another learning rate each time."""
    made, criterion = model(), loss()
    update = OPTIMIZERS[optimizer](made.parameters())
    step = kind(made, criterion, update)
    losses = []
    for number, (x, y) in enumerate(data):
        change(number, made, update, criterion)
        update.lr *= decay
        losses.append(step(x, y))
    return losses, made.state_dict(), step


def assert_same(data: Batches, **options: Any) -> CapturedStep:
    losses, weights, _ = trained(Eager, data, **options)
    found, found_weights, step = trained(CapturedStep, data, **options)
    assert found == losses
    for name, expected in weights.items():
        np.testing.assert_array_equal(found_weights[name], expected, err_msg=name)
    captured: CapturedStep = step
    return captured


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_replayed_steps_have_the_bits_of_others(optimizer: str) -> None:
    """Dropout's seeds, running statistics, steps and rates go on; other shapes come in between."""
    step = assert_same(batches([4, 4, 4, 4, 3, 4, 4, 2, 4]), optimizer=optimizer)
    assert step.reason == ""
    assert step.memory > 0
    assert "conv2d_backward_weight" in str(step)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("poison", [False, True])
def test_a_plan_is_replayed_by_any_number_of_threads(threads: int, poison: bool) -> None:
    """Recorded by two."""
    data = batches([64] * 5, (1, 28, 28), 10)

    def other_team(number: int, *_: Any) -> None:
        _core.set_num_threads(2 if number < 2 else threads)

    before = _core.get_num_threads()
    _core.poison_memory(poison)
    damaged = _core.damaged_blocks()
    try:
        step = assert_same(data, model=lambda: nn.models.lenet5(rng=0).train(), change=other_team)
    finally:
        _core.poison_memory(False)
        _core.set_num_threads(before)
    assert step.reason == ""
    del step
    assert _core.damaged_blocks() == damaged


@pytest.mark.parametrize(
    "loss", [nn.MSELoss, nn.BCEWithLogitsLoss, nn.L1Loss, nn.SmoothL1Loss, nn.HuberLoss]
)
def test_losses_of_numbers(loss: Any) -> None:
    rng = np.random.default_rng(3)
    data = [(x, rng.random((len(x), 5), dtype=np.float32)) for x, _ in batches([3] * 5)]
    assert assert_same(data, loss=loss).reason == ""


def test_labels_that_count_for_nothing() -> None:
    data = batches([4] * 6)
    data[3][1][:] = -100  # NaN: the mean of nothing
    data[4][1][1] = -100
    expected, found = (trained(kind, data[:4])[0] for kind in (Eager, CapturedStep))
    np.testing.assert_array_equal(found, expected)
    assert_same([*data[:3], *data[4:]])


def test_wrong_labels_update_nothing() -> None:
    data = batches([4] * 5)
    model = network()
    update = nn.optim.Adam(model.parameters())
    step = CapturedStep(model, nn.CrossEntropyLoss(), update)
    for x, y in data[:4]:
        step(x, y)
    before = {name: value.copy() for name, value in model.state_dict().items()}
    wrong = data[4][1].copy()
    wrong[2] = 5
    with pytest.raises(ValueError, match=r"target.*5"):
        step(data[4][0], wrong)
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(parameter.data, before[name])
    assert update.state_dict()["state"][0]["step"] == 4
    assert np.isfinite(step(*data[4]))


class OfTensors(CapturedStep):
    def __call__(self, x: Any, y: Any) -> float:
        return super().__call__(nn.tensor(x), nn.tensor(y))


def test_tensors_are_taken_as_their_arrays() -> None:
    """Also after a batch that was refused between its forward and its backward pass."""
    data = batches([4] * 4)
    losses, weights, _ = trained(Eager, data)
    found, found_weights, step = trained(OfTensors, data)
    assert found == losses
    assert step.reason == ""
    for name, expected in weights.items():
        np.testing.assert_array_equal(found_weights[name], expected, err_msg=name)
    with pytest.raises(ValueError, match=r"x must not require gradients.*x\.detach\(\)"):
        CapturedStep.__call__(step, nn.tensor(data[0][0], requires_grad=True), data[0][1])

    model = nn.Sequential(nn.Linear(3, 2, bias=False, rng=0)).train()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    x, y = np.ones((2, 3), np.float32), np.array([0, 1])
    step(x, y)
    assert str(step) == f"CapturedStep without a plan: {step.reason}"
    with pytest.raises(ValueError, match="outside"):
        step(x, y + 2)
    before = model[0].weight.data.copy()
    step(nn.tensor(0 * x), nn.tensor(y))  # whose gradients are 0
    np.testing.assert_array_equal(model[0].weight.data, before)


def test_what_changes_is_recorded_anew() -> None:
    def change(number: int, model: Any, update: Any, loss: Any) -> None:
        if number == 3:
            model[0].weight.data = model[0].weight.data.copy() * 2
        elif number == 6:
            model[8].eval()
        elif number == 9:
            model[8].train().p = 0.6
        elif number == 12:
            model[4].weight.requires_grad = model[4].bias.requires_grad = False
        elif number == 15:
            loss.reduction = "mean"
            model[12] = nn.Linear(7, 5, rng=9)  # not trained, but it is there

    data = batches([4] * 18)
    step = assert_same(data, change=change)
    assert step.reason == ""


@pytest.mark.parametrize("name", ["gemm", "direct"])
def test_another_instruction_set_or_algorithm_is_noticed(name: str) -> None:
    """They choose the layout of what a pooled convolution keeps."""
    isas = _core.isa_available()
    before, forced = _core.isa(), _core.forced_conv_algorithm()

    def change(number: int, *_: Any) -> None:
        _core.set_isa(isas[0] if 3 <= number < 7 else before)
        _core.force_conv_algorithm(name if number >= 5 else forced)

    try:
        step = assert_same(
            batches([16] * 10, (1, 28, 28), 10),
            model=lambda: nn.models.lenet5(rng=0).train(),
            change=change,
        )
    finally:
        _core.set_isa(before)
        _core.force_conv_algorithm(forced)
    assert step.reason == ""


class Untold(nn.Module):
    """A layer of one's own whose passes are NumPy's."""

    def forward(self, x: Any) -> Any:
        self.save_for_backward(None)
        return x * np.float32(2)

    def backward(self, dy: Any) -> Any:
        self.saved()
        return dy * np.float32(2)


REFUSED: dict[str, Callable[[], Any]] = {
    "has a backward of its own": lambda: nn.Sequential(
        nn.Flatten(), Untold(), nn.Linear(288, 5, rng=0)
    ),
    "no recorded op has made": lambda: nn.Sequential(
        nn.Conv2d(2, 2, 1, rng=0), Product(), nn.Flatten(), nn.Linear(288, 5, rng=1)
    ),
}


class Product(nn.Module):
    """Asks for a slope that NumPy computes by itself."""

    def forward(self, x: Any) -> Any:
        return x * x.prod(3, True)


@pytest.mark.parametrize("reason", REFUSED)
def test_what_python_computes_is_refused(reason: str) -> None:
    step = assert_same(batches([4] * 6), model=REFUSED[reason])
    assert reason in step.reason
    assert step.memory == 0


def test_sums_of_residual_blocks_are_repeated() -> None:
    def network() -> Any:
        block = nn.Sequential(nn.Conv2d(2, 2, 3, padding=1, rng=0), nn.BatchNorm2d(2))
        return nn.Sequential(nn.Residual(block), nn.Flatten(), nn.Linear(288, 5, rng=1)).train()

    assert assert_same(batches([4] * 6), model=network).reason == ""


def test_hooks_are_called() -> None:
    model, seen = network(), []
    model[0].register_forward_hook(lambda *_: seen.append(1))
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    for x, y in batches([4] * 5):
        step(x, y)
    assert len(seen) == 5
    model = network()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    for number, (x, y) in enumerate(batches([4] * 7)):
        if number == 4:
            model[12].weight.register_hook(lambda grad: seen.append(2))
        step(x, y)
    assert seen.count(2) == 3


def test_gradients_that_somebody_keeps_are_not_overwritten() -> None:
    model = network()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    data = batches([4] * 9)
    for x, y in data[:5]:
        step(x, y)
    kept = model[12].weight.grad
    row = model[10].weight.grad[0]
    numbers, of_row = kept.copy(), row.copy()
    for x, y in data[5:]:
        step(x, y)
    np.testing.assert_array_equal(kept, numbers)
    np.testing.assert_array_equal(row, of_row)
    assert step.reason == ""


def test_gradients_outlive_the_plan_and_its_memory_does_not() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(288, 5, rng=0))
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    for x, y in batches([4] * 4):
        step(x, y)
    gradient = layer_of(model, 1).weight.grad
    assert isinstance(gradient, np.ndarray)
    numbers = gradient.copy()
    del step
    _core.trim_cache()
    nn.ops.relu(np.ones((4, 288), np.float32))
    np.testing.assert_array_equal(gradient, numbers)


def test_a_forked_child_goes_on_by_itself() -> None:
    model = network()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    data = batches([4] * 6)
    for x, y in data[:4]:
        step(x, y)
    child = os.fork()
    if child == 0:
        try:
            step(*data[5])
            os._exit(0 if step.reason == "" else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    expected = trained(Eager, data[:5], optimizer="plain", decay=1.0)[0]
    model = network()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.05))
    assert [step(x, y) for x, y in data[:5]] == expected


def test_two_threads_cannot_be_in_a_step_at_once() -> None:
    model = nn.models.lenet5(rng=0).train()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.01))
    x, y = batches([256], (1, 28, 28), 10)[0]
    for _ in range(3):
        step(x, y)
    outcomes: list[str] = []

    def work() -> None:
        for _ in range(20):
            try:
                step(x, y)
                outcomes.append("")
            except RuntimeError as error:
                outcomes.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "" in outcomes
    assert {text for text in outcomes if text} <= {
        "[CapturedStep] another thread is in a step of this model"
    }
