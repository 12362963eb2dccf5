"""Schedules by formulas of PyTorch, and those made of others."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import wrong

from pycnn.optim import (
    Chained,
    Constant,
    Cosine,
    CosineRestarts,
    Exponential,
    Linear,
    MultiStep,
    PerEpoch,
    Polynomial,
    Schedule,
    Staircase,
    Successive,
    Warmup,
)

# Rates of the schedulers of PyTorch 2.13 for an SGD with lr=0.4.
PYTORCH: dict[str, tuple[Schedule, list[float]]] = {
    "ExponentialLR(0.9)": (
        Exponential(0.4, 0.9),
        [0.4, 0.36, 0.324, 0.2916, 0.26244, 0.236196, 0.2125764, 0.19131876, 0.172186884],
    ),
    "PolynomialLR(10, 2)": (
        Polynomial(0.4, 2.0),
        [0.4, 0.324, 0.256, 0.196, 0.144, 0.1, 0.064, 0.036, 0.016, 0.004],
    ),
    "CosineAnnealingWarmRestarts(2, 2, 0.01)": (
        CosineRestarts(0.4, 1 / 6, 2, 0.01),
        [
            0.4,
            0.205,
            0.4,
            0.3428858223,
            0.205,
            0.06711417767,
            0.4,
            0.3851565088,
            0.3428858223,
            0.2796232693,
            0.205,
            0.1303767307,
        ],
    ),
    "CosineAnnealingWarmRestarts(4)": (
        CosineRestarts(0.4, 1 / 3),
        [0.4, 0.3414213562, 0.2, 0.05857864376] * 3,
    ),
    "MultiStepLR([2, 5])": (
        MultiStep(0.4, (2, 5)),
        [0.4, 0.4, 0.04, 0.04, 0.04, 0.004, 0.004, 0.004],
    ),
    "StepLR(3, 0.5)": (Staircase(0.4, 3, 0.5), [0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1]),
    "LinearLR(0.25, 1, 8)": (
        Linear(0.4, 0.25),
        [0.1, 0.1375, 0.175, 0.2125, 0.25, 0.2875, 0.325, 0.3625],
    ),
    "SequentialLR of LinearLR(0.1, 1, 4) and CosineAnnealingLR(8)": (
        Warmup(Cosine(0.4), 1 / 3, 0.1),
        [
            0.04,
            0.13,
            0.22,
            0.31,
            0.4,
            0.3847759065,
            0.3414213562,
            0.2765366865,
            0.2,
            0.1234633135,
            0.05857864376,
            0.0152240935,
        ],
    ),
    "ChainedScheduler of LinearLR(0.5, 1, 10) and ExponentialLR(0.9)": (
        Chained([Linear(0.4, 0.5), Exponential(1.0, 0.9)]),
        [
            0.2,
            0.198,
            0.1944,
            0.18954,
            0.183708,
            0.177147,
            0.17006112,
            0.162620946,
            0.1549681956,
            0.1472197858,
        ],
    ),
    "SequentialLR of ConstantLR(0.5) and ExponentialLR(0.9)": (
        Successive([Constant(0.2), Exponential(0.4, 0.9)], (0.5,)),
        [0.2, 0.2, 0.2, 0.4, 0.36, 0.324],
    ),
}
ALL = [schedule for schedule, _ in PYTORCH.values()] + [PerEpoch(MultiStep(0.1, (1,)), 3)]


@pytest.mark.parametrize("name", PYTORCH)
def test_rates_are_those_of_pytorch(name: str) -> None:
    schedule, expected = PYTORCH[name]
    total = len(expected)
    assert [schedule(k, total) for k in range(total)] == pytest.approx(expected, rel=1e-8)


def test_an_epoch_has_one_rate() -> None:
    schedule = PerEpoch(MultiStep(1.0, (1, 2), 0.5), 3)
    assert [schedule(k, 9) for k in range(9)] == [1.0] * 3 + [0.5] * 3 + [0.25] * 3
    assert schedule(9, 9) == 0.25


@given(schedule=st.sampled_from(ALL), total=st.integers(1, 300), share=st.floats(0, 1))
def test_rates_are_floats_from_zero_to_the_largest(
    schedule: Schedule, total: int, share: float
) -> None:
    for step in (0, int(share * total), total - 1, total):
        rate = schedule(step, total)
        assert type(rate) is float
        assert 0 <= rate <= 0.4 + 1e-12


@given(total=st.integers(1, 200), share=st.floats(0, 0.999))
def test_after_a_warm_up_the_schedule_has_the_rest(total: int, share: float) -> None:
    asked: list[tuple[int, int]] = []

    def schedule(step: int, steps: int) -> float:
        asked.append((step, steps))
        return 1.0

    rates = [Warmup(schedule, share, 0.0)(step, total) for step in range(total)]
    assert rates == sorted(rates)
    steps = asked[-1][1]
    assert asked[-steps:] == [(k, steps) for k in range(steps)]
    assert rates[total - steps :] == [1.0] * steps


@pytest.mark.parametrize("schedule", ALL)
def test_what_is_no_step_is_refused(schedule: Schedule) -> None:
    name = type(schedule).__name__
    with pytest.raises(ValueError, match=rf"\[{name}\] step must be at most 3, got 4"):
        schedule(4, 3)
    with pytest.raises(TypeError, match=rf"\[{name}\] step must be an int, got float"):
        schedule(wrong(0.5), 3)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Exponential(0.1, 1.1), ValueError, r"\[Exponential\] gamma must be at most 1"),
        (lambda: Exponential(-1, 0.5), ValueError, r"\[Exponential\] lr must be at least 0"),
        (lambda: Polynomial(0.1, 0), ValueError, r"\[Polynomial\] power must be above 0"),
        (lambda: Linear(0.1, math.inf), ValueError, r"\[Linear\] start_factor must be finite"),
        (lambda: Linear(1e30, 1e30), ValueError, r"\[Linear\] lr \* start_factor must be a fin"),
        (lambda: Staircase(0.1, 0), ValueError, r"\[Staircase\] step_size must be at least 1"),
        (lambda: MultiStep(0.1, wrong(3)), TypeError, r"milestones must be a tuple of ints"),
        (lambda: MultiStep(0.1, wrong((0.5,))), TypeError, "milestones must be an int, got float"),
        (lambda: CosineRestarts(0.1, 0), ValueError, r"first must be in \(0, 1\], got 0"),
        (lambda: CosineRestarts(0.1, 0.1, 0.5), ValueError, "growth must be at least 1, got 0.5"),
        (lambda: Warmup(wrong(0.1)), TypeError, r"must be a function of \(step, total_steps\)"),
        (lambda: Warmup(wrong(Cosine)), TypeError, r"must be a function of \(step, total_steps\)"),
        (lambda: Warmup(Constant(1), 1), ValueError, r"share must be in \[0, 1\), got 1"),
        (lambda: Chained([]), TypeError, "schedules must be a list of one or more"),
        (lambda: Successive([Constant(1)], (0.5,)), ValueError, "1 schedules need 0 milestones"),
        (lambda: Successive([Constant(1)] * 3, (0.5, 0.2)), ValueError, "must ascend"),
        (lambda: PerEpoch(Constant(1), 0), ValueError, "epochs must be at least 1, got 0"),
    ],
)
def test_wrong_settings_are_refused(
    make: Callable[[], Schedule], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()
