"""What captured steps do with bad batches, and with changes and errors between steps."""

from __future__ import annotations

import copy
import multiprocessing
import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core
from pycnn.training import CapturedStep

RNG = np.random.default_rng(1)
BATCHES = [
    (RNG.standard_normal((4, 2, 12, 12), dtype=np.float32), RNG.integers(0, 5, 4))
    for _ in range(12)
]
CHANGED = 5  # the step before which something happens, when the plan is in use


def network() -> Any:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=0),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.3, rng=2),
        nn.Flatten(),
        nn.Linear(144, 5, rng=3),
    ).train()


class Eager:
    """The steps that captured ones are compared with."""

    def __init__(self, model: Any, loss: Any, optimizer: Any) -> None:
        self.model, self.loss, self.optimizer = model, loss, optimizer

    def __call__(self, x: Any, y: Any) -> float:
        loss = float(self.loss(self.model.forward(x), y))
        self.model.zero_grad()
        self.optimizer.zero_grad()
        self.model.backward_parameters(self.loss.backward())
        self.optimizer.step()
        return loss


def trained(
    kind: Any,
    change: Callable[[Any], Any],
    optimizer: Callable[[Any], Any] = lambda p: nn.optim.SGD(p, 0.05, momentum=0.9),
) -> tuple[list[Any], dict[str, Any], Any]:
    """Take steps; `change` is called with them once, and may take one of its own."""
    model = network()
    step = kind(model, nn.CrossEntropyLoss(), optimizer(model.parameters()))
    found: list[Any] = []
    for number, (x, y) in enumerate(BATCHES):
        if number == CHANGED:
            found.append(change(step))
        found.append(step(x, y))
    return found, model.state_dict(), step


def assert_same(change: Callable[[Any], Any], **options: Any) -> CapturedStep:
    expected, weights, _ = trained(Eager, change, **options)
    found, found_weights, step = trained(CapturedStep, change, **options)
    np.testing.assert_array_equal(found, expected)
    assert found_weights.keys() == weights.keys()
    for name, array in weights.items():
        np.testing.assert_array_equal(found_weights[name], array, err_msg=name)
    captured: CapturedStep = step
    return captured


X, Y = BATCHES[0]


def _with_nan() -> Any:
    x = X.copy()
    x[1, 0, 2, 2] = np.nan
    return x


def _read_only() -> Any:
    x = X.copy()
    x.flags.writeable = False
    return x


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (X[:3], Y[:3]),
        (X[:1], Y[:1]),
        (_read_only(), Y),
        (_with_nan(), Y),
        (X, np.full(4, -100)),
        (X, Y.astype(np.int64).copy()),
    ],
    ids=["fewer", "one", "read-only", "NaN", "ignored labels", "copied labels"],
)
def test_other_batches_are_taken(x: Any, y: Any) -> None:
    """Also where a loss of NaN makes all weights NaN."""
    with np.errstate(invalid="ignore"):
        assert_same(lambda step: step(x, y))


@pytest.mark.parametrize(
    ("x", "y", "kind"),
    [
        (X[:, :1].copy(), Y, ValueError),
        (X[..., :11].copy(), Y, ValueError),
        (X[:0], Y[:0], ValueError),
        (X.astype(np.float64), Y, TypeError),
        (X.astype(">f4"), Y, TypeError),
        (np.asfortranarray(X), Y, ValueError),
        (np.repeat(X, 2, 3)[..., ::2], Y, ValueError),
        (X.tolist(), Y, (TypeError, AttributeError)),
        (X, Y[:3], ValueError),
        (X, Y + 5, ValueError),
        (X, Y - 101, ValueError),
        (X, Y.astype(np.float64), (TypeError, ValueError)),
        ((X, X), Y, TypeError),
        (X, None, (TypeError, AttributeError)),
    ],
)
def test_bad_batches_update_nothing(x: Any, y: Any, kind: Any) -> None:
    """And the next good one is replayed."""
    model = network()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters()))
    for batch in BATCHES[:CHANGED]:
        step(*batch)
    assert step.reason == ""
    before = {name: parameter.data.copy() for name, parameter in model.named_parameters()}
    with pytest.raises(kind):
        step(x, y)
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(parameter.data, before[name])
    count = step.optimizer.state_dict()["state"][0]["step"]
    assert count == CHANGED
    for batch in BATCHES[CHANGED:]:
        assert np.isfinite(step(*batch))
    assert step.reason == ""


def _momentum(step: Any) -> None:
    step.optimizer.param_groups[0]["momentum"] = 0.5


def _decay(step: Any) -> None:
    step.optimizer.param_groups[0]["weight_decay"] = 0.1


