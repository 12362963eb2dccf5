"""What all optimizers share: groups of parameters, their settings, the state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Set
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pycnn import backends, devices, ops
from pycnn._arguments import factor, flag
from pycnn._overlap import overlapping
from pycnn.backends.recording import unrecorded
from pycnn.layers.parameter import Array, Parameter, forget_gradient
from pycnn.layers.sparse_rows import SparseRows
from pycnn.optim.groups import Group, Params, groups_of, parts_of
from pycnn.optim.loaded_state import State, checked_state, taken_apart


class Optimizer(ABC):
    """Base class: updates parameters in place from their gradients.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update, as from `Module.parameters`; or PyTorch's groups, dicts with ``params`` (an
        iterable of Parameter) and settings that hold for them in place of those given here, such as
        ``[{"params": first}, {"params": last, "lr": 0.1}]``. A parameter that is there twice in a
        group counts once.
    settings : mapping
        The settings by the names of the constructor's arguments, with ``lr``, the learning rate.

    Attributes
    ----------
    param_groups : list of dict
        The groups: ``params``, and each setting by its name. What is assigned to a setting, such as
        ``optimizer.param_groups[0]["lr"] = 0.01``, holds from the next step on.
    params : list of Parameter
        The parameters of all groups.
    defaults : dict
        The settings of groups that have none of their own.
    lr : float
        Learning rate of the first group; schedules set it. Other groups keep the ratio to it that
        they were made with.
    constants : mapping of str to bool
        Settings of PyTorch's optimizer that are fixed here; a part of the state, so that a state
        made with other values is refused.

    Raises
    ------
    TypeError
        If an item is not a Parameter or a setting has a wrong type.
    ValueError
        If there are no parameters, one is in two groups, two share memory, a group has a setting
        that the optimizer does not have, or a setting is out of range.
    """

    constants: ClassVar[Mapping[str, bool]] = {"maximize": False}
    # Settings that PyTorch's optimizer does not have, and so its states neither.
    beyond_pytorch: ClassVar[Set[str]] = frozenset()
    # Whether a step is a single op, which a captured step can repeat with other numbers.
    capturable: ClassVar[bool] = True
    # Entries of the state that stay when a setting no longer calls for them.
    optional: ClassVar[Set[str]] = frozenset()
    # Whether `step` updates from a gradient that has been put off, without computing it first.
    takes_factored: bool = False
    # Entries of the state that are means of squares.
    squares: ClassVar[Set[str]] = {"exp_avg_sq", "square_avg", "acc_delta"}

    def __init__(self, params: Params, settings: Mapping[str, Any]) -> None:
        kind = type(self).__name__
        self.defaults = self.checked(settings)
        self.param_groups: list[Group] = []
        self.params: list[Parameter] = []
        self._states: list[State] = []
        self._rates: list[float] = []  # of the groups, as they were made
        for group in groups_of(kind, params):
            self.add_param_group(group)
        if not self.params:
            raise ValueError(f"[{kind}] params: there are no parameters to optimize")

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Add a group of parameters, such as those of layers that are trained from now on.

        Parameters
        ----------
        group : mapping
            ``params``, a Parameter or an iterable of them; settings that hold for them; and, if
            wanted, a ``name``. Other settings are the optimizer's `defaults`.

        Raises
        ------
        TypeError, ValueError
            As from the constructor; the optimizer is then as before.
        """
        kind = type(self).__name__
        params, own = parts_of(kind, group, self.defaults)
        mine = {id(parameter) for parameter in self.params}
        if any(id(parameter) in mine for parameter in params):
            raise ValueError(f"[{kind}] params: a parameter is in two groups")
        places = {str(i): parameter.array for i, parameter in enumerate((*self.params, *params))}
        for one, other in overlapping(places):
            raise ValueError(
                f"[{kind}] params: parameters {one} and {other} share memory, which would be "
                "updated twice: let the layers share one Parameter"
            )
        settings = self.checked({**self.defaults, **own})
        named = {"name": own["name"]} if "name" in own else {}
        self.param_groups.append({"params": params, **settings, **named})
        self.params += params
        self._states += [{} for _ in params]
        self._rates.append(settings["lr"])

    @property
    def lr(self) -> float:
        """Learning rate of the first group; assigned, the others keep their ratio to it."""
        rate: float = self.param_groups[0]["lr"]
        return rate

    @lr.setter
    def lr(self, rate: float) -> None:
        for group, ratio in zip(self.param_groups, self.ratios(), strict=True):
            group["lr"] = rate if ratio == 1 else rate * ratio

    def ratios(self) -> list[float]:
        """Return the learning rate of each group, as it was made, divided by the first one's.

        Raises
        ------
        ValueError
            If the first group was made with a learning rate of 0, and another was not.
        """
        first = self._rates[0]
        if first == 0 and any(self._rates):
            raise ValueError(
                f"{self.named('lr')}: the first group has 0, so the rates of others have no ratio "
                "to it"
            )
        return [1.0 if rate == first else rate / first for rate in self._rates]

    def __repr__(self) -> str:
        count = sum(parameter.array.size for parameter in self.params)
        settings = {"lr": self.lr, **self.hyperparameters()}
        shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
        return f"{type(self).__name__}(<{len(self.params)} parameters, {count:,} numbers>, {shown})"

    def named(self, argument: str) -> str:
        """Return an argument's name after the optimizer's, for error messages."""
        return f"[{type(self).__name__}] {argument}"

    def step(self) -> None:
        """Update every parameter that has a gradient and requires one.

        A gradient with few rows (`SparseRows`) updates only these rows of the parameter and of its
        state; the others stay as they are, without momentum or weight decay. The step count, and
        what an optimizer does at its first step, belong to the parameter: until its second
        gradient, a row moves (weight decay aside) as if its gradient had been zero before, because
        its state was zero and would have stayed so.
        """
        for group, parameter, state in self._entries():
            if parameter.gradient is not None and parameter.requires_grad:
                self._update_one(group, parameter, state)

    def _update_one(self, group: Group, parameter: Parameter, state: State) -> None:
        new = dict(state)
        if not state or not self.needed(parameter, group) <= state.keys():
            new = {**self.start(parameter, group), **state}
        gradient = parameter.gradient
        assert gradient is not None
        if isinstance(gradient, SparseRows):
            self._update_rows(parameter.array, gradient, new, group, not state)
        else:
            self.update(parameter.array, gradient, new, group, not state)
        state.update(new)  # only now: a failed step changes no state
        parameter.changed()

    def step_to_repeat(self) -> Callable[[], None]:
        """Take a step; return what takes it again for recorded ops, which know their arrays.

        It may be called for as long as all arrays are the same ones.
        """
        self.step()
        return self.step

    def state_arrays(self) -> list[Any]:
        """Return the arrays of the state, of the parameters that have been updated, in order."""
        values = [value for state in self._states for value in state.values()]
        return [value for value in values if not isinstance(value, int)]

    def lags(self) -> list[int]:
        """Return how many steps each parameter has taken less than the first; 0 without a count."""
        steps = [state.get("step", 0) for state in self._states]
        return [steps[0] - step for step in steps]

    def _entries(self) -> Iterator[tuple[Group, Parameter, State]]:
        """Yield each parameter with its group and its state."""
        states = iter(self._states)
        for group in self.param_groups:
            for parameter in group["params"]:
                yield group, parameter, next(states)

    def _update_rows(
        self, data: Array, grad: SparseRows, state: State, group: Group, first: bool
    ) -> None:
        """Gather rows, take a dense step on them, scatter them back."""
        if grad.shape != data.shape:
            raise ValueError(f"grad has shape {grad.shape}, the parameter {data.shape}")
        rows = grad.rows
        part = _gather(data, rows)
        arrays = {name: a for name, a in state.items() if devices.is_array(a)}
        few = {**state, **{name: _gather(array, rows) for name, array in arrays.items()}}
        self.update(part, grad.values, few, group, first)
        backends.of(data).put_rows(data, rows, part)
        for name, array in arrays.items():
            backends.of(array).put_rows(array, rows, few[name])
        state.update({name: value for name, value in few.items() if name not in arrays})

    def needed(self, parameter: Parameter, group: Group) -> Set[str]:
        """Return the entries of the state that a setting calls for, which may change midway.

        What is missing then begins as it does at the first step.
        """
        return frozenset()

    @abstractmethod
    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step; arrays have the same shape."""

    @abstractmethod
    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state; `first` of this parameter."""

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, all that the optimizer has and no other, checked."""
        return {"lr": factor(type(self).__name__, "lr", settings["lr"])}

    def hyperparameters(self) -> State:
        """Return the settings of the first group, besides ``lr``."""
        settings = self.settings(self.param_groups[0])
        return {name: value for name, value in settings.items() if name != "lr"}

    def settings(self, group: Group) -> State:
        """Return the settings of a group, without its parameters and its name."""
        return {name: group[name] for name in self.defaults}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: ``grad`` becomes None, or zeros where there was one."""
        flag("zero_grad", "set_to_none", set_to_none)
        for parameter in self.params:
            forget_gradient(parameter, set_to_none)

    def state_dict(self) -> State:
        """Return the state as PyTorch does: ``state`` by position, and the ``param_groups``.

        The arrays are the optimizer's own: copy them to keep them.
        """
        groups, first = [], 0
        for group in self.param_groups:
            params = list(range(first, first + len(group["params"])))
            first += len(params)
            groups.append({**group, **self.constants, "params": params})
        states = {index: dict(state) for index, state in enumerate(self._states) if state}
        return {"state": states, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state and the settings of another optimizer of the same kind.

        Parameters
        ----------
        state_dict : mapping
            As from `state_dict`, or PyTorch's, with the same groups: other settings in a group,
            such as ``foreach``, are ignored unless they change the steps, as ``maximize`` does.
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
            found, positions, states = taken_apart(state_dict)
            settings = [self._loaded(group) for group in found]
            both = (found, self.param_groups)
            sizes, own = ([len(group["params"]) for group in groups] for groups in both)
            if sizes != own:
                raise ValueError(
                    f"state is for {_counted(sizes)}, the optimizer has {_counted(own)}"
                )
            loaded: list[State] = [{} for _ in self.params]
            of = [one for one, size in zip(settings, sizes, strict=True) for _ in range(size)]
            for key, state in states.items():
                index = positions[key]
                fresh = self.start(self.params[index], of[index])
                loaded[index] = checked_state(
                    state, fresh, f"of parameter {index}", self._optional_of(self.params[index])
                )
                for name in self.squares & loaded[index].keys():
                    if (devices.on_cpu(loaded[index][name]) < 0).any():
                        raise ValueError(f"{name} of parameter {index} holds negative numbers")
        except (TypeError, ValueError) as error:
            raise type(error)(f"[{kind}] {str(error).removeprefix(f'[{kind}] ')}") from None
        for group, new in zip(self.param_groups, settings, strict=True):
            group.update(new)
        self._states = loaded

    def _optional_of(self, parameter: Parameter) -> State:
        """Return what the entries that a state may have, and need not, look like."""
        return {name: 0 if name == "step" else parameter.array for name in self.optional}

    def _loaded(self, group: Mapping[str, Any]) -> State:
        """Return the checked settings of a group of another state."""
        group = {**{name: self.defaults[name] for name in self.beyond_pytorch}, **group}
        missing = [name for name in self.defaults if name not in group]
        if missing:
            raise ValueError(f"not a state of this optimizer: it has no {', '.join(missing)}")
        for name, value in self.constants.items():
            if group.get(name, value) != value:
                raise ValueError(f"not a state of this optimizer: {name} is {group[name]!r}")
        return self.checked({name: group[name] for name in self.defaults})


def _counted(sizes: list[int]) -> str:
    """Say how many parameters there are, in each group if there are several."""
    return f"{' + '.join(map(str, sizes))} parameters" + (" in groups" if len(sizes) > 1 else "")


def zeros_like(parameter: Parameter) -> Array:
    """Return zeros of a parameter's shape, dtype and device."""
    with unrecorded():
        zeros: Array = backends.of(parameter.array).zeros_like(parameter.array)
    return zeros


def _gather(array: Array, rows: npt.NDArray[np.int64]) -> Array:
    """Copy some rows into memory that is reused (see `pycnn.ops.embedding`)."""
    table = array.reshape(len(array), -1)
    return ops.embedding(table, rows).reshape(len(rows), *array.shape[1:])
