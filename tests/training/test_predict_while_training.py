"""Evaluating a model that is being trained sees it between two steps, and nobody hangs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of
from support.small_training import blobs, ones, same_bits, snapshot
from support.threads import in_thread

from pycnn import evaluate, fit, load, predict, save
from pycnn.layers import (
    BatchNorm2d,
    Buffer,
    Dropout,
    Flatten,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sequential,
)
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import Adam
from pycnn.training import Callback, MaxNorm, Run, TerminateOnNaN

Array = np.ndarray


class Slow(Module):
    """Changes its buffer in two strokes, and lets other threads in between."""

    def __init__(self, reached: threading.Event) -> None:
        self.weight = Parameter(ones(1))
        self.twice = Buffer(np.zeros(2, np.float32))
        self.reached = reached
        self.inner = Linear(3, 4, rng=0)

    def forward(self, x: Array) -> Array:
        if self.training:
            self.twice.data[0] += 1
            self.reached.set()
            threading.Event().wait(0.02)
            self.twice.data[1] += 1
        else:
            assert self.twice.data[0] == self.twice.data[1]
        return self.inner(x)  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        return self.inner.backward(dy)


BATCH = [(ones(2, 3), np.array([0, 1]))]


def test_predict_waits_for_the_end_of_a_step_also_of_a_part_or_a_whole(tmp_path: Path) -> None:
    reached = threading.Event()
    slow = Slow(reached)
    whole = Sequential(slow)
    tied = Linear(3, 4)
    tied.weight = slow.inner.weight
    for trained, predicted in ((whole, slow), (slow, whole), (whole, slow.inner), (whole, tied)):
        reached.clear()
        order: list[str] = []

        class Note(Callback):
            changes_model = True

            def on_step(self, run: Run) -> None:
                order.append("step")  # noqa: B023

        def train() -> None:
            fit(trained, BATCH, callbacks=[Note()], progress=False)  # noqa: B023

        thread = threading.Thread(target=train)
        thread.start()
        reached.wait()
        if predicted is slow:
            save(tmp_path / "m.safetensors", whole)
            load(tmp_path / "m.safetensors", saved := Sequential(Slow(reached)))
            assert layer_of(saved, 0).twice.data[0] == layer_of(saved, 0).twice.data[1] > 0
        predict(predicted, BATCH[0][0])
        order.append("predict")
        thread.join()
        assert order == ["step", "predict"]


class Everywhere(Callback):
    """Predicts in each hook, also in a thread that it waits for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def look(self, name: str, run: Run) -> None:
        x = BATCH[0][0]
        y = predict(run.model, x)
        np.testing.assert_array_equal(y, in_thread(lambda: predict(run.model, x)))
        evaluate(run.model, BATCH)
        self.calls.append(name)

    def on_train_begin(self, run: Run, validated: bool) -> None:
        self.look("begin", run)

    def on_backward(self, run: Run) -> None:
        self.look("backward", run)

    def on_step(self, run: Run) -> None:
        self.look("step", run)

    def on_epoch_end(self, run: Run, record: object) -> None:
        self.look("epoch", run)

    def on_train_end(self, run: Run) -> None:
        self.look("end", run)


def test_callbacks_may_predict_and_wait_for_threads_that_do() -> None:
    results = []
    for callbacks in ([Everywhere()], []):
        model = Sequential(Linear(3, 4, rng=0), ReLU(), Dropout(0.5), Linear(4, 2, rng=1))

        def augmented(model: Module = model) -> Iterator[tuple[Array, Array]]:
            for x, y in BATCH * 2:
                in_thread(lambda: predict(model, x))  # noqa: B023
                yield x, y

        fit(model, augmented(), callbacks=callbacks, progress=False)
        if callbacks:
            steps = ["backward", "step"] * 2
            assert callbacks[0].calls == ["begin", *steps, "epoch", "end"]
        results.append(snapshot(model))
    assert same_bits(*results)


def test_a_loss_may_predict_with_the_model_in_training() -> None:
    model = Sequential(Linear(3, 2, rng=0))

    class Own(CrossEntropyLoss):
        def __call__(self, output: Array, target: Array) -> Any:
            predict(teacher, ones(1, 3))
            return super().__call__(output, target)

    class Teacher(Module):
        """Has a part of the model, and a part that only it has."""

        def __init__(self) -> None:
            self.part, self.rest = model[0], Linear(2, 2)

        def forward(self, x: Array) -> Array:
            return self.rest(predict(self.part, x))  # type: ignore[no-any-return]

        def backward(self, dy: Array) -> Array:
            return dy

    teacher = Teacher()
    fit(model, BATCH, loss=Own(), progress=False)


