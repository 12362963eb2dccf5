"""Learning-rate schedules: known values, ends, and ranges."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import blobs, small_net

from pycnn.optim import SGD, Constant, Cosine, OneCycle, Schedule, Step
from pycnn.training import fit

# torch.optim.lr_scheduler.OneCycleLR(max_lr=0.4, total_steps=20), PyTorch 2.13.
ONE_CYCLE = [
    0.016, 0.05266873708, 0.1486687371, 0.2673312629, 0.3633312629, 0.4, 0.3949856025,
    0.3801938528, 0.356366471, 0.3246982616, 0.2867772007, 0.2445048088, 0.2000008, 0.1554967912,
    0.1132243993, 0.07530333842, 0.04363512897, 0.01980774719, 0.005015997506, 1.6e-06,
]  # fmt: skip


def rates(schedule: Schedule, total: int) -> list[float]:
    return [schedule(step, total) for step in range(total)]


def test_constant() -> None:
    assert rates(Constant(0.3), 3) == [0.3] * 3


def test_step_falls_at_fractions_of_the_run() -> None:
    assert rates(Step(1.0, (0.5, 0.75), 0.1), 8) == pytest.approx([1] * 4 + [0.1] * 2 + [0.01] * 2)
    assert rates(Step(1.0, ()), 3) == [1.0] * 3


def test_cosine_starts_at_lr_and_is_half_way_in_the_middle() -> None:
    schedule = Cosine(1.0, final_lr=0.2)
    assert schedule(0, 10) == 1.0
    assert schedule(5, 10) == pytest.approx(0.6)
    assert schedule(10, 10) == pytest.approx(0.2)
    values = rates(schedule, 10)
    assert values == sorted(values, reverse=True)


def test_cosine_warms_up_in_a_straight_line() -> None:
    values = rates(Cosine(1.0, warmup=0.4), 10)
    assert values[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert values[4:] == sorted(values[4:], reverse=True)


def test_one_cycle_has_the_numbers_of_pytorch() -> None:
    assert rates(OneCycle(0.4), 20) == pytest.approx(ONE_CYCLE, rel=1e-8)


@given(
    total=st.integers(1, 200),
    schedule=st.one_of(
        st.builds(OneCycle, st.just(1.0), st.floats(0.01, 0.99)),
        st.builds(Cosine, st.just(1.0), st.floats(0, 1), st.floats(0, 0.99)),
    ),
)
def test_rates_stay_between_zero_and_the_peak(total: int, schedule: Schedule) -> None:
    values = rates(schedule, total)
    assert all(0 < value <= 1 + 1e-12 for value in values)


def test_one_cycle_too_short_to_climb_starts_at_its_peak() -> None:
    assert rates(OneCycle(1.0), 1) == [1.0]
    assert rates(OneCycle(1.0, 0.5), 2) == pytest.approx([1.0, 4e-6])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: OneCycle(1.0, 0.0), "pct_start"),
        (lambda: OneCycle(1.0, 1.0), "pct_start"),
        (lambda: Cosine(1.0, warmup=1.0), "warmup"),
        (lambda: Constant(float("nan")), "lr must be finite"),
        (lambda: Cosine(-1.0), "lr must be at least 0"),
        (lambda: Step(1.0, gamma=-1.0), "gamma"),
        (lambda: OneCycle(1.0, div_factor=0.0), "div_factor must be above 0"),
    ],
)
def test_numbers_out_of_range(make: type, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def test_milestones_are_a_tuple() -> None:
    with pytest.raises(TypeError, match="milestones must be a tuple, got float"):
        Step(1.0, 0.5)  # type: ignore[arg-type]


def test_rates_of_numpy_are_numbers_too(tmp_path: Path) -> None:
    model = small_net()
    history = fit(
        model,
        blobs(40),
        optimizer=SGD(model.parameters(), 1.0),
        schedule=lambda *_: np.float32(0.1),
    )
    history.to_json(tmp_path / "history.json")
    rate = json.loads((tmp_path / "history.json").read_text())["epochs"][0]["learning_rate"]
    assert rate == float(np.float32(0.1))


@pytest.mark.parametrize(
    ("rate", "error", "text"),
    [
        (None, TypeError, "must be a number, got NoneType"),
        (-0.1, ValueError, "must be at least 0, got -0.1"),
        (math.nan, ValueError, "must be finite, got nan"),
    ],
)
def test_wrong_rates_are_those_of_the_schedule(
    rate: float, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=rf"\[fit\] learning rate of the schedule {text}"):
        fit(small_net(), blobs(40), schedule=lambda *_: rate)
