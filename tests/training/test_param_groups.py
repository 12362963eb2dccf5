"""Groups of parameters with settings of their own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_training import blobs, small_net

from pycnn.layers import Parameter
from pycnn.optim import SGD, Adam, Cosine, clip_grad_norm
from pycnn.training import fit


def parameter() -> Parameter:
    return Parameter(np.array([1.0, -2.0, 0.5], np.float32))


def gradient(k: int) -> np.ndarray:
    return np.array([0.5 * k, -1.0 / k, 0.25 * (-1) ** k], np.float32)


def two_groups(a: Parameter, b: Parameter) -> SGD:
    other = {"params": b, "lr": 0.01, "weight_decay": 0.1, "momentum": 0.5, "name": "slow"}
    return SGD([{"params": [a, a]}, other], lr=0.1, momentum=0.9)  # type: ignore[arg-type]


def test_groups_and_a_schedule_have_the_numbers_of_pytorch() -> None:
    """Four steps of PyTorch 2.13 in float64: SGD, with CosineAnnealingLR(T_max=4)."""
    a, b = parameter(), parameter()
    optimizer, schedule = two_groups(a, b), Cosine(0.1)
    assert [id(p) for p in optimizer.params] == [id(a), id(b)]  # one that is there twice, once
    for k in range(1, 5):
        optimizer.lr = schedule(k - 1, 4)
        a.grad, b.grad = gradient(k), gradient(k)
        optimizer.step()
    np.testing.assert_allclose(a.data, [0.61972499, -1.67617425, 0.53357845], rtol=2e-6)
    np.testing.assert_allclose(b.data, [0.96581218, -1.96949281, 0.50042421], rtol=2e-6)
    assert optimizer.param_groups[1]["lr"] == pytest.approx(optimizer.lr / 10)


def test_a_state_of_several_groups_is_stored_and_taken() -> None:
    a, b = parameter(), parameter()
    first = two_groups(a, b)
    a.grad, b.grad = gradient(1), gradient(2)
    first.step()
    first.param_groups[1]["lr"] = 0.5
    state = copy.deepcopy(first.state_dict())
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    second = two_groups(a, b)
    second.load_state_dict(state)
    np.testing.assert_equal(second.state_dict(), state)
    alone = SGD([a, b], 0.1, 0.9)
    with pytest.raises(ValueError, match=r"state is for 1 \+ 1 parameters in groups, .* 2 "):
        alone.load_state_dict(state)
    with pytest.raises(ValueError, match=r"state is for 2 parameters, the optimizer has 1 \+ 1"):
        second.load_state_dict(alone.state_dict())
    np.testing.assert_equal(second.state_dict(), state)


def test_a_group_is_added_later() -> None:
    a, b = parameter(), parameter()
    optimizer = Adam([a], 0.1)
    optimizer.add_param_group({"params": [b], "betas": (0.5, 0.9)})
    assert optimizer.param_groups[1]["betas"] == (0.5, 0.9)
    assert optimizer.param_groups[1]["lr"] == 0.1
    before = copy.deepcopy(optimizer.state_dict())
    bad: list[tuple[Any, type[Exception], str]] = [
        ({"params": [a]}, ValueError, "a parameter is in two groups"),
        ({"params": [parameter()], "lr": -1}, ValueError, "lr must be at least 0"),
        ({"params": [parameter()], "lrate": 1}, ValueError, "no setting 'lrate'; there are lr, "),
        ({"lr": 1}, TypeError, "a group must be a dict with 'params'"),
        ([parameter()], TypeError, "a group must be a dict with 'params'"),
        ({"params": {parameter()}}, TypeError, "params must have an order, got set"),
    ]
    for group, error, text in bad:
        with pytest.raises(error, match=rf"\[Adam\] .*{text}"):
            optimizer.add_param_group(group)
    np.testing.assert_equal(optimizer.state_dict(), before)
    with pytest.raises(TypeError, match="must hold groups or Parameters, not both"):
        Adam([{"params": [a]}, b])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"must be a list of groups, .*got one group"):
        Adam({"params": [a]})  # type: ignore[arg-type]


def test_settings_are_attributes_too() -> None:
    optimizer = two_groups(parameter(), parameter())
    assert optimizer.momentum == 0.9
    optimizer.momentum = 0.3
    assert [group["momentum"] for group in optimizer.param_groups] == [0.3, 0.3]
    with pytest.raises(ValueError, match="momentum must be at least 0"):
        optimizer.momentum = -1
    assert optimizer.momentum == 0.3


def test_rates_without_a_ratio_are_not_scheduled() -> None:
    optimizer = SGD([{"params": parameter(), "lr": 0.0}, {"params": parameter(), "lr": 1.0}])
    with pytest.raises(ValueError, match="the first group has 0"):
        optimizer.lr = 1.0


def test_frozen_parameters_and_those_without_gradient_rest() -> None:
    moving, frozen, idle = parameter(), parameter(), parameter()
    frozen.requires_grad = False
    optimizer = Adam([moving, frozen, idle], 0.1, weight_decay=0.1)
    moving.grad = frozen.grad = gradient(1)
    clip_grad_norm(optimizer.params, 1.0)
    optimizer.step()
    assert (moving.data != parameter().data).all()
    for still in (frozen, idle):
        np.testing.assert_array_equal(still.data, parameter().data)


def test_a_training_with_groups_resumes_to_the_same_bits(tmp_path: Path) -> None:
    def trained(epochs: int, ratio: float = 0.1, **options: Any) -> Any:
        model = small_net(dropout=0.5)
        *first, weight, bias = model.parameters()
        groups = [{"params": first}, {"params": [weight, bias], "lr": 0.01 * ratio}]
        fit(
            model,
            blobs(100),
            epochs=epochs,
            schedule_epochs=3,
            optimizer=Adam(groups, 0.01),  # type: ignore[arg-type]
            schedule=Cosine(0.01),
            **options,
        )
        return model.state_dict()

    path = tmp_path / "training.safetensors"
    straight = trained(3)
    trained(1, checkpoint=path)
    resumed = trained(3, checkpoint=path, resume=True)
    assert all(straight[name].tobytes() == resumed[name].tobytes() for name in straight)
    with pytest.raises(ValueError, match=r"groups: 2 parameters.*lr=0.1.* in the checkpoint"):
        trained(3, ratio=0.5, checkpoint=path, resume=True)
