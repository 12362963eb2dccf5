"""The states that a model and an optimizer accept, and the seeds that random layers do."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.small_training import same_bits

from pycnn.layers import Dropout, Linear, Parameter, Sequential
from pycnn.optim import SGD
from pycnn.training.tree import flatten, rebuild


class Two(Sequential):
    def __init__(self) -> None:
        super().__init__()
        self.w = Parameter(np.array([1, 2], np.float32))
        self.b = Parameter(np.array([3, 4], np.float32))


def test_a_state_may_be_the_models_own_arrays_swapped() -> None:
    model = Two()
    model.load_state_dict({"w": model.b.data, "b": model.w.data})
    np.testing.assert_array_equal([model.w.data, model.b.data], [[3, 4], [1, 2]])


def test_a_state_may_hold_tensors_and_others_say_how_they_become_arrays() -> None:
    class Foreign:
        dtype = "torch.float32"
        numpy = None

    layer, other = Linear(2, 2, rng=0), Linear(2, 2, rng=1)
    layer.load_state_dict(dict(other.named_parameters()))
    assert same_bits(layer.state_dict(), other.state_dict())
    for value, cure in ((Foreign(), "value.numpy()"), (np.zeros(2), "value.astype(np.float32)")):
        with pytest.raises(TypeError, match=rf"bias must .*: give {{name: {re.escape(cure)} for"):
            layer.load_state_dict({**other.state_dict(), "bias": value})


def test_a_state_in_the_other_byte_order_is_taken_and_one_with_a_mask_is_not() -> None:
    model, optimizer = Two(), SGD(Two().parameters(), momentum=0.9)
    model.load_state_dict({k: v.astype(">f4") + 1 for k, v in model.state_dict().items()})
    np.testing.assert_array_equal(model.w.data, [2, 3])
    masked = {name: np.ma.masked_equal(array, 3) for name, array in model.state_dict().items()}
    with pytest.raises(TypeError, match=r"^\[load_state_dict\] w has a mask"):
        model.load_state_dict(masked)
    group = optimizer.state_dict()["param_groups"]
    states = {0: {"momentum_buffer": np.array([1, 2], ">f4")}}
    optimizer.load_state_dict({"state": states, "param_groups": group})
    buffer = optimizer.state_dict()["state"][0]["momentum_buffer"]
    assert (buffer.dtype, buffer.tolist()) == (np.float32, [1, 2])
    states = {0: {"momentum_buffer": np.ma.masked_equal(np.ones(2, np.float32), 1)}}
    with pytest.raises(TypeError, match=r"^\[SGD\] momentum_buffer of parameter 0 has a mask"):
        optimizer.load_state_dict({"state": states, "param_groups": group})


@pytest.mark.parametrize("state", [range(10**8), None, 1.5, np.ones(3), [("w", 1)]], ids=repr)
def test_a_state_that_is_no_mapping_is_refused_at_once(state: Any) -> None:
    with pytest.raises(TypeError, match=r"^\[load_state_dict\] state must be a mapping"):
        Two().load_state_dict(state)
    with pytest.raises(TypeError, match=r"^\[SGD\] state_dict must be a mapping"):
        SGD(Two().parameters()).load_state_dict(state)
    with pytest.raises(TypeError, match=r"^\[load_state_dict\] strict must be True or False"):
        Two().load_state_dict({}, strict=wrong(np.ones(2)))


@pytest.mark.parametrize(
    "seed", [np.ones((1, 2)), range(10**9), None, "x", -1, [1, -1], [1.5], True], ids=repr
)
@pytest.mark.parametrize("make", [Dropout, lambda: Sequential(Dropout())])
def test_seeds_that_are_none_are_refused(make: Any, seed: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^\[(Dropout|Sequential)\] seed must be"):
        make().reseed(seed)
    model = make()
    model.reseed(1)
    model.reseed([1, 2])


def test_the_state_of_a_callback_has_the_same_rule_for_arrays() -> None:
    content, arrays = flatten({"a": np.array([1, 2], ">f4")}, "training:")
    assert all(array.dtype.isnative for array in arrays.values())
    assert rebuild(content, arrays)["a"].tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"^\[checkpoint\] training:a must be an array.*Masked"):
        flatten({"a": np.ma.masked_equal(np.ones(2), 1)}, "training:")
