"""Learning-rate schedules: known values, ends, and ranges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import wrong
from support.small_training import blobs, small_net

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
        schedule=lambda *_: wrong(np.float32(0.1)),
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


LITERALS = [f"{numerator / 100:g}" for numerator in range(1, 100)]


@pytest.mark.parametrize("total", [1, 2, 3, 7, 10, 30, 100, 300, 1000])
def test_step_falls_at_the_exact_step_for_every_decimal_fraction(total: int) -> None:
    for literal in LITERALS:
        milestone = math.ceil(Fraction(literal) * total)
        schedule = Step(1.0, (float(literal),), 0.5)
        found = [step for step in range(total) if schedule(step, total) != 1.0]
        assert found == list(range(milestone, total)), (literal, total)


def test_step_takes_computed_fractions_for_the_steps_they_mean() -> None:
    assert rates(Step(1.0, (0.1 + 0.2,), 0.5), 10) == [1.0] * 3 + [0.5] * 7
    assert rates(Step(1.0, (1 - 0.9,), 0.5), 10) == [1.0] + [0.5] * 9
    assert rates(Step(1.0, (1 / 3, 2 / 3), 0.5), 3) == [1.0, 0.5, 0.25]
    assert rates(Step(1.0, (np.float32(0.07),), 0.5), 100) == [1.0] * 7 + [0.5] * 93  # type: ignore[arg-type]
    assert rates(Step(1.0, (0, 1.0, -1), 0.5), 2) == [0.25] * 2


@pytest.mark.parametrize("total", [1, 2, 3, 4, 5, 10, 20, 100, 1000])
@pytest.mark.parametrize("literal", ["0.001", "0.07", "0.3", "0.5", "0.57", "0.93", "0.9999"])
def test_one_cycle_has_its_first_largest_and_last_rate_wherever_the_peak_is(
    literal: str, total: int
) -> None:
    schedule = OneCycle(1.0, float(literal), div_factor=10.0, final_div_factor=7.0)
    values = rates(schedule, total)
    peak = Fraction(literal) * total - 1
    if total == 1:
        assert values == [1.0]
        return
    assert values[-1] == 0.1 / 7.0
    assert values[0] == (0.1 if peak > 0 else 1.0)
    if peak >= 0 and peak.denominator == 1 and peak < total - 1:
        assert values[int(peak)] == 1.0
    climbing = [value for step, value in enumerate(values) if step <= peak]
    falling = [value for step, value in enumerate(values) if step >= peak]
    assert climbing == sorted(climbing)
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("total", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("literal", ["0", "0.07", "0.29", "0.5", "0.57", "0.9"])
def test_cosine_reaches_its_rate_at_the_exact_end_of_the_warm_up(literal: str, total: int) -> None:
    schedule = Cosine(1.0, final_lr=0.25, warmup=float(literal))
    climb = Fraction(literal) * total
    for step in range(total):
        if step < climb:
            assert schedule(step, total) == pytest.approx(float((step + 1) / (climb + 1)))
        elif step == climb:
            assert schedule(step, total) == 1.0
        else:
            down = (step - climb) / (total - climb)
            exact = 0.25 + 0.75 * (1 + math.cos(math.pi * down)) / 2
            assert schedule(step, total) == pytest.approx(exact, rel=1e-12)
    assert schedule(total, total) == 0.25


@pytest.mark.parametrize("schedule", [Constant(1.0), Step(1.0), Cosine(1.0), OneCycle(1.0)])
@pytest.mark.parametrize(
    ("step", "total", "kind", "text"),
    [
        (0, 0, ValueError, "total_steps must be at least 1, got 0"),
        (-1, 3, ValueError, "step must be at least 0, got -1"),
        (4, 3, ValueError, "step must be at most 3, got 4"),
        (0.5, 3, TypeError, "step must be an int, got float"),
        (0, True, TypeError, "total_steps must be an int, got bool"),
    ],
)
def test_schedules_refuse_what_is_no_step_of_a_run(
    schedule: Schedule, step: int, total: int, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=f"{type(schedule).__name__}. {text}"):
        schedule(step, total)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Step(0.1, (0.1, 0.2, 0.3), 1e200), r"\[Step\] gamma\*\*k is out of range"),
        (lambda: Step(1, (0.1, 0.2, 0.3), 10**200), r"\[Step\] gamma\*\*k is out of range"),
        (lambda: Step(1, (0.1,), 1e100), r"\[Step\] lr \* gamma\*\*k must be a finite float32"),
        (lambda: OneCycle(0.1, div_factor=1e-310), r"\[OneCycle\] the first rate must be finite"),
        (lambda: OneCycle(1, final_div_factor=1e-300), r"\[OneCycle\] the last rate must be"),
        (lambda: Cosine(1.7e308, 0, 0.5), r"\[Cosine\] lr must be a finite float32"),
        (lambda: Constant(1e39), r"\[Constant\] lr must be a finite float32"),
    ],
)
def test_rates_beyond_what_an_optimizer_takes_are_refused(
    make: Callable[[], Schedule], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("schedule", [Constant(1.0), Step(1.0), Cosine(1.0), OneCycle(1.0)])
def test_a_run_beyond_counting_is_refused(schedule: Schedule) -> None:
    with pytest.raises(ValueError, match="total_steps must be at most"):
        schedule(0, 10**400)


def test_rates_are_computed_in_pythons_floats() -> None:
    def half(number: float) -> Any:
        return np.float16(number)

    fallen = Step(half(0.1), (half(0.2), half(0.4)), half(1e-4))(9, 10)
    assert fallen == float(half(0.1)) * float(half(1e-4)) ** 2
    one = OneCycle(half(1000), half(0.5), half(25), half(10000))(9, 10)
    assert one == pytest.approx(1000 / 25 / 10000)
    for rate in (fallen, one, Cosine(half(1))(3, wrong(np.int64(7))), Constant(half(1))(0, 1)):
        assert type(rate) is float
