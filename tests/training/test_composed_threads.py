"""Networks with a forward of their own in threads, forked children and interrupted passes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.composed_nets import NETS, ResNet, batch
from support.small_training import same_bits, snapshot
from support.threads import again_and_again, at_once, in_thread

import pycnn as nn
from pycnn import evaluate, fit, predict
from pycnn.autograd import is_recording
from pycnn.layers import Module

X = batch((1, 8, 8), 6)
Y = np.arange(6) % 3


def test_threads_that_evaluate_one_network_at_once_get_its_answers() -> None:
    model = ResNet()
    expected = predict(model, X)
    before = snapshot(model)

    def work() -> None:
        for _ in range(10):
            assert np.array_equal(predict(model, X), expected)
            evaluate(model, [(X, Y)])

    at_once(work, work, work)
    assert same_bits(snapshot(model), before)


def test_a_training_has_the_same_bits_while_others_predict() -> None:
    alone, watched = ResNet(), ResNet()
    data = [(X, Y)] * 4
    fit(alone, data, epochs=2, seed=0, progress=False)
    with again_and_again(lambda: predict(watched, X)):
        fit(watched, data, epochs=2, seed=0, progress=False)
    assert same_bits(snapshot(alone), snapshot(watched))


def test_each_thread_runs_backward_along_its_own_tape() -> None:
    model = ResNet().eval()
    dy = np.ones_like(model(X))
    expected = model.backward(dy)
    model(X)
    with pytest.raises(RuntimeError, match="in the same thread"):
        in_thread(lambda: model.backward(dy))
    in_thread(lambda: model.backward(np.ones_like(model(X[:2]))))
    assert np.array_equal(model.backward(dy), expected)


def test_a_tape_may_be_walked_by_another_thread() -> None:
    """It belongs to its tensors, not to the thread that recorded it."""
    model = ResNet().eval()
    model(nn.tensor(X)).sum().backward()
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    loss = model(nn.tensor(X)).sum()
    in_thread(loss.backward)
    for parameter, grad in zip(model.parameters(), expected, strict=True):
        assert np.array_equal(parameter.grad, grad)


def in_child(work: Callable[[], Any]) -> int:
    """Run in a forked child; return its exit code, 0 unless it fails."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("kind", "shape"), NETS)
def test_a_tape_of_the_parent_is_an_error_in_a_child_which_can_train(kind: Any, shape: Any) -> None:
    model, x = kind(), batch(shape)
    inputs = x if isinstance(x, tuple) else (x,)
    y = model(*inputs)
    loss = model(*map(nn.tensor, inputs)).sum()

    def work() -> None:
        for backward in (lambda: model.backward(np.ones_like(y)), loss.backward):
            with pytest.raises(RuntimeError, match="in another process"):
                backward()
        optimizer = nn.optim.SGD(model.parameters(), 0.1)
        model.backward(np.ones_like(model(*inputs)))
        optimizer.step()

    before = snapshot(model)
    assert in_child(work) == 0
    assert same_bits(snapshot(model), before)
    model.zero_grad()
    loss.backward()  # the parent's own tape is as good as before


class Interrupts(Module):
    """Passes its input on; stops one forward pass as Ctrl-C does, or by an error."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error: type[BaseException] | None = error

    def forward(self, x: Any) -> Any:
        if self.error is not None:
            raise self.error
        return x * 1


class Stopped(Module):
    def __init__(self, error: type[BaseException]) -> None:
        self.first = nn.Linear(4, 4, rng=0)
        self.stop = Interrupts(error)

    def forward(self, x: Any) -> Any:
        return self.stop(self.first(x))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_forward_leaves_no_tape_and_no_mode_behind(error: Any) -> None:
    model, x = Stopped(error), batch((4,))
    model.stop.error = None
    model(x)  # the tape of a pass before must not seem to be that of the interrupted one
    model.stop.error = error
    for call in (
        lambda: model(x),
        lambda: model(nn.tensor(x)),
        lambda: list(model.trace(x)),
        lambda: predict(model, x),
        lambda: model.summary((4,)),
    ):
        with pytest.raises(error):
            call()
        assert is_recording()
        assert model.training
    with pytest.raises(RuntimeError, match="needs a forward pass"):
        model.backward(np.ones((2, 4), np.float32))
    assert all(module._memory is None for module in model.modules())
    model.stop.error = None
    model.backward(np.ones_like(model(x)))
    assert model.first.weight.grad is not None
