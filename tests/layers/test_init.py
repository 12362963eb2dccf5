"""Initial values: the published spread, from the given random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pycnn import init

SHAPE = (48, 20, 3, 5)  # fan_in 300, fan_out 720

UNIFORM: dict[str, tuple[Callable[..., np.ndarray], float]] = {
    "lecun": (init.lecun_uniform, math.sqrt(3 / 300)),
    "xavier": (init.xavier_uniform, math.sqrt(6 / 1020)),
    "kaiming": (init.kaiming_uniform, math.sqrt(6 / 300)),
}
NORMAL: dict[str, tuple[Callable[..., np.ndarray], float]] = {
    "lecun": (init.lecun_normal, math.sqrt(1 / 300)),
    "xavier": (init.xavier_normal, math.sqrt(2 / 1020)),
    "kaiming": (init.kaiming_normal, math.sqrt(2 / 300)),
    "plain": (init.normal, 1.0),
}


def test_fans() -> None:
    assert (init.fan_in(SHAPE), init.fan_out(SHAPE)) == (300, 720)
    assert (init.fan_in((10, 84)), init.fan_out((10, 84))) == (84, 10)
    assert init.fan_out((7,)) == 7


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (4, 2, 0, 3)])
def test_a_weight_without_numbers_has_no_spread(shape: tuple[int, ...]) -> None:
    spread = [make for make, _ in (*UNIFORM.values(), *NORMAL.values()) if make is not init.normal]
    makers: list[Callable[..., Any]] = [*spread, init.default_bound, init.fan_in, init.fan_out]
    for make in makers:
        with pytest.raises(ValueError, match=r"^\[init\] shape must be at least 1, got 0"):
            make(shape)


def test_every_function_is_in_all() -> None:
    own = {
        name
        for name, value in vars(init).items()
        if getattr(value, "__module__", "").startswith(init.__name__)
    }
    assert {name for name in own if not name.startswith("_")} | {"Rng"} == set(init.__all__)


@pytest.mark.parametrize(("make", "bound"), UNIFORM.values(), ids=list(UNIFORM))
def test_uniform(make: Callable[..., np.ndarray], bound: float) -> None:
    values = make(SHAPE, 0)
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert np.abs(values).max() == pytest.approx(bound, rel=1e-3)
    assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert abs(values.mean()) < 0.02 * bound


@pytest.mark.parametrize(("make", "std"), NORMAL.values(), ids=list(NORMAL))
def test_normal(make: Callable[..., np.ndarray], std: float) -> None:
    values = make(SHAPE, rng=np.random.default_rng(0))
    assert values.dtype == np.float32
    assert values.std() == pytest.approx(std, rel=0.02)
    assert abs(values.mean()) < 0.03 * std
    assert np.abs(values).max() > 3 * std


def test_settings() -> None:
    shifted = init.normal(SHAPE, 0.01, 0, mean=2.0)
    assert shifted.mean() == pytest.approx(2, abs=1e-3)
    np.testing.assert_allclose(shifted - 2, init.normal(SHAPE, 0.01, 0), atol=1e-6)
    twice = init.xavier_uniform(SHAPE, 0, gain=2.0)
    np.testing.assert_allclose(twice, 2 * init.xavier_uniform(SHAPE, 0), rtol=1e-5)
    ones = init.constant((3, 2), 1.0)
    assert ones.dtype == np.float32
    assert (ones == 1).all()


def test_the_same_seed_gives_the_same_values() -> None:
    for make, _ in (*UNIFORM.values(), *NORMAL.values()):
        np.testing.assert_array_equal(make(SHAPE, rng=3), make(SHAPE, rng=3))