def test_a_step_that_fails_lets_others_in() -> None:
    model = Sequential(Linear(3, 2, rng=0))

    class Fails(Callback):
        changes_model = True

        def __init__(self, error: type[BaseException]) -> None:
            self.error = error

        def on_step(self, run: Run) -> None:
            raise self.error

    with pytest.raises(ValueError):  # noqa: PT011
        fit(model, BATCH, callbacks=[Fails(ValueError)], progress=False)
    in_thread(lambda: predict(model, ones(1, 3)))
    with pytest.warns(RuntimeWarning, match="interrupted"):
        fit(model, BATCH, callbacks=[Fails(KeyboardInterrupt)], progress=False)
    in_thread(lambda: predict(model, ones(1, 3)))
    in_thread(lambda: fit(model, BATCH, progress=False))


def test_statistics_of_a_batch_wait_for_the_update() -> None:
    """A callback that stops before the update leaves the model of the step before."""
    model = Sequential(BatchNorm2d(1), Flatten(), Linear(64, 4, rng=0))
    before = snapshot(model)

    class Stop(Callback):
        def on_backward(self, run: Run) -> None:
            run.stop("enough")

    fit(model, blobs(16), callbacks=[Stop()], progress=False)
    assert same_bits(snapshot(model), before)
    fit(model, blobs(16), batch_size=8, progress=False)
    assert int(layer_of(model, 0).num_batches_tracked.data) == 2


def test_max_norm_belongs_to_the_step() -> None:
    model = Sequential(Linear(3, 2, rng=0))
    seen: list[float] = []

    class Look(Callback):
        def on_step(self, run: Run) -> None:
            seen.append(float(np.linalg.norm(layer_of(model, 0).weight.data, axis=1).max()))

    limit = MaxNorm(layer_of(model, 0).weight, 0.1)
    fit(model, BATCH * 3, callbacks=[Look(), limit], progress=False)
    assert len(seen) == 3
    assert max(seen) < 0.1001


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_finds_the_line_empty() -> None:
    reached = threading.Event()
    model = Sequential(Slow(reached))
    thread = threading.Thread(target=lambda: fit(model, BATCH * 5, progress=False))
    thread.start()
    reached.wait()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            layer_of(model, 0).twice.data[:] = 0  # whatever the fork has caught it at
            predict(model, ones(1, 3))
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    thread.join()


def test_another_training_of_shared_layers_takes_no_step_between_backward_and_update() -> None:
    """TerminateOnNaN looks at the gradients of each step, and the other forgets those it shares."""

    class Wait(Callback):
        def on_backward(self, run: Run) -> None:
            threading.Event().wait(0.002)

    def trained(*, beside: bool) -> dict[str, Array]:
        encoder = Sequential(Flatten(), Linear(64, 16, rng=0), ReLU())
        first, second = (Sequential(encoder, Linear(16, 4, rng=seed)) for seed in (1, 2))
        optimizer = Adam(second[1].parameters())
        options: dict[str, Any] = {"batch_size": 8, "epochs": 2, "progress": False}

        def other() -> None:
            fit(second, blobs(96, seed=1), optimizer=optimizer, **options)

        thread = threading.Thread(target=other)
        if beside:
            thread.start()
        fit(first, blobs(96), callbacks=[TerminateOnNaN(), Wait()], **options)
        if beside:
            thread.join()
        return snapshot(first)

    assert same_bits(trained(beside=True), trained(beside=False))


class Elsewhere(Callback):
    """Lets another thread call the model's `eval` after each step."""

    def on_step(self, run: Run) -> None:
        in_thread(run.model.eval)
        assert run.model.training


class Freezes(Callback):
    """Freezes a layer in the thread of the training."""

    def on_step(self, run: Run) -> None:
        layer_of(run.model, 1).training = False


def test_a_mode_that_another_thread_sets_does_not_reach_the_training() -> None:
    def trained(*callbacks: Callback) -> Sequential:
        model = Sequential(Flatten(), Dropout(0.1), Dropout(0.5), Linear(64, 4, rng=0))
        fit(model, blobs(64), epochs=2, batch_size=16, callbacks=callbacks, progress=False)
        return model

    plain, disturbed = trained(), trained(Elsewhere())
    assert same_bits(snapshot(plain), snapshot(disturbed))
    assert all(module.training for module in disturbed.modules())
    frozen = trained(Freezes(), Elsewhere())
    assert [module.training for module in frozen] == [True, False, True, True]
