"""Containers with branches and names: outputs, gradients, paths, positions in errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.gradients import assert_gradients
from support.small_training import blobs, same_bits, snapshot

from pycnn import io
from pycnn.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Parallel,
    ReLU,
    Reshape,
    Residual,
    Sequential,
    Unsqueeze,
)
from pycnn.training import evaluate, fit


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def inception(seed: int = 0) -> Parallel:
    """Return three branches of different depth: (N, 2, H, W) to (N, 9, H, W)."""
    rng = np.random.default_rng(seed)
    return Parallel(
        Conv2d(2, 3, 1, rng=rng),
        Sequential(Conv2d(2, 2, 1, rng=rng), ReLU(), Conv2d(2, 4, 3, padding=1, rng=rng)),
        MaxPool2d(3, 1, 1),
    )


def branched(seed: int = 0) -> Sequential:
    rng = np.random.default_rng(seed)
    body = Sequential(Conv2d(2, 4, 3, padding=1, rng=rng), ReLU(), Conv2d(4, 3, 1, rng=rng))
    return Sequential(
        {
            "stem": Conv2d(1, 2, 3, padding=1, rng=rng),
            "block": Residual(body, Conv2d(2, 3, 1, rng=rng)),
            "mix": Parallel({"wide": Conv2d(3, 2, 3, padding=1, rng=rng), "same": ReLU()}),
            "pool": MaxPool2d(2),
            "flat": Flatten(),
            "head": Linear(80, 4, rng=rng),
        }
    )


def test_parallel_joins_what_its_branches_give() -> None:
    model, x = inception(), normal(3, 2, 5, 4)
    y = model(x)
    assert y.shape == (3, 9, 5, 4)
    np.testing.assert_array_equal(y, np.concatenate([branch(x) for branch in model], 1))
    assert Parallel(ReLU(), ReLU(), axis=3)(x).shape == (3, 2, 5, 8)
    assert inception()(normal(0, 2, 5, 4)).shape == (0, 9, 5, 4)
    assert len(model) == 3
    assert isinstance(model[-1], MaxPool2d)


def test_residual_adds_the_way_around() -> None:
    x = normal(3, 4)
    body = Linear(4, 4, rng=0)
    np.testing.assert_array_equal(Residual(body)(x), body(x) + x)
    shortcut = Linear(4, 2, rng=1)
    block = Residual(Sequential(Linear(4, 2, rng=0)), shortcut)
    np.testing.assert_array_equal(block(x), block[0](x) + shortcut(x))
    assert list(block.state_dict()) == [
        "body.0.weight", "body.0.bias", "shortcut.weight", "shortcut.bias"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (inception(), (2, 2, 5, 4)),
        (Parallel(Flatten(), Sequential(Flatten(), Linear(12, 5, rng=0))), (2, 3, 2, 2)),
        (Parallel(ReLU(), Sequential()), (2, 3)),
        (Residual(Linear(4, 4, rng=0)), (3, 4)),
        (Residual(Sequential()), (3, 4)),
        (branched(), (2, 1, 8, 8)),
        (Sequential(Unsqueeze(1), Conv2d(1, 3, (2, 4), rng=0), Reshape(3, -1)), (2, 5, 4)),
    ],
    ids=lambda value: value if isinstance(value, tuple) else type(value).__name__,
)
def test_gradients_are_slopes(model: Module, shape: tuple[int, ...]) -> None:
    assert_gradients(model, normal(*shape))


@pytest.mark.parametrize("make", [branched, inception], ids=["named", "parallel"])
def test_without_input_gradient_the_parameters_get_the_same(
    make: Callable[[], Sequential | Parallel],
) -> None:
    model = make()
    x = normal(3, 1 if make is branched else 2, 8, 8)
    dy = normal(*model(x).shape, seed=1)
    model.backward(dy)
    expected = {name: p.grad for name, p in model.named_parameters()}
    model.zero_grad()
    model(x)
    model.backward_parameters(dy)
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(parameter.grad, expected[name])


def test_a_relu_behind_an_affine_layer_changes_no_bit() -> None:
    """One op instead of two; layers on their own, and those that an object overrides, as before."""
    layers = (Conv2d(2, 3, 3, rng=0), ReLU(), Flatten(), Linear(12, 5, rng=1), ReLU())
    model = Sequential(*layers)
    x, dy = normal(4, 2, 4, 4), normal(4, 5, seed=1)
    expected, hidden = x, []
    for layer in layers:
        expected = layer(expected)
        hidden.append(expected)
    dx = dy
    for backwards in reversed(layers):
        dx = backwards.backward(dx)
    gradients = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(model.backward(dy), dx)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        np.testing.assert_array_equal(parameter.grad, gradient)

    seen = []

    def forward(x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return ReLU()(x)  # type: ignore[no-any-return]

    vars(layers[4])["forward"] = forward
    np.testing.assert_array_equal(model(x), expected)
    np.testing.assert_array_equal(seen, [hidden[3]])


def test_a_gradient_that_branches_share_is_not_changed() -> None:
    """Dropout in evaluation mode and Flatten pass on their input."""
    x, dy = normal(2, 3), normal(2, 3, seed=1)
    model, before = Residual(Sequential()), dy.copy()
    model(x)
    np.testing.assert_array_equal(model.backward(dy), 2 * dy)
    np.testing.assert_array_equal(dy, before)


def test_names_reach_the_parameters_and_the_file(tmp_path: Path) -> None:
    model = branched()
    assert list(model.state_dict())[:5] == [
        "stem.weight", "stem.bias", "block.body.0.weight", "block.body.0.bias",
        "block.body.2.weight",
    ]  # fmt: skip
    assert "mix.wide.weight" in model.state_dict()
    assert model["head"] is model[-1]
    assert "(block): Residual(\n    (body): Sequential(" in repr(model)
    io.save(tmp_path / "m.safetensors", model)
    other = branched(1)
    io.load(tmp_path / "m.safetensors", other)
    assert same_bits(model.state_dict(), other.state_dict())


def test_trace_goes_through_the_branches() -> None:
    model, x = branched().eval(), normal(2, 1, 8, 8)
    seen = [(path, type(layer).__name__, y.shape[1:]) for path, layer, y in model.trace(x)]
    assert seen == [
        ("stem", "Conv2d", (2, 8, 8)),
        ("block.body.0", "Conv2d", (4, 8, 8)), ("block.body.1", "ReLU", (4, 8, 8)),
        ("block.body.2", "Conv2d", (3, 8, 8)), ("block.shortcut", "Conv2d", (3, 8, 8)),
        ("block", "Residual", (3, 8, 8)),
        ("mix.wide", "Conv2d", (2, 8, 8)), ("mix.same", "ReLU", (3, 8, 8)),
        ("mix", "Parallel", (5, 8, 8)),
        ("pool", "MaxPool2d", (5, 4, 4)), ("flat", "Flatten", (80,)), ("head", "Linear", (4,)),
    ]  # fmt: skip
    *_, (_, _, last) = model.trace(x)
    np.testing.assert_array_equal(last, model(x))


class Shape(Module):
    """Counts as many FLOP as its input has numbers."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x[:, :1]

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy[:, :1]

    def flop(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return int(np.prod(input_shape))


def test_summary_counts_everything_once_and_gives_branches_their_input() -> None:
    lines = branched().summary((1, 8, 8)).splitlines()
    total = sum(parameter.numel() for parameter in branched().parameters())
    assert lines[-1].split()[2] == f"{total:,}"
    rows = {line.split()[0]: line.split()[-3:] for line in lines[2:-2]}
    assert rows["block"] == rows["mix"] == ["-", "-", "-"]
    assert rows["mix.wide"] == ["128", "56", f"{2 * 128 * 27:,}"]
    fork = Sequential(Shape(), Parallel(Shape(), Residual(Shape(), Shape()), Parallel(Shape())))
    assert flop(Sequential(Linear(6, 5, rng=0), fork, Shape()), 6) == "60 5 1 1 1 - 1 - - 3"
    nested = Parallel(Sequential(Shape(), Shape()), Parallel(Shape(), Shape()))
    assert flop(nested, 7) == "7 1 7 7 - -"


def flop(model: Module, features: int) -> str:
    """Return the last column of the summary."""
    return " ".join(line.split()[-1] for line in model.summary((features,)).splitlines()[2:-2])


def test_random_layers_have_streams_of_their_own() -> None:
    x = np.ones((1, 500), np.float32)
    model = Parallel(Dropout(0.5), Dropout(0.5))
    model.reseed([1, 2])
    first = model(x)
    assert not np.array_equal(first[:, :500], first[:, 500:])
    model.reseed([1, 2])
    np.testing.assert_array_equal(model(x), first)


def test_a_network_with_branches_learns() -> None:
    model, data = branched(), blobs(400)
    before = snapshot(model)
    fit(model, data, epochs=3, batch_size=16)
    assert not same_bits(before, snapshot(model))
    assert evaluate(model, blobs(200, seed=1)).accuracy > 0.95  # type: ignore[operator]


ERRORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Parallel(), ValueError, r"^\[Parallel\] needs at least one branch"),
    (lambda: Parallel({}), ValueError, "at least one branch"),
    (lambda: Parallel(ReLU(), axis=0), ValueError, r"^\[Parallel\] axis must be at least 1"),
    (
        lambda: Parallel(ReLU(), wrong(1)),
        TypeError,
        r"^\[Parallel\] branch 1 must be a Module, got int",
    ),
    (lambda: Parallel(r := ReLU(), r), ValueError, r"branch 1 \(ReLU\) is there already"),
    (lambda: Residual(r := ReLU(), r), ValueError, r"part shortcut \(ReLU\) is there already"),
    (lambda: Residual(3), TypeError, r"^\[Residual\] part body must be a Module"),  # type: ignore[arg-type]
    (lambda: Sequential({"a.b": ReLU()}), ValueError, r"^\[Sequential\] a name .* got 'a.b'"),
    (lambda: Sequential({"": ReLU()}), ValueError, "a name must not be empty"),
    (lambda: Sequential({1: ReLU()}), TypeError, "a name must be a str, got int"),  # type: ignore[dict-item]
    (lambda: Sequential({"a": 1}), TypeError, "layer a must be a Module, got int"),  # type: ignore[dict-item]
    (lambda: inception()[::2], TypeError, r"^\[Parallel\] takes a position or a name"),
    (lambda: Parallel(ReLU(), axis=2)(normal(2, 3)), ValueError, "^Parallel: outputs need an axis"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "error", "text"), ERRORS)
