"""Gradients of any module against finite differences, in float64 on the reference ops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from pycnn import ops, reference
from pycnn.layers import Module

STEP = 1e-6


@contextmanager
def reference_ops() -> Iterator[None]:
    """Let every layer and loss call the reference."""
    compiled = {name: getattr(ops, name) for name in reference.__all__}
    try:
        for name in compiled:
            setattr(ops, name, getattr(reference, name))
        yield
    finally:
        for name, op in compiled.items():
            setattr(ops, name, op)


def widen(model: Module) -> None:
    """Convert every parameter to float64, with the same values."""
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
        parameter.grad = None


def assert_gradients(model: Module, x: np.ndarray, seed: int = 0, rel: float = 1e-6) -> None:
    """Check slopes of ``sum(g y)``, g random, in random directions of x and each parameter.

    The model keeps its float64 parameters.
    """
    rng = np.random.default_rng(seed)
    widen(model)
    x = x.astype(np.float64)
    with reference_ops():
        g = rng.standard_normal(model(x).shape)
        dx = model.backward(g)
        places = {name: (p.data, p.grad) for name, p in model.named_parameters()} | {"x": (x, dx)}
        for name, (values, gradient) in places.items():
            assert isinstance(gradient, np.ndarray), name
            assert gradient.shape == values.shape, name
            direction = rng.standard_normal(values.shape)
            expected = slope(lambda: float(np.sum(g * model(x))), values, direction)
            assert np.sum(gradient * direction) == pytest.approx(expected, rel=rel, abs=1e-7), name


def slope(f: Callable[[], float], values: np.ndarray, direction: np.ndarray) -> float:
    """Return the central difference of f as `values` move along `direction`; then restore them."""
    start = values.copy()
    values += STEP * direction
    up = f()
    values[...] = start - STEP * direction
    down = f()
    values[...] = start
    return (up - down) / (2 * STEP)
