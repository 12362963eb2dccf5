"""What a plan of training steps takes is known before it is made, and is what it takes."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core
from pycnn.training import CapturedStep


def network(width: int, norm: bool = True) -> nn.Sequential:
    """Return convolutions whose activations take most of the memory."""
    layers: list[nn.Module] = []
    for channels in (3, width, width):
        layers.append(nn.Conv2d(channels, width, 3, padding=1, rng=0))
        layers += [nn.BatchNorm2d(width)] if norm else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5, rng=0), nn.Linear(width * 256, 7))


def captured(model: nn.Module) -> CapturedStep:
    optimizer = nn.optim.SGD(model.train().parameters(), lr=0.01, momentum=0.9)
    return CapturedStep(model, nn.CrossEntropyLoss(), optimizer)


def batch(n: int, classes: int = 7) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, 3, 16, 16), dtype=np.float32), rng.integers(0, classes, n)


@pytest.mark.parametrize("norm", [False, True])
def test_memory_is_known_before_the_plan_and_is_what_the_plan_takes(norm: bool) -> None:
    step, (x, y) = captured(network(16, norm)), batch(8)
    assert step.memory == 0
    step(x, y)
    before = step.memory
    assert before > 3 * 16 * 256 * 4 * len(x)  # the outputs of the convolutions at least
    step(x, y)
    step(x, y)
    assert step.reason == ""
    assert step.memory == before


def test_the_plan_holds_as_much_of_the_pool_as_it_says() -> None:
    step, (x, y) = captured(network(32)), batch(16)
    step(x, y)
    for parameter in step.model.parameters():
        parameter.grad = None
    step.output = None
    gc.collect()
    outside = _core.used_bytes()  # of other tests
    step(x, y)
    step(x, y)
    assert step.reason == ""
    held = _core.used_bytes() - outside
    arrays = step.memory - x.nbytes - y.nbytes
    # At most a fifth of a block is unused, and the smallest has 256 bytes. A new block may be one
    # of the pool's that is twice as large, which only small ones are after a trim.
    assert arrays <= held <= arrays * 1.25 + (64 << 10)
    threads = nn.get_num_threads()
    try:
        nn.set_num_threads(1)  # each has work areas of its own
        _core.forget_most_used()
        step(x, y)
        work = _core.most_used_bytes() - outside - held
    finally:
        nn.set_num_threads(threads)
    assert 0 <= work < arrays


def test_memory_does_not_exceed_what_lives_at_once_by_much() -> None:
    """Every activation that backward reads lives at the end of the forward pass."""
    width, n = 32, 16
    step, (x, y) = captured(network(width)), batch(n)
    for _ in range(3):
        step(x, y)
    activation = 4 * n * width * 256
    parameters = sum(p.data.nbytes for p in step.model.parameters())
    # Three outputs of convolutions, of rectifiers, and one of the dropout; two gradients.
    assert step.memory <= 9.5 * activation + parameters


def test_a_plan_that_is_too_large_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pycnn.training.planner.MOST_PLANNED", 1 << 20)
    model, (x, y) = network(16), batch(8)
    assert nn.fit(model, [(x, y)] * 4, epochs=1, progress=False)
    from pycnn.training.planner import why_unplanned

    assert "MiB: Python hardly counts" in why_unplanned(model, x)


def test_a_log_is_of_one_thread_at_a_time() -> None:
    log, other = _core.BlockLog(), _core.BlockLog()
    log.start()
    try:
        with pytest.raises(ValueError, match="BlockLog"):
            other.start()
        kept = nn.ops.relu(np.ones((64, 64), np.float32))
        assert log.memory == kept.nbytes
        del kept
        second = nn.ops.relu(np.ones((64, 32), np.float32))
        assert log.memory == 64 * 64 * 4 + second.nbytes
        del second
        assert log.memory == 64 * 64 * 4  # both were in one place
    finally:
        log.stop()
    nn.ops.relu(np.ones((64, 64), np.float32))
    assert log.memory == 64 * 64 * 4


def test_a_step_that_takes_other_blocks_than_its_log_is_recorded_all_the_same() -> None:
    log = _core.BlockLog()
    ones = np.ones((32, 32), np.float32)
    log.start()
    for _ in range(3):
        nn.ops.relu(ones)
    log.stop()
    assert log.memory == ones.nbytes
    recording = _core.Recording(log)
    recording.allow(ones)
    recording.start()
    first = nn.ops.relu(ones)
    second = nn.ops.relu(first)  # the first one lives: its place in the arena is taken
    third = nn.ops.relu(ones[:16])
    recording.stop()
    assert not np.shares_memory(first, second)
    recording.clear()
    recording.run(0, 3)
    for found, shape in ((first, (32, 32)), (second, (32, 32)), (third, (16, 32))):
        np.testing.assert_array_equal(found, np.ones(shape, np.float32))
    del recording
    _core.trim_cache()
    np.testing.assert_array_equal(first, ones)