def test_errors_say_what_is_wrong(
    make: Callable[[], Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        make()


def test_errors_carry_the_position() -> None:
    x = normal(2, 3, 6, 6)
    deep = Sequential(ReLU(), ReLU(), ReLU(), Parallel(ReLU(), Conv2d(4, 2, 1, rng=0)))
    with pytest.raises(ValueError, match=r"^Sequential\[3\] Parallel\[1\] Conv2d: .*channels"):
        deep(x)
    with pytest.raises(ValueError, match=r"^Sequential\[3\] Parallel\[1\] Conv2d: .*channels"):
        deep.summary((3, 6, 6))
    with pytest.raises(
        ValueError, match=r"^Sequential\[0\] Parallel: outputs must agree in all axes but 1, have"
    ):
        Sequential(Parallel(ReLU(), MaxPool2d(2)))(x)
    with pytest.raises(ValueError, match=r"^Sequential\[a\] Residual: the body gives .*the input"):
        Sequential({"a": Residual(MaxPool2d(2))})(x)
    with pytest.raises(ValueError, match=r"the body gives \(2, 3, 3, 3\), the shortcut"):
        Residual(MaxPool2d(2), ReLU())(x)
    with pytest.raises(ValueError, match=r"^Sequential\[a\] Residual\[body\] Linear: expects 3"):
        Sequential({"a": Residual(Linear(3, 3))})(normal(2, 4))


def test_backward_errors_carry_the_position() -> None:
    x = normal(2, 3)
    model = Sequential(Parallel(ReLU(), ReLU()))
    with pytest.raises(RuntimeError, match=r"^Sequential\[0\] Parallel: backward needs a forward"):
        model.backward(x)
    model(x)
    with pytest.raises(ValueError, match=r"Parallel: gradient must have size 6 in axis 1"):
        model.backward(x)
    model(x)
    model[0][1]._memory = None
    with pytest.raises(RuntimeError, match=r"^Sequential\[0\] Parallel\[1\] ReLU: backward needs"):
        model.backward(normal(2, 6))
    block = Residual(ReLU())
    with pytest.raises(RuntimeError, match=r"^Residual: backward needs"):
        block.backward_parameters(x)
    block(x)
    with pytest.raises(ValueError, match=r"^Residual: the gradient must have shape \(2, 3\)"):
        block.backward(normal(2, 1))
