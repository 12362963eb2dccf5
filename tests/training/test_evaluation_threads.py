"""Evaluation writes to no model: the mode, and what forward leaves, are the thread's own."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of
from support.small_training import blobs, ones, pairs, same_bits, small_net, snapshot
from support.threads import in_thread

from pycnn import DataLoader, evaluate, fit, predict
from pycnn.layers import (
    BatchNorm2d,
    Dropout,
    Flatten,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sequential,
    evaluation_mode,
)
from pycnn.losses import CrossEntropyLoss, MSELoss
from pycnn.training import Callback, Run

Array = np.ndarray


class Mode(Module):
    """A layer of one's own that looks at its mode."""

    def forward(self, x: Array) -> Array:
        return x if self.training else -x

    def backward(self, dy: Array) -> Array:
        return dy


# The mode --------------------------------------------------------------------------------------


def test_the_mode_is_that_of_the_thread() -> None:
    model = Sequential(Mode(), Dropout(0.5))
    attributes = [vars(module).copy() for module in model.modules()]
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
        assert in_thread(lambda: [module.training for module in model.modules()]) == [True] * 3
        assert (predict(model, ones(2, 3)) == -1).all()
    assert all(module.training for module in model.modules())
    assert [vars(module) for module in model.modules()] == attributes


def test_a_mode_that_is_set_meanwhile_stays() -> None:
    model = Sequential(Mode())
    with evaluation_mode(model):
        model.eval()
        in_thread(lambda: model[0].train())
        assert not model[0].training
    assert (model.training, model[0].training) == (False, True)


def test_other_models_of_the_thread_go_on_training() -> None:
    teacher, pupil = Sequential(Mode()), Sequential(Mode(), Linear(3, 3))
    with evaluation_mode(teacher):
        assert (teacher(ones(1, 3)) == -1).all()
        pupil.backward(pupil(ones(1, 3)))
    assert layer_of(pupil, 1).weight.grad is not None


def test_blocks_of_generators_that_end_out_of_order_leave_no_mode_behind() -> None:
    model = Sequential(Mode())

    def outputs() -> Generator[Array, None, None]:
        with evaluation_mode(model):
            yield model(ones(1, 3))

    one, two = outputs(), outputs()
    next(one)
    next(two)
    one.close()
    assert not model.training
    in_thread(two.close)  # nor one that another thread ends
    assert model.training
    assert not in_thread(lambda: evaluation(model))


def evaluation(model: Module) -> bool:
    return not model.training


def test_a_trace_changes_no_mode_of_its_consumer() -> None:
    model = Sequential(Mode(), Mode())
    with evaluation_mode(model):
        trace = model.trace(ones(1, 3))
        next(trace)
    assert model.training
    trace.close()


def test_data_that_is_evaluated_is_made_outside_of_evaluation_mode() -> None:
    model = Sequential(Flatten(), Linear(64, 4))
    modes: list[bool] = []

    def batches() -> Iterator[tuple[Array, Array]]:
        for pair in pairs(64):
            modes.append(model.training)
            yield pair

    evaluate(model, batches())
    assert modes == [True, True]


def test_tasks_have_modes_of_their_own() -> None:
    model = Sequential(Mode())

    async def evaluates(entered: asyncio.Event, done: asyncio.Event) -> None:
        with evaluation_mode(model):
            entered.set()
            await done.wait()
            assert not model.training

    async def both() -> None:
        entered, done = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(evaluates(entered, done))
        await entered.wait()
        assert model.training
        done.set()
        await task

    asyncio.run(both())


def test_batch_norm_and_dropout_of_a_model_that_others_evaluate() -> None:
    model = Sequential(BatchNorm2d(1), Dropout(0.5, rng=0))
    other = copy.deepcopy(model)
    x = np.random.default_rng(0).standard_normal((4, 1, 8, 8)).astype(np.float32)
    for _ in range(3):
        y = model(x)
        in_thread(lambda: predict(model, x))
        in_thread(lambda: evaluate(model, [(x, x)], loss=MSELoss()))
        np.testing.assert_array_equal(y, other(x))
        np.testing.assert_array_equal(model.backward(y), other.backward(y))
    assert same_bits(snapshot(model), snapshot(other))


# Left behind by forward ------------------------------------------------------------------------


def test_each_thread_has_the_memory_of_its_own_pass() -> None:
    model = small_net()
    x = np.random.default_rng(0).standard_normal((6, 1, 8, 8)).astype(np.float32)
    dy = ones(6, 4)
    model(x)
    expected = model.backward(dy)
    model(x)
    with pytest.raises(RuntimeError, match="in the same thread"):
        in_thread(lambda: model.backward(dy))

    def other() -> None:
        model(x[:2])
        model.forget()
        model(x[:3])

    in_thread(other)
    in_thread(lambda: model.backward(model(x[:3])))
    np.testing.assert_array_equal(model.backward(dy), expected)


