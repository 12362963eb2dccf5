"""Images of a batch stay in the lanes of vectors between two convolutions of a plan, bits alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core
from pycnn.training import CapturedStep

BLOCK = 32  # images of a block, with the instruction set whose kernels read gradients in lanes
KEEPS = _core.isa() == "avx512"


def network(padding: int = 0, window: int = 2, size: int = 20) -> nn.Sequential:
    """Return two convolutions with ReLU and pooling, and a linear layer."""
    first = (size - 4) // window
    second = (first + 2 * padding - 2) // window
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, rng=0),
        nn.ReLU(),
        nn.MaxPool2d(window),
        nn.Conv2d(6, 10, 3, padding=padding, rng=1),
        nn.ReLU(),
        nn.MaxPool2d(window),
        nn.Flatten(),
        nn.Linear(10 * second * second, 7, rng=2),
    )


def batch(n: int, size: int = 20, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 1, size, size), dtype=np.float32), rng.integers(0, 7, n)


def captured(model: nn.Module) -> CapturedStep:
    optimizer = nn.optim.SGD(model.train().parameters(), lr=0.05, momentum=0.9)
    return CapturedStep(model, nn.CrossEntropyLoss(), optimizer)


def trained(model: nn.Module, n: int, size: int, eager: bool) -> tuple[list[float], Any, str]:
    """Return the losses of six steps, the parameters after them, and the calls of the plan."""
    if eager:
        criterion = nn.CrossEntropyLoss()
        optimizer = nn.optim.SGD(model.train().parameters(), lr=0.05, momentum=0.9)
        losses = []
        for seed in range(6):
            x, y = batch(n, size, seed)
            losses.append(float(criterion(model.forward(x), y)))
            model.zero_grad()
            model.backward_parameters(criterion.backward())
            optimizer.step()
        return losses, model.state_dict(), ""
    step = captured(model)
    losses = [step(*batch(n, size, seed)) for seed in range(6)]
    assert step.reason == ""
    return losses, model.state_dict(), str(step)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("n", [BLOCK, 3 * BLOCK, 3 * BLOCK - 5])
@pytest.mark.parametrize(
    ("padding", "window", "size"),
    [(0, 2, 20), (1, 2, 20), (2, 2, 20), (0, 2, 22), (0, 2, 21), (0, 3, 22), (1, 3, 25)],
)
def test_plans_with_kept_lanes_have_the_bits_of_steps_without_a_plan(
    padding: int, window: int, size: int, n: int, threads: int
) -> None:
    before = _core.get_num_threads()
    _core.set_num_threads(threads)
    try:
        runs = [trained(network(padding, window, size), n, size, eager) for eager in (True, False)]
    finally:
        _core.set_num_threads(before)
    (eager_losses, expected, _), (losses, state, calls) = runs
    assert losses == eager_losses
    for name, array in expected.items():
        np.testing.assert_array_equal(state[name], array, err_msg=name)
    even = (size - 4) // window % 2 == 0
    kept = KEEPS and n % BLOCK == 0 and padding == 0 and window == 2 and even
    assert ("in lanes" in calls) == kept


@pytest.mark.skipif(not KEEPS, reason="other instruction sets keep nothing in lanes")
def test_the_list_of_calls_shows_which_arrays_are_in_lanes() -> None:
    step = captured(network())
    for seed in range(4):
        step(*batch(2 * BLOCK, seed=seed))
    lines = [line for line in str(step).splitlines() if "in lanes" in line]
    shape = f"({2 * BLOCK}, 6, 8, 8) in lanes"
    assert [line.split()[0].removeprefix("conv2d_relu_max_pool2d") for line in lines] == [
        "",
        "",
        "_backward",
        "_backward",
    ]
    # Each line has it once, but for the gradient of the second: there x and the gradient of x are.
    assert [line.count(shape) for line in lines] == [1, 1, 2, 1]
    assert [line.count("in lanes") for line in lines] == [1, 1, 2, 1]


@pytest.mark.parametrize("holder", ["nobody", "array", "view", "other op", "later block"])
def test_what_somebody_else_can_see_stays_in_its_layout(holder: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BLOCK, 1, 20, 20), dtype=np.float32)
    w = rng.standard_normal((6, 1, 5, 5), dtype=np.float32)
    v = rng.standard_normal((10, 6, 3, 3), dtype=np.float32)
    recording = _core.Recording()
    for array in (x, w, v):
        recording.allow(array)
    recording.start()
    hidden, _ = _core.conv2d_relu_max_pool2d(x, w, None, 2)
    result, _ = _core.conv2d_relu_max_pool2d(hidden, v, None, 2)
    held: list[Any] = [result]
    if holder == "array":
        held.append(hidden)
    elif holder == "view":
        held.append(hidden[1:, 2])
    elif holder == "other op":
        held.append(_core.relu(hidden))
    expected = [array.copy() for array in held]
    del hidden
    if holder == "later block":  # takes the block of `hidden`, which shows that nobody holds that
        held.append(_core.relu(result))
        held.append(_core.conv2d_relu_max_pool2d(x, w, None, 2)[0])
        expected += [array.copy() for array in held[1:]]
    recording.stop()
    recording.keep_lanes()
    assert recording.refusal == ""
    kept = KEEPS and holder in ("nobody", "later block")
    (_, _, writes), (_, reads, _) = recording.steps[:2]
    assert [text.count("in lanes") for text in (writes, reads)] == [kept, kept]
    assert all("in lanes" not in step[1] + step[2] for step in recording.steps[2:])
    recording.clear()
    recording.run(0, len(recording.steps))
    for array, before in zip(held, expected, strict=True):
        np.testing.assert_array_equal(array, before)
