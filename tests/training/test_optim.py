"""Optimizers against PyTorch's results, their state, and gradient clipping."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from pycnn.layers import Parameter
from pycnn.optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    Lion,
    Muon,
    NAdam,
    Optimizer,
    RMSprop,
)

Make = Callable[[Iterable[Parameter]], Optimizer]

# Four steps from (1, -2, 0.5) with the gradients below, by PyTorch 2.13 in float64; arguments by
# position, in PyTorch's order.
PYTORCH: dict[str, tuple[Make, list[float]]] = {
    "sgd nesterov": (
        lambda p: SGD(p, 0.1, 0.9, 0.0, 0.01, True),
        [-0.3446750536, -1.259160222, 0.5302550465],
    ),
    "sgd dampening": (
        lambda p: SGD(p, 0.1, 0.8, 0.3, 0.02),
        [0.3404592618, -1.534828196, 0.5382755943],
    ),
    "adam": (
        lambda p: Adam(p, 0.01, (0.8, 0.95), 1e-6, 0.1),
        [0.9603095205, -1.962942127, 0.5053800306],
    ),
    "adamw": (
        lambda p: AdamW(p, 0.01, (0.8, 0.95), 1e-6, 0.1),
        [0.9565809964, -1.956496308, 0.5091921625],
    ),
    "adadelta": (
        lambda p: Adadelta(p, 0.7, 0.8, 1e-3, 0.05),
        [0.7240216234, -1.860345092, 0.4842958423],
    ),
    "rmsprop": (
        lambda p: RMSprop(p, 0.01, 0.9, 1e-4, 0.05),
        [0.8907125869, -1.93240889, 0.5057114144],
    ),
    "rmsprop centered": (
        lambda p: RMSprop(p, 0.01, 0.9, 1e-4, 0.05, 0.8, True),
        [0.7445527822, -1.825919823, 0.55034653],
    ),
    "adagrad": (
        lambda p: Adagrad(p, 0.1, 0.05, 0.01, 0.2, 1e-6),
        [0.7124209750, -1.825274903, 0.508170494],
    ),
    "nadam": (
        lambda p: NAdam(p, 0.01, (0.8, 0.95), 1e-6, 0.1, 0.02),
        [0.9570844328, -1.970965016, 0.4998495995],
    ),
    "nadam decoupled": (
        lambda p: NAdam(p, 0.01, (0.8, 0.95), 1e-6, 0.1, 0.02, True),
        [0.9527493534, -1.965675686, 0.5023044152],
    ),
}
MAKERS: list[Make] = [
    lambda p: SGD(p, 0.1),
    lambda p: SGD(p, 0.1, momentum=0.9),
    lambda p: Adam(p, 0.1),
    lambda p: AdamW(p, 0.1),
    lambda p: Adadelta(p, 0.1),
    lambda p: RMSprop(p, 0.1),
    lambda p: RMSprop(p, 0.1, momentum=0.5, centered=True),
    lambda p: Adagrad(p, 0.1, lr_decay=0.1),
    lambda p: NAdam(p, 0.1),
    lambda p: NAdam(p, 0.1, (0.0, 0.9), weight_decay=0.1, decoupled_weight_decay=True),
    lambda p: Lion(p, 0.1, weight_decay=0.1),
    lambda p: Muon(p, 0.1),
]


def gradient(k: int) -> np.ndarray:
    return np.array([0.5 * k, -1.0 / k, 0.25 * (-1) ** k], np.float32)


def parameter() -> Parameter:
    return Parameter(np.array([1.0, -2.0, 0.5], np.float32))


def train(optimizer: Optimizer, p: Parameter, steps: Iterable[int]) -> None:
    for k in steps:
        p.grad = gradient(k)
        optimizer.step()


@pytest.mark.parametrize("name", PYTORCH)
def test_updates_are_those_of_pytorch(name: str) -> None:
    make, expected = PYTORCH[name]
    p = parameter()
    train(make([p]), p, range(1, 5))
    np.testing.assert_allclose(p.data, expected, rtol=2e-6)


def test_defaults_are_those_of_pytorch() -> None:
    p = parameter()
    off = {"maximize": False, "params": [0]}
    assert SGD([p]).state_dict()["param_groups"] == [
        off | {"lr": 1e-3, "momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False}
    ]
    adam = off | {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "amsgrad": False}
    assert Adam([p]).state_dict()["param_groups"] == [
        adam | {"weight_decay": 0.0, "decoupled_weight_decay": False}
    ]
    assert AdamW([p]).state_dict()["param_groups"] == [
        adam | {"weight_decay": 1e-2, "decoupled_weight_decay": True}
    ]
    assert Adadelta([p]).state_dict()["param_groups"] == [
        off | {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0}
    ]
    assert RMSprop([p]).state_dict()["param_groups"] == [
        off
        | {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0}
        | {"centered": False}
    ]
    assert Adagrad([p]).state_dict()["param_groups"] == [
        off
        | {"lr": 1e-2, "lr_decay": 0, "weight_decay": 0, "eps": 1e-10}
        | {"initial_accumulator_value": 0}
    ]
    assert NAdam([p]).state_dict()["param_groups"] == [
        off
        | {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0}
        | {"momentum_decay": 4e-3, "decoupled_weight_decay": False}
    ]


@pytest.mark.parametrize("make", MAKERS)
def test_step_works_in_place_and_follows_lr(make: Make) -> None:
    p = parameter()
    data, start = p.data, p.data.copy()
    optimizer = make([p])
    optimizer.lr = 0.0
    train(optimizer, p, [1])
    np.testing.assert_array_equal(p.data, start)
    optimizer.lr = 0.1
    train(optimizer, p, [2])
    assert p.data is data
    assert np.all(p.data != start)


@pytest.mark.parametrize("make", MAKERS)
def test_parameters_without_gradient_rest(make: Make) -> None:
    busy, idle = parameter(), parameter()
    optimizer = make([busy, idle])
    train(optimizer, busy, range(1, 4))
    np.testing.assert_array_equal(idle.data, parameter().data)
    assert 1 not in optimizer.state_dict()["state"]
    # The first step of a parameter is its own first, however late it comes.
    alone = parameter()
    train(make([alone]), alone, [1])
    busy.grad, idle.grad = None, gradient(1)
    optimizer.step()
    np.testing.assert_array_equal(idle.data, alone.data)
    optimizer.zero_grad()
    assert busy.grad is None
    assert idle.grad is None


@pytest.mark.parametrize("make", MAKERS)
def test_state_continues_with_the_same_bits(make: Make) -> None:
    straight = parameter()
    train(make([straight]), straight, range(1, 7))

    p = parameter()
    first = make([p])
    train(first, p, range(1, 4))
    state, kept = copy.deepcopy(first.state_dict()), copy.deepcopy(first.state_dict())
    second = make([p])
    second.load_state_dict(state)
    train(second, p, range(4, 7))
    assert p.data.tobytes() == straight.data.tobytes()
    np.testing.assert_equal(state, kept)  # it was copied: the steps since have not changed it


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    p = parameter()
    adam = Adam([p], 0.5)
    train(adam, p, [1])
    before = copy.deepcopy(adam.state_dict())
    two = Adam([parameter(), parameter()]).state_dict()
    other_shape = copy.deepcopy(before)
    other_shape["state"][0]["exp_avg"] = np.zeros(2, np.float32)
    bad: list[tuple[Any, str]] = [
        (SGD([p]).state_dict(), "not a state of this optimizer"),
        ({}, "not a state of this optimizer"),
        (two, "for 2 parameters, the optimizer has 1"),
        (other_shape, r"exp_avg of parameter 0 has shape \(2,\)"),
        (before | {"state": {1: before["state"][0]}}, "state of parameter 1, which does not exist"),
        (before | {"state": [1]}, "not a state of this optimizer"),
    ]
    for state, text in bad:
        with pytest.raises(ValueError, match=text):
            adam.load_state_dict(state)
        np.testing.assert_equal(adam.state_dict(), before)


@pytest.mark.parametrize("make", MAKERS)
def test_a_step_that_fails_is_no_step(make: Make) -> None:
    straight, p = parameter(), parameter()
    first, second = make([straight]), make([p])
    for k in range(1, 4):
        p.grad = np.ones(2, np.float32)
        with pytest.raises(ValueError, match=r"grad has shape \(2,\)"):
            second.step()
        train(first, straight, [k])
        train(second, p, [k])
    assert p.data.tobytes() == straight.data.tobytes()
    np.testing.assert_equal(first.state_dict(), second.state_dict())


def stepped(make: Make) -> Optimizer:
    """Make an optimizer of two parameters, of which the second has taken a step."""
    idle, p = parameter(), parameter()
    optimizer = make([idle, p])
    train(optimizer, p, [1])
    return optimizer


def momentum(p: Iterable[Parameter]) -> Optimizer:
    return SGD(p, 0.1, momentum=0.9)


@pytest.mark.parametrize(
    ("make", "entry", "value", "error", "text"),
    [
        (momentum, "momentum_buffer", ..., ValueError, "momentum_buffer of parameter 1 is missing"),
        (momentum, "exp_avg", 1, ValueError, "exp_avg of parameter 1 is unknown"),
        (momentum, "momentum_buffer", np.zeros(3), TypeError, "must be a float32 array, got float"),
        (momentum, "momentum_buffer", [0, 0, 0], TypeError, "must be a float32 array, got int64"),
        (momentum, "momentum_buffer", None, ValueError, "momentum_buffer of parameter 1 is miss"),
        (Adam, "step", ..., ValueError, "step of parameter 1 is missing"),
        (Adam, "exp_avg", ..., ValueError, "exp_avg of parameter 1 is missing"),
        (Adam, "step", 1.5, ValueError, "step of parameter 1 must be a whole number"),
        (Adam, "step", -1, ValueError, "step of parameter 1 must be a whole number, at least 0"),
        (Adam, "step", float("nan"), ValueError, "step of parameter 1 must be a whole number"),
        (Adam, "step", float("inf"), ValueError, "step of parameter 1 must be a whole number"),
        (Adam, "step", "3", TypeError, "step of parameter 1 must be a number of steps, got '3'"),
        (Adam, "step", np.ones(1), TypeError, "step of parameter 1 must be a number of steps"),
        (Adam, "max_exp_avg_sq", 0, ValueError, "max_exp_avg_sq of parameter 1 is unknown"),
        (Adadelta, "acc_delta", ..., ValueError, "acc_delta of parameter 1 is missing"),
        (RMSprop, "velocity", 0, ValueError, "velocity of parameter 1 is unknown"),
    ],
)
def test_a_state_needs_every_entry_and_no_other(
    make: Make, entry: str, value: Any, error: type[Exception], text: str
) -> None:
    optimizer = stepped(make)
    before = copy.deepcopy(optimizer.state_dict())
    bad = copy.deepcopy(before)
    if value is ...:
        del bad["state"][1][entry]
    else:
        bad["state"][1][entry] = value
    with pytest.raises(error, match=rf"\[{type(optimizer).__name__}\] .*{text}"):
        optimizer.load_state_dict(bad)
    np.testing.assert_equal(optimizer.state_dict(), before)


@pytest.mark.parametrize(
    ("make", "settings", "error", "text"),
    [
        (SGD, {"lr": "x"}, TypeError, r"\[SGD\] lr must be a number, got str"),
        (SGD, {"lr": -1}, ValueError, r"\[SGD\] lr must be at least 0, got -1"),
        (SGD, {"nesterov": True}, ValueError, r"\[SGD\] nesterov needs a momentum"),
        (SGD, {"nesterov": "no"}, TypeError, r"\[SGD\] nesterov must be True or False, got 'no'"),
        (SGD, {"momentum": 0.9}, ValueError, "momentum_buffer of parameter 1 is missing"),
        (SGD, {"maximize": True}, ValueError, "not a state of this optimizer: maximize is True"),
        (Adam, {"betas": None}, TypeError, "betas must be a pair of numbers, got None"),
        (Adam, {"betas": (0.9, 1.0)}, ValueError, "betas must be in"),
        (Adam, {"amsgrad": True}, ValueError, "amsgrad is True"),
        (Adam, {"decoupled_weight_decay": True}, ValueError, "decoupled_weight_decay is True"),
        (RMSprop, {"centered": 1}, TypeError, r"\[RMSprop\] centered must be True or False, got 1"),
        (RMSprop, {"centered": True}, ValueError, "grad_avg of parameter 1 is missing"),
    ],
)
def test_the_settings_of_a_state_are_checked(
    make: Make, settings: dict[str, Any], error: type[Exception], text: str
) -> None:
    optimizer = stepped(make)
    if make is SGD:  # without momentum it has no state
        optimizer.load_state_dict(optimizer.state_dict() | {"state": {1: {}}})
    before = copy.deepcopy(optimizer.state_dict())
    bad = {"state": before["state"] or {1: {}}, "param_groups": [dict(before["param_groups"][0])]}
    bad["param_groups"][0] |= settings
    with pytest.raises(error, match=text):
        optimizer.load_state_dict(bad)
    np.testing.assert_equal(optimizer.state_dict(), before)


def test_states_of_adam_and_adamw_are_not_mixed_up() -> None:
    adam, adamw = stepped(Adam), stepped(AdamW)
    for target, source in ((adam, adamw), (adamw, adam)):
        with pytest.raises(ValueError, match="decoupled_weight_decay is"):
            target.load_state_dict(source.state_dict())


def test_a_state_of_pytorch_is_taken() -> None:
    """Its keys need not start at 0, its steps are floats, and its groups have more settings."""
    straight = parameter()
    train(Adam([straight]), straight, range(1, 5))
    p = parameter()
    first = Adam([p])
    train(first, p, range(1, 3))
    state = copy.deepcopy(first.state_dict())
    (group,) = state["param_groups"]
    del group["decoupled_weight_decay"]  # younger than most files
    group |= {"foreach": None, "capturable": False, "fused": None, "initial_lr": 1, "params": [5]}
    entries = state["state"].pop(0) | {"step": np.array(2.0, np.float32)}
    entries["exp_avg"] = np.repeat(entries["exp_avg"], 2)[::2]  # not contiguous
    second = Adam([p])
    second.load_state_dict(state | {"state": {5: entries}})
    train(second, p, range(3, 5))
    assert p.data.tobytes() == straight.data.tobytes()
    assert type(second.state_dict()["state"][0]["step"]) is int

    sgd = SGD([p])
    sgd.load_state_dict(sgd.state_dict() | {"state": {0: {"momentum_buffer": None}}})
    train(sgd, p, [1])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: SGD([]), "no parameters"),
        (lambda p: SGD([p], -1), "lr must be at least 0"),
        (lambda p: SGD([p], float("nan")), "lr must be finite"),
        (lambda p: SGD([p], momentum=-0.1), "momentum"),
        (lambda p: SGD([p], dampening=float("nan")), "dampening must be finite"),
        (lambda p: SGD([p], nesterov=True), "nesterov needs a momentum"),
        (lambda p: Adam([p], betas=(0.9, 1.0)), "betas"),
        (lambda p: Adam([p], eps=-1), "eps"),
        (lambda p: AdamW([p], weight_decay=-1), "weight_decay"),
        (lambda p: Adadelta([p], rho=1.0), "rho"),
        (lambda p: RMSprop([p], alpha=-0.1), "alpha"),
        (lambda p: RMSprop([p], momentum=float("inf")), "momentum"),
    ],
)
def test_settings_out_of_range(make: Callable[[Parameter], Optimizer], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make(parameter())


def test_settings_must_be_numbers() -> None:
    with pytest.raises(TypeError, match="lr must be a number, got str"):
        SGD([parameter()], "0.1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="weight_decay must be a number, got bool"):
        AdamW([parameter()], weight_decay=True)


def test_params_must_be_parameters() -> None:
    with pytest.raises(TypeError, match="must hold Parameters, got ndarray"):
        Adam([np.zeros(3)])  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [SGD, Adam, AdamW, Adadelta, RMSprop, Adagrad, NAdam, Lion, Muon])
def test_optimizers_say_how_parameters_are_given(make: type[Optimizer]) -> None:
    name = make.__name__
    parameter = Parameter(np.zeros(1, np.float32))
    with pytest.raises(TypeError, match=rf"\[{name}\] params must be an iterable.*got Parameter"):
        make(parameter)  # type: ignore[call-arg]
    groups = [{"params": [parameter]}, {"params": [parameter]}]
    with pytest.raises(ValueError, match=rf"\[{name}\] params: a parameter is in two groups"):
        make(groups)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=rf"\[{name}\] lr is out of range: a large int"):
        make([parameter], lr=10**5000)  # type: ignore[call-arg]
