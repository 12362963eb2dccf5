"""Any number of threads may predict with one model, also while it trains."""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from support.threads import at_once

from pycnn import evaluate, fit, models, predict
from pycnn.data import ArrayDataset
from pycnn.layers import (
    BatchNorm2d,
    CLayer,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    SLayer,
)
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD
from pycnn.training import Callback, Run, TerminateOnNaN

THREADS = 4
Array = np.ndarray
Tried = Callable[[str, int, str], None]

WORDS = ["<pad>", "<unk>", *(f"word{n}" for n in range(40))]


def digits(n: int, size: int) -> Array:
    return np.random.default_rng(1).random((n, 1, size, size), dtype=np.float32)


def sentences(n: int, _: int) -> Array:
    return np.random.default_rng(1).integers(0, len(WORDS), (n, 9))


def mixed(rng: int = 0) -> Sequential:
    """Return fused steps, batch norm, dropout, and nested containers."""
    g = np.random.default_rng(rng)
    block = Sequential(
        Conv2d(4, 4, 3, padding=1, rng=g), BatchNorm2d(4), ReLU(), Dropout(0.3, rng=g)
    )
    return Sequential(
        Conv2d(1, 4, 3, padding=1, rng=g),
        ReLU(),
        MaxPool2d(2),
        Residual(block),
        Parallel(Conv2d(4, 3, 1, rng=g), Sequential(Dropout(0.3, rng=g), Conv2d(4, 2, 1, rng=g))),
        BatchNorm2d(5),
        Flatten(),
        Linear(5 * 4 * 4, 16, rng=g),
        ReLU(),
        Dropout(0.5, rng=g),
        Linear(16, 4, rng=g),
    )  # fmt: skip


def cells() -> Sequential:
    """Return two stages of a neocognitron."""
    return Sequential(
        SLayer(1, 4, 3, r=4.0, q=1.0, rng=0), CLayer(4, 3, 2), SLayer(4, 5, 3, r=1.0, q=1.0, rng=1)
    )


NETWORKS: dict[str, tuple[Callable[[], Module], Callable[[int, int], Array], int]] = {
    "mixed": (mixed, digits, 8),
    "text": (lambda: models.create("textcnn", vocabulary=WORDS, rng=0), sentences, 0),
    "lenet5_1998": (lambda: models.create("lenet5_1998", rng=0), digits, 32),
    "neocognitron": (cells, digits, 12),
}


@pytest.fixture(autouse=True)
def _many_switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def state_of(model: Module) -> dict[str, Array]:
    return {name: array.copy() for name, array in model.state_dict().items()}


def bits(state: dict[str, Array]) -> bytes:
    return b"".join(array.tobytes() for array in state.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_answers_of_many_threads_have_the_bits_of_one(form: str, tried: Tried, name: str) -> None:
    make, samples, size = NETWORKS[name]
    model, x = make(), samples(24, size)
    before, modes = bits(state_of(model)), [module.training for module in model.modules()]
    parts = [(start, stop) for start in (0, 5, 11) for stop in (12, 17, 24)]
    alone = {(a, b): predict(model, x[a:b], batch_size=7).tobytes() for a, b in parts}
    rounds = 2 if form == "short" else 60

    def work(number: int) -> None:
        turned = parts[number:] + parts[:number]
        for a, b in turned * rounds:
            assert predict(model, x[a:b], batch_size=7).tobytes() == alone[a, b]

    at_once(*(lambda n=n: work(n) for n in range(THREADS)))
    assert bits(state_of(model)) == before
    assert [module.training for module in model.modules()] == modes
    model.backward(np.ones_like(model(x[:4])))  # it can be trained as before
    tried(f"predict in {THREADS} threads, {name}", THREADS * rounds * len(parts), "same bits")


class Recorder(Callback):
    """Keeps the state between any two steps."""

    def __init__(self, started: threading.Event) -> None:
        self.states: list[dict[str, Array]] = []
        self.started = started

    def on_train_begin(self, run: Run, validated: bool) -> None:
        self.states.append(state_of(run.model))
        self.started.wait()

    def on_step(self, run: Run) -> None:
        self.states.append(state_of(run.model))


@pytest.mark.parametrize("hooks", [[], [TerminateOnNaN()]], ids=["plain", "on_backward"])
def test_monitors_see_the_model_between_two_steps(
    form: str, tried: Tried, hooks: list[Callback]
) -> None:
    x = digits(40, 8)
    y = np.random.default_rng(2).integers(0, 4, len(x))
    data, watched = ArrayDataset(x, y), digits(6, 8)
    epochs = 5 if form == "short" else 100
    criterion = CrossEntropyLoss()

    def train(model: Module, callbacks: list[Callback]) -> dict[str, Array]:
        sgd = SGD(model.parameters(), 0.05, momentum=0.9)
        fit(
            model, data, epochs=epochs, batch_size=8, optimizer=sgd, loss=criterion, seed=3,
            callbacks=[*hooks, *callbacks], progress=False,
        )  # fmt: skip
        return state_of(model)

    expected = bits(train(mixed(), []))
    model, over, started = mixed(), threading.Event(), threading.Event()
    recorder = Recorder(started)
    answers: list[bytes] = []
    parts: list[bytes] = []
    figures: list[float] = []
    first = Sequential(*tuple(model)[:4])  # shares layers with the model

    def teach() -> None:
        try:
            assert bits(train(model, [recorder])) == expected
        finally:
            over.set()

    def watch() -> None:
        for count in itertools.count():
            if over.is_set() and count > 3:
                return
            answers.append(predict(model, watched).tobytes())
            parts.append(predict(first, watched).tobytes())
            figures.append(evaluate(model, [(watched, y[:6])], loss=criterion).loss)
            started.set()

    at_once(teach, watch, watch)
    possible: tuple[set[bytes], set[bytes], set[float]] = set(), set(), set()
    other = mixed()
    for state in recorder.states:
        other.load_state_dict(state)
        possible[0].add(predict(other, watched).tobytes())
        possible[1].add(predict(Sequential(*tuple(other)[:4]), watched).tobytes())
        possible[2].add(evaluate(other, [(watched, y[:6])]).loss)
    assert possible[0].issuperset(answers)
    assert possible[1].issuperset(parts)
    assert possible[2].issuperset(figures)
    assert len(recorder.states) == 5 * epochs + 1
    fit(model, data, epochs=1, progress=False)  # it can be trained afterwards
    tried("predict while the model trains", 3 * len(answers), "bits of a state between two steps")