def _load(step: Any) -> None:
    step.model.load_state_dict({n: np.asarray(a * 2) for n, a in step.model.state_dict().items()})


def _load_optimizer(step: Any) -> None:
    state = copy.deepcopy(step.optimizer.state_dict())
    step.optimizer.load_state_dict(state)


def _write(step: Any) -> None:
    step.model[6].weight.data[...] = 0.25


def _replace(step: Any) -> None:
    step.model[6].weight.data = step.model[6].weight.data * np.float32(2)


def _freeze(step: Any) -> None:
    step.model[0].weight.requires_grad = False


def _statistics(step: Any) -> None:
    step.model[1].running_mean.data = np.zeros(4, np.float32)


def _append(step: Any) -> None:
    step.model.append(nn.Linear(5, 5, rng=9))


def _exchange(step: Any) -> None:
    step.model[2] = nn.LeakyReLU(0.2)


def _setting(step: Any) -> None:
    step.model[1].eps = 0.5


def _mode(step: Any) -> None:
    step.model.eval()


def _one_mode(step: Any) -> None:
    step.model[1].eval()


def _loss(step: Any) -> None:
    step.loss.ignore_index = 2


def _convolution(step: Any) -> None:
    nn.set_convolution("accurate")


def _isa(step: Any) -> None:
    _core.set_isa(_core.isa_available()[0])


def _algorithm(step: Any) -> None:
    _core.force_conv_algorithm("gemm")


def _threads(step: Any) -> None:
    nn.set_num_threads(3)


@pytest.mark.parametrize(
    "change",
    [
        *(_momentum, _decay, _load, _load_optimizer, _write, _replace, _freeze, _statistics),
        *(_append, _exchange, _setting, _mode, _one_mode, _loss, _convolution, _isa, _algorithm),
        _threads,
    ],
)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_changes_between_steps_are_noticed(
    restore_threads: None, change: Callable[[Any], None], optimizer: str
) -> None:
    if optimizer == "adam" and change is _momentum:
        pytest.skip("Adam has none")
    before = nn.get_convolution(), _core.isa(), _core.forced_conv_algorithm()

    def one(step: Any) -> float:
        change(step)
        return 0.0

    def update(parameters: Any) -> Any:
        nn.set_convolution(before[0])
        _core.set_isa(before[1])
        _core.force_conv_algorithm(before[2])
        kinds: dict[str, Any] = {
            "sgd": lambda p: nn.optim.SGD(p, 0.05, momentum=0.9),
            "adam": nn.optim.Adam,
        }
        return kinds[optimizer](parameters)

    try:
        assert_same(one, optimizer=update)
    finally:
        update(network().parameters())


def test_an_interrupt_inside_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before the passes: the step is not taken, and the next one is."""

    def change(step: Any) -> float:
        def interrupted(self: Any) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(nn.Dropout, "_seed", interrupted)
            with pytest.raises(KeyboardInterrupt):
                step(X, Y)
        step.model[1].running_mean.data[...] = 0  # which a step without a plan has changed
        step.model[1].running_var.data[...] = 1
        step.model[1].num_batches_tracked.data = np.array(CHANGED)
        return 0.0

    assert_same(change)


def test_copies_are_refused() -> None:
    _, _, step = trained(CapturedStep, lambda step: None)
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"\[CapturedStep\] is neither copied nor pickled"):
            copied(step)
    model = copy.deepcopy(step.model)
    made = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    before = step.model.state_dict()["6.weight"].copy()
    for batch in BATCHES:
        made(*batch)
    np.testing.assert_array_equal(step.model.state_dict()["6.weight"], before)


def _go_on(step: Any, queue: Any) -> None:
    losses = [step(x, y) for x, y in BATCHES[CHANGED:]]
    queue.put((losses, step.reason))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_multiprocessing_forks() -> None:
    """Child and parent go on apart, from the same state."""
    model = network()
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters()))
    for x, y in BATCHES[:CHANGED]:
        step(x, y)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_go_on, args=(step, queue))
    process.start()
    losses, reason = queue.get(timeout=60)
    process.join()
    assert reason == ""
    assert [step(x, y) for x, y in BATCHES[CHANGED:]] == losses


def test_a_refused_batch_draws_as_many_random_numbers_as_a_step_in_python() -> None:
    """The plan draws the seeds of dropout before an op sees the labels."""

    def bad_label(step: Any) -> str:
        with pytest.raises(ValueError, match="99") as refused:
            step(X, np.full_like(Y, 99))
        return str(refused.value)

    assert assert_same(bad_label).reason == ""
