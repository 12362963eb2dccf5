"""What all optimizers share: the list of parameters, the learning rate, the state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import at_least_zero
from pycnn.layers.parameter import Array, Parameter, SparseRows

State = dict[str, Any]


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

    Raises
    ------
    TypeError
        If an item is not a Parameter or `lr` is not a number.
    ValueError
        If there are no parameters, one is there twice or `lr` is negative or not finite.
    """

    def __init__(self, params: Iterable[Parameter], lr: float) -> None:
        self.params = list(params)
        if not self.params:
            raise ValueError("there are no parameters to optimize")
        for parameter in self.params:
            if not isinstance(parameter, Parameter):
                raise TypeError(f"params must hold Parameters, got {type(parameter).__name__}")
        if len({id(parameter) for parameter in self.params}) != len(self.params):
            raise ValueError("a parameter is there twice")
        self.lr = at_least_zero("lr", lr)
        self._states: list[State] = [{} for _ in self.params]

    def step(self) -> None:
        """Update every parameter that has a gradient.

        Of a gradient with few rows (`SparseRows`) the step is taken in these rows alone, those of
        the parameter and of its state; the others stay as they are, momentum and weight decay
        included.
        """
        for parameter, state in zip(self.params, self._states, strict=True):
            if parameter.grad is None:
                continue
            first = not state
            if first:
                state.update(self.start(parameter))
            if isinstance(parameter.grad, SparseRows):
                self._update_rows(parameter.data, parameter.grad, state, first)
            else:
                self.update(parameter.data, parameter.grad, state, first)

    def _update_rows(self, data: Array, grad: SparseRows, state: State, first: bool) -> None:
        """Gather rows, take a dense step on them, scatter them back."""
        rows = grad.rows
        part = _gather(data, rows)
        arrays = {name: a for name, a in state.items() if isinstance(a, np.ndarray)}
        few = {**state, **{name: _gather(array, rows) for name, array in arrays.items()}}
        self.update(part, grad.values, few, first)
        data[rows] = part
        for name, array in arrays.items():
            array[rows] = few[name]
        state.update({name: value for name, value in few.items() if name not in arrays})

    @abstractmethod
    def start(self, parameter: Parameter) -> State:
        """Make the state of a parameter before its first step; arrays have its shape."""

    @abstractmethod
    def update(self, data: Array, grad: Array, state: State, first: bool) -> None:
        """Take one step, in place, on an array and its state; `first` of its parameter or not."""

    @abstractmethod
    def hyperparameters(self) -> State:
        """Give the settings by the names of the constructor's arguments, besides ``lr``."""

    def zero_grad(self) -> None:
        """Forget all gradients: ``grad`` becomes None."""
        for parameter in self.params:
            parameter.grad = None

    def state_dict(self) -> State:
        """State in PyTorch's layout: ``state`` by position, and one entry in ``param_groups``.

        The arrays are the optimizer's own: copy them to keep them.
        """
        group = {"lr": self.lr, **self.hyperparameters(), "params": list(range(len(self.params)))}
        states = {index: dict(state) for index, state in enumerate(self._states) if state}
        return {"state": states, "param_groups": [group]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state and the settings of another optimizer of the same kind.

        Parameters
        ----------
        state_dict : mapping
            As from `state_dict`. Arrays are copied.

        Raises
        ------
        ValueError
            If it is for other parameters or another kind of optimizer; nothing is changed.
        """
        kind = type(self).__name__
        try:
            (group,) = state_dict["param_groups"]
            settings = {name: group[name] for name in ("lr", *self.hyperparameters())}
            states = {int(index): dict(state) for index, state in state_dict["state"].items()}
            count = len(group["params"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"[{kind}] not a state of this optimizer: {error!r}") from None
        if count != len(self.params) or not all(0 <= index < count for index in states):
            raise ValueError(
                f"[{kind}] state is for {count} parameters, the optimizer has {len(self.params)}"
            )
        fresh: list[State] = [{} for _ in self.params]
        for index, state in states.items():
            fresh[index] = {
                name: np.array(value) if isinstance(value, np.ndarray) else value
                for name, value in state.items()
            }
            for name, value in fresh[index].items():
                if isinstance(value, np.ndarray) and value.shape != self.params[index].shape:
                    raise ValueError(
                        f"[{kind}] {name} of parameter {index} has shape {value.shape}, "
                        f"the parameter {self.params[index].shape}"
                    )
        for name, value in settings.items():
            setattr(self, name, value)
        self._states = fresh


def zeros_like(parameter: Parameter) -> npt.NDArray[Any]:
    """Fresh state of a parameter's shape and dtype."""
    return np.zeros(parameter.shape, parameter.data.dtype)


def _gather(array: Array, rows: npt.NDArray[np.int64]) -> Array:
    """Copy some rows, into memory that is used again and again (see `pycnn.ops.embedding`)."""
    table = array.reshape(len(array), -1)
    return ops.embedding(table, rows).reshape(len(rows), *array.shape[1:])
