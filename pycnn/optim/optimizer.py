"""What all optimizers share: the list of parameters, the learning rate, the state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Set
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pycnn import backends, devices, ops
from pycnn._arguments import array_of, factor, written
from pycnn._overlap import overlapping
from pycnn._printable import printable
from pycnn.layers.parameter import Array, Parameter, SparseRows, list_of_parameters
from pycnn.layers.state import native

State = dict[str, Any]

# Most steps that a loaded state may have: PyTorch counts them in floats.
_MOST_STEPS = 2**53


class Optimizer(ABC):
    """Base class: updates parameters in place from their gradients.

    Parameters
    ----------
    params : iterable of Parameter
        What to update, as from `Module.parameters`.
    lr : float
        Learning rate, at least 0.

    Attributes
    ----------
    lr : float
        Learning rate of the next step; schedules set it.
    constants : mapping of str to bool
        Settings of PyTorch's optimizer that are fixed here; a part of the state, so that a state
        made with other values is refused.

    Raises
    ------
    TypeError
        If an item is not a Parameter or `lr` is not a number.
    ValueError
        If there are no parameters, one is there twice, two share memory, or `lr` is negative or not
        finite.
    """

    constants: ClassVar[Mapping[str, bool]] = {"maximize": False}
    # Entries of the state that are means of squares.
    squares: ClassVar[Set[str]] = {"exp_avg_sq", "square_avg", "acc_delta"}

    def __init__(self, params: Iterable[Parameter], lr: float) -> None:
        kind = type(self).__name__
        self.params = list_of_parameters(kind, "params", params)
        if not self.params:
            raise ValueError(f"[{kind}] params: there are no parameters to optimize")
        if len({id(parameter) for parameter in self.params}) != len(self.params):
            raise ValueError(f"[{kind}] params: a parameter is there twice")
        places = {str(index): parameter.data for index, parameter in enumerate(self.params)}
        for one, other in overlapping(places):
            raise ValueError(
                f"[{kind}] params: parameters {one} and {other} share memory, which would be "
                "updated twice: let the layers share one Parameter"
            )
        self.lr = factor(kind, "lr", lr)
        self._states: list[State] = [{} for _ in self.params]

    def __repr__(self) -> str:
        count = sum(parameter.size for parameter in self.params)
        settings = {"lr": self.lr, **self.hyperparameters()}
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{type(self).__name__}(<{len(self.params)} parameters, {count:,} numbers>, {shown})"

    def named(self, argument: str) -> str:
        """Return an argument's name after the optimizer's, for error messages."""
        return f"[{type(self).__name__}] {argument}"

    def step(self) -> None:
        """Update every parameter that has a gradient.

        A gradient with few rows (`SparseRows`) updates only these rows of the parameter and of its
        state; the others stay as they are, without momentum or weight decay. The step count, and
        what an optimizer does at its first step, belong to the parameter: until its second
        gradient, a row moves (weight decay aside) as if its gradient had been zero before, because
        its state was zero and would have stayed so.
        """
        for parameter, state in zip(self.params, self._states, strict=True):
            if parameter.grad is None:
                continue
            new = dict(state) or self.start(parameter)
            if isinstance(parameter.grad, SparseRows):
                self._update_rows(parameter.data, parameter.grad, new, not state)
            else:
                self.update(parameter.data, parameter.grad, new, not state)
            state.update(new)  # only now: a failed step changes no state

    def _update_rows(self, data: Array, grad: SparseRows, state: State, first: bool) -> None:
        """Gather rows, take a dense step on them, scatter them back."""
        if grad.shape != data.shape:
            raise ValueError(f"grad has shape {grad.shape}, the parameter {data.shape}")
        rows = grad.rows
        part = _gather(data, rows)
        arrays = {name: a for name, a in state.items() if devices.is_array(a)}
        few = {**state, **{name: _gather(array, rows) for name, array in arrays.items()}}
        self.update(part, grad.values, few, first)
        backends.of(data).put_rows(data, rows, part)
        for name, array in arrays.items():
            backends.of(array).put_rows(array, rows, few[name])
        state.update({name: value for name, value in few.items() if name not in arrays})

    @abstractmethod
    def start(self, parameter: Parameter) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""

    @abstractmethod
    def update(self, data: Array, grad: Array, state: State, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""

    @abstractmethod
    def hyperparameters(self) -> State:
        """Return the settings by the names of the constructor's arguments, besides ``lr``."""

    def zero_grad(self) -> None:
        """Forget all gradients: ``grad`` becomes None."""
        for parameter in self.params:
            parameter.grad = None

    def state_dict(self) -> State:
        """Return the state as PyTorch does: ``state`` by position, one entry in ``param_groups``.

        The arrays are the optimizer's own: copy them to keep them.
        """
        params = list(range(len(self.params)))
        group = {"lr": self.lr, **self.hyperparameters(), **self.constants, "params": params}
        states = {index: dict(state) for index, state in enumerate(self._states) if state}
        return {"state": states, "param_groups": [group]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state and the settings of another optimizer of the same kind.

        Parameters
        ----------
        state_dict : mapping
            As from `state_dict`, or PyTorch's with one group: other settings in the group, such
            as ``foreach``, are ignored unless they change the steps, as ``maximize`` does.
            Arrays are copied from any device to that of their parameter.

        Raises
        ------
        TypeError
            If a setting, an array or a step count has a wrong type; nothing is changed.
        ValueError
            If it is for other parameters or another kind of optimizer, a setting is out of range,
            or an entry of a parameter is missing, unknown or of a wrong shape; nothing is changed.
        """
        kind = type(self).__name__
        try:
            group, positions, states = self._taken_apart(state_dict)
            # The constructor checks the settings; the new optimizer says what a state has to hold.
            settings = {name: group[name] for name in ("lr", *self.hyperparameters())}
            other = type(self)(self.params, **settings)
            loaded: list[State] = [{} for _ in self.params]
            for key, state in states.items():
                index = positions[key]
                fresh = other.start(self.params[index])
                loaded[index] = _checked(state, fresh, f"of parameter {index}")
                for name in self.squares & loaded[index].keys():
                    if (devices.on_cpu(loaded[index][name]) < 0).any():
                        raise ValueError(f"{name} of parameter {index} holds negative numbers")
        except (TypeError, ValueError) as error:
            raise type(error)(f"[{kind}] {str(error).removeprefix(f'[{kind}] ')}") from None
        for name in settings:
            setattr(self, name, getattr(other, name))
        self._states = loaded

    def _taken_apart(
        self, state_dict: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], dict[int, int], Mapping[int, Mapping[str, Any]]]:
        """Return the group, the position of each key in the state, and the state by key."""
        if not isinstance(state_dict, Mapping):
            kind = type(state_dict).__name__
            raise TypeError(f"state_dict must be a mapping, as state_dict gives, got {kind}")
        try:
            (group,) = state_dict["param_groups"]
            positions = {int(key): index for index, key in enumerate(group["params"])}
            states = {int(key): dict(state) for key, state in state_dict["state"].items()}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a state of this optimizer: {error!r}") from None
        missing = [name for name in ("lr", *self.hyperparameters()) if name not in group]
        if missing:
            raise ValueError(f"not a state of this optimizer: it has no {', '.join(missing)}")
        for name, value in self.constants.items():
            if group.get(name, value) != value:
                raise ValueError(f"not a state of this optimizer: {name} is {group[name]!r}")
        if len(positions) != len(self.params):
            raise ValueError(
                f"state is for {len(positions)} parameters, the optimizer has {len(self.params)}"
            )
        unknown = [key for key in states if key not in positions]
        if unknown:
            raise ValueError(f"there is a state of parameter {unknown[0]}, which does not exist")
        return group, positions, states


def _checked(state: Mapping[str, Any], fresh: State, owner: str) -> State:
    """Return a copy of a parameter's loaded state; it must have the entries of a fresh one."""
    # PyTorch writes None for a buffer that the settings do not need.
    given = {name: value for name, value in state.items() if value is not None}
    missing = [name for name in fresh if name not in given]
    if missing:
        raise ValueError(f"{', '.join(missing)} {owner} is missing")
    unknown = [printable(name) for name in given if name not in fresh]
    if unknown:
        raise ValueError(f"{', '.join(unknown)} {owner} is unknown")
    return {name: _entry(f"{name} {owner}", given[name], fresh[name]) for name in fresh}


def _entry(name: str, value: Any, fresh: Any) -> Any:
    """Return a copy of an array on the device of the fresh one, or a number of steps as an int."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} has a mask, which would be lost")
    array = np.asarray(devices.on_cpu(value))
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


def zeros_like(parameter: Parameter) -> Array:
    """Return zeros of a parameter's shape, dtype and device."""
    zeros: Array = backends.of(parameter.data).zeros_like(parameter.data)
    return zeros


def _gather(array: Array, rows: npt.NDArray[np.int64]) -> Array:
    """Copy some rows into memory that is reused (see `pycnn.ops.embedding`)."""
    table = array.reshape(len(array), -1)
    return ops.embedding(table, rows).reshape(len(rows), *array.shape[1:])
