"""Gradients of random graphs: shared modules, branches, broadcasting and slices, as the reference.

A program is a list of instructions on a growing list of tensors. It is run by the back-ends in
float32 and by the reference in float64, forward and backward.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pycnn as nn
from pycnn.devices import available, move, on_cpu

Program = list[tuple[str, int, int]]

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b.tanh(),
    "div": lambda a, b: a / (b * b + 1.0),
    "maximum": nn.maximum,
    "where": lambda a, b: nn.where(a.detach() > b.detach(), a, b * 0.5),
    "cat": lambda a, b: nn.cat([a, b], 1)[:, 1 : 1 + a.shape[1]],
    "stack": lambda a, b: nn.stack([a, b], 0).mean(0),
    "gate": lambda a, b: a * b.mean((2, 3), True).sigmoid(),
    "matmul": lambda a, b: (a @ b.transpose(2, 3)).tanh() @ b,
    "row": lambda a, b: a + b[:, :, :1, :],
    "number": lambda a, b: a * (b[0, 0, 0, 0].tanh() + 1.0),
}
UNARY: dict[str, Callable[[Any], Any]] = {
    "conv": lambda a: a,  # the shared module, below
    "norm": lambda a: a,
    "relu": lambda a: nn.functional.relu(a),
    "tanh": lambda a: a.tanh(),
    "exp": lambda a: (-a.abs()).exp(),
    "log": lambda a: (a * a + 1.0).log(),
    "sqrt": lambda a: (a * a + 0.5).sqrt(),
    "pow": lambda a: (a.abs() + 0.5) ** 1.5,
    "square": lambda a: 0.1 * a**2,
    "reverse": lambda a: 1.0 - a,
    "flip": lambda a: a.flip(3),
    "permute": lambda a: a.permute(0, 1, 3, 2),
    "view": lambda a: a.view(a.size(0), -1).view(*a.shape),
    "slice": lambda a: nn.functional.pad(a[:, :, 1:, :], (0, 0, 1, 0)),
    "step": lambda a: a[:, :, ::2, :].repeat(1, 1, 2, 1),
    "rows": lambda a: a[[1, 0, 1][: a.shape[0]]],
    "sum": lambda a: a + a.sum(1, keepdim=True),
    "var": lambda a: a / (a.var((1, 2, 3), keepdim=True) + 1.0),
    "max": lambda a: a - a.amax((2, 3), True),
    "softmax": lambda a: a.softmax(1),
    "log_softmax": lambda a: 0.1 * a.log_softmax(-1),
    "pool": lambda a: nn.functional.interpolate(nn.functional.max_pool2d(a, 2), scale_factor=2),
    "average": lambda a: a - nn.functional.avg_pool2d(a, 3, 1, 1),
    "split": lambda a: nn.cat(nn.split(a, 1, 1)[::-1], 1),
    "expand": lambda a: a[:, :1].expand_as(a) + a,
    "clamp": lambda a: a.clamp(-0.7, 0.8),
    "in place": lambda a: _in_place(a),
    "norm of rows": lambda a: nn.functional.normalize(a, dim=1),
}


def _in_place(a: Any) -> Any:
    y = a * 1.5
    y += a
    y[:, 0] = y[:, 0] * 0.5
    return y


class Graph(nn.Module):
    """Runs a program; its convolution and its weight are used as often as it says."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = tuple(program)
        self.conv = nn.Conv2d(2, 2, 3, padding=1, rng=0)
        self.norm = nn.GroupNorm(1, 2)
        self.scale = nn.Parameter(np.float32([[[1.5]], [[-0.5]]]))  # type: ignore[arg-type]

    def forward(self, a: Any, b: Any) -> Any:
        values = [a, b * self.scale]
        for name, i, j in self.program:
            x, y = values[i % len(values)], values[j % len(values)]
            if name in BINARY:
                values.append(BINARY[name](x, y))
            elif name in ("conv", "norm"):
                values.append(getattr(self, name)(x))
            else:
                values.append(UNARY[name](x))
        return values[-1] + 0.5 * values[-2], values[-1].mean()


programs = st.lists(
    st.tuples(st.sampled_from([*BINARY, *UNARY]), st.integers(0, 7), st.integers(0, 7)),
    min_size=1,
    max_size=8,
)


def run(model: nn.Module, inputs: Sequence[np.ndarray], device: str) -> list[np.ndarray]:
    """Return outputs, and gradients of inputs and parameters."""
    model = copy.deepcopy(model).to(device)
    a, b = (nn.Tensor(move(x, device), requires_grad=True) for x in inputs)
    y, mean = model(a, b)
    weights = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    ((y * nn.Tensor(move(weights, device))).sum() + 3.0 * mean).backward()
    grads = [a.grad, b.grad, *(p.grad for p in model.parameters())]
    zeros = [np.zeros(one.shape, np.float32) for one in (a, b, *model.parameters())]
    found = [z if g is None else on_cpu(g) for g, z in zip(grads, zeros, strict=True)]
    return [y.numpy(), mean.numpy(), *found]


def smooth(values: list[np.ndarray]) -> bool:
    return all(np.isfinite(v).all() and np.abs(v).max(initial=0) < 1e4 for v in values)


def check(program: Program, seed: int, device: str) -> None:
    rng = np.random.default_rng(seed)
    inputs = [rng.standard_normal((2, 2, 4, 4)).astype(np.float32) for _ in range(2)]
    model = Graph(program)
    expected = run(model, inputs, "reference")
    if not smooth(expected):
        return
    found = run(model, inputs, device)
    for mine, exact in zip(found, expected, strict=True):
        scale = max(1.0, float(np.abs(exact).max(initial=0)))
        np.testing.assert_allclose(mine, exact, rtol=2e-4, atol=2e-5 * scale)


@settings(max_examples=300)
@given(programs, st.integers(0, 2**32 - 1))
def test_gradients_are_those_of_the_reference(program: Program, seed: int) -> None:
    check(program, seed, "cpu")


@pytest.mark.parametrize("device", available())
@settings(max_examples=40)
@given(program=programs, seed=st.integers(0, 2**32 - 1))
def test_a_device_computes_them_as_well(device: str, program: Program, seed: int) -> None:
    check(program, seed, device)


@settings(max_examples=60)
@given(programs, st.integers(0, 2**32 - 1))
def test_arrays_get_what_tensors_get(program: Program, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal((2, 2, 4, 4)).astype(np.float32) for _ in range(2))
    one, two = Graph(program), Graph(program)
    y, mean = one(a, b)
    assert isinstance(y, np.ndarray)
    da, db = one.backward((np.ones_like(y), np.zeros_like(mean)))
    ta, tb = nn.Tensor(a, requires_grad=True), nn.Tensor(b, requires_grad=True)
    ty, _ = two(ta, tb)
    ty.sum().backward()
    np.testing.assert_array_equal(ty.numpy(), y)
    for mine, tensor in ((da, ta), (db, tb)):
        if tensor.grad is not None:
            np.testing.assert_array_equal(mine, tensor.grad)
    for p, q in zip(one.parameters(), two.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            np.testing.assert_array_equal(p.grad, q.grad)
