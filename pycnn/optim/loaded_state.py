"""Check the state that an optimizer is given, such as from a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pycnn import devices
from pycnn._arguments import array_of, real, written
from pycnn._printable import printable
from pycnn.layers.state import native

State = dict[str, Any]

# Most steps that a loaded state may have: PyTorch counts them in floats.
_MOST_STEPS = 2**53


def taken_apart(
    state_dict: Any,
) -> tuple[list[Mapping[str, Any]], dict[int, int], dict[int, dict[str, Any]]]:
    """Return the groups, the position of each key in the state, and the state by key."""
    if not isinstance(state_dict, Mapping):
        kind = type(state_dict).__name__
        raise TypeError(f"state_dict must be a mapping, as state_dict gives, got {kind}")
    try:
        groups = list(state_dict["param_groups"])
        keys = [int(key) for group in groups for key in group["params"]]
        states = {int(key): dict(state) for key, state in state_dict["state"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"not a state of this optimizer: {error!r}") from None
    positions = {key: index for index, key in enumerate(keys)}
    if len(positions) != len(keys):
        raise ValueError("not a state of this optimizer: a parameter is there twice")
    unknown = [key for key in states if key not in positions]
    if unknown:
        raise ValueError(f"there is a state of parameter {unknown[0]}, which does not exist")
    return groups, positions, states


def checked_state(
    state: Mapping[str, Any], fresh: State, owner: str, optional: State | None = None
) -> State:
    """Return a copy of a parameter's loaded state.

    It has the entries of a fresh one, and may have those of `optional`, which earlier settings
    called for.
    """
    optional = optional or {}
    # PyTorch writes None for a buffer that the settings do not need.
    given = {name: value for name, value in state.items() if value is not None}
    missing = [name for name in fresh if name not in given]
    if missing:
        raise ValueError(f"{', '.join(missing)} {owner} is missing")
    known = {**optional, **fresh}
    unknown = [printable(name) for name in given if name not in known]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} {owner} is unknown")
    return {name: _entry(f"{name} {owner}", given[name], known[name]) for name in given}


def _entry(name: str, value: Any, fresh: Any) -> Any:
    """Return a copy of an array on the device of the fresh one, or a number of steps as an int."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} has a mask, which would be lost")
    array = np.asarray(devices.on_cpu(value))
    if isinstance(fresh, float):
        number = real("state", name, array.item() if array.shape == () else value)
        if number < 0:
            raise ValueError(f"{name} must be at least 0, got {written(value)}")
        return number
    if not devices.is_array(fresh):
        # PyTorch counts steps in floats of no dimension.
        if array.shape != () or array.dtype.kind not in "iuf":
            raise TypeError(f"{name} must be a number of steps, got {written(value)}")
        if not (0 <= array <= _MOST_STEPS and array == np.floor(array)):
            raise ValueError(
                f"{name} must be a whole number, at least 0 and at most 2**53, got {written(value)}"
            )
        return int(array)
    if native(array.dtype) != fresh.dtype:
        raise TypeError(f"{name} must be {array_of(fresh.dtype)}, got {array.dtype}")
    if array.shape != fresh.shape:
        raise ValueError(f"{name} has shape {array.shape}, the parameter {fresh.shape}")
    return devices.move(np.array(array, fresh.dtype, order="C"), devices.device_of(fresh))