def test_gradients_of_threads_add_up() -> None:
    layer, x, rounds = Linear(3, 2, rng=0), ones(1, 3), 300

    def work() -> None:
        for _ in range(rounds):
            layer(x)
            layer.backward(ones(1, 2))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(layer.weight.grad, np.full((2, 3), 4 * rounds, np.float32))


def test_the_memory_of_a_thread_goes_with_it() -> None:
    model = Sequential(ReLU(), ReLU())

    def leave() -> weakref.ref[Array]:
        x = ones(2, 3)
        model(x)
        assert model[1]._memory is not None
        return weakref.ref(model[1]._memory[0])

    left = in_thread(leave)
    gc.collect()
    assert left() is None


COPIES: tuple[Callable[[Any], Any], ...] = (
    copy.deepcopy,
    lambda m: pickle.loads(pickle.dumps(m)),
    copy.copy,
)


def test_copies_have_memories_of_their_own() -> None:
    model, x = Sequential(Linear(3, 3, rng=0), ReLU()), ones(2, 3)
    y = model(x)
    for make in COPIES:
        for other in (make(model), make(model[1])):
            assert other._memory is None
            with pytest.raises(RuntimeError, match="backward needs a forward pass"):
                make(model[1]).backward(y)
            np.testing.assert_array_equal(predict(other, x), predict(other, x))
    model.backward(y)


def test_a_layer_with_a_state_of_its_own_can_be_copied() -> None:
    layer = Cached()
    layer(ones(2, 3))
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        with pytest.raises(RuntimeError, match="backward needs a forward pass"):
            other.backward(ones(2, 3))
    layer.backward(ones(2, 3))


class Cached(ReLU):
    """Says itself what belongs to its copies."""

    def __getstate__(self) -> dict[str, Any]:
        return vars(self)


def test_a_failing_pass_leaves_nothing_of_the_one_before() -> None:
    model = Sequential(Linear(3, 3), ReLU(), Linear(3, 2))
    y = model(ones(2, 3))
    model[2].weight = Parameter(ones(2, 5))
    with pytest.raises(ValueError, match=r"Sequential\[2\]"):
        model(ones(2, 3))
    assert model._memory is None
    del y


def test_a_loss_remembers_for_its_thread_and_not_for_evaluate() -> None:
    criterion, model = CrossEntropyLoss(), small_net()
    logits, target = ones(2, 4) * np.arange(4, dtype=np.float32), np.array([0, 1])
    criterion(logits, target)
    expected = criterion.backward()
    in_thread(lambda: criterion(ones(7, 4), np.zeros(7, np.int64)))
    evaluate(model, blobs(16), loss=criterion)
    np.testing.assert_array_equal(criterion.backward(), expected)
    with pytest.raises(RuntimeError, match="in the same thread"):
        in_thread(criterion.backward)
    assert pickle.loads(pickle.dumps(criterion)).ignore_index == criterion.ignore_index
    with pytest.raises(RuntimeError, match="needs a call of the loss"):
        copy.deepcopy(criterion).backward()


def test_evaluate_leaves_the_order_of_a_loader_alone() -> None:
    data = blobs(64)
    states = []
    for monitored in (False, True):
        loader, model = DataLoader(data, 16, seed=1), small_net()

        class Monitor(Callback):
            def on_epoch_end(self, run: Run, record: object) -> None:
                evaluate(run.model, loader)  # noqa: B023

        fit(model, loader, epochs=3, callbacks=[Monitor()] if monitored else [], progress=False)
        assert loader.epoch == 3
        states.append(snapshot(model))
    assert same_bits(*states)


def test_predict_between_forward_and_backward_takes_nothing_away() -> None:
    model, x = small_net(), ones(2, 1, 8, 8)
    y = model(x)
    predict(model, x[:1])
    evaluate(model, blobs(8))
    first = model.backward(y)
    model(x)
    np.testing.assert_array_equal(model.backward(y), first)
    predict(model, x)
    with pytest.raises(RuntimeError, match="those of evaluate, predict and evaluation_mode"):
        model.backward(y)
    model(x)
    with evaluation_mode(model):
        model(x)
    with pytest.raises(RuntimeError, match="those of evaluate, predict and evaluation_mode"):
        model.backward(y)


class Slotted(Linear):
    """Keeps something in slots, one of them with a private name, and one that is empty."""

    __slots__ = ("__own", "empty", "kept")

    def keep(self, kept: int, own: int) -> None:
        self.kept, self.__own = kept, own

    def both(self) -> tuple[int, int]:
        return self.kept, self.__own


def test_copies_hold_what_is_in_slots() -> None:
    layer = Slotted(3, 2, rng=0)
    layer.keep(1, 2)
    layer.forward(np.ones((1, 3), np.float32))
    for make in COPIES:
        other = make(layer)
        assert other.both() == (1, 2)
        assert not hasattr(other, "empty")
        assert np.array_equal(other.weight.data, layer.weight.data)
        with pytest.raises(RuntimeError, match="backward needs a forward pass"):
            other.backward(np.ones((1, 2), np.float32))
