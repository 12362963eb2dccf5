"""Values of parameters and buffers by name: read, checked against a model, and copied into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from pycnn import backends
from pycnn._arguments import array_of, flag
from pycnn._overlap import overlapping
from pycnn._printable import printable
from pycnn.autograd import Tensor
from pycnn.devices import is_array, on_cpu
from pycnn.layers.parameter import Array, Buffer, Parameter
from pycnn.layers.tree import Tree
from pycnn.layers.turns import Turn

if TYPE_CHECKING:
    from pycnn.layers.module import Module

# Names that a message lists.
MOST_NAMES = 100


class IncompatibleKeys(NamedTuple):
    """What a non-strict `Module.load_state_dict` did not use or did not find."""

    missing: list[str]
    unexpected: list[str]


class State(Tree):
    """What every `Module` can do with the values of its parameters and buffers."""

    def state_dict(self) -> dict[str, Array]:
        """Values of parameters and buffers by name: the model's own arrays, copy them to keep."""
        return {name: value.data for name, value in self._checked_state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into parameters and buffers. A failure leaves the model as it was.

        Parameters
        ----------
        state : mapping of str to array or Tensor
            Values by name, as from `state_dict`.
        strict : bool
            Whether every parameter and buffer must be in `state` and the other way round.

        Returns
        -------
        IncompatibleKeys
            Names that are missing in `state`, and names in it that the model does not have.

        Raises
        ------
        ValueError
            If names (when strict) or shapes differ, or a shared parameter would get two different
            values; the text lists them all.
        TypeError
            If a value is not an array of the dtype that the model has there.
        """
        if isinstance(state, Mapping):
            state = {
                name: value.array if isinstance(value, Tensor) else value
                for name, value in state.items()
            }
        keys = self.check_state_dict(state, strict)
        with Turn(cast("Module", self), alone=True).taken():
            copy_state(self._named_state(), state)
        return keys

    def check_state_dict(self, state: Mapping[str, Array], strict: bool = True) -> IncompatibleKeys:
        """Do what `load_state_dict` does except for copying: check whether it would succeed.

        Raises
        ------
        ValueError, TypeError
            As `load_state_dict`.
        """
        return check_state(dict(self._checked_state()), state, strict)


def check_state(
    own: Mapping[str, Parameter | Buffer], state: Mapping[str, Array], strict: bool
) -> IncompatibleKeys:
    """Do what `Module.check_state_dict` does, for a model with these parameters and buffers."""
    if not isinstance(state, Mapping):
        raise TypeError(
            "[load_state_dict] state must be a mapping of names to arrays, as state_dict gives, "
            f"got {type(state).__name__}"
        )
    flag("load_state_dict", "strict", strict)
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    problems: list[str] = []
    if strict and missing:
        problems.append(f"missing {_listed(missing)}")
    if strict and unexpected:
        problems.append(f"unexpected {_listed(unexpected)}")
    shared = [
        (printable(name), target, state[name]) for name, target in own.items() if name in state
    ]
    # The first name stands for all values in the same memory.
    alias: dict[str, str] = {}
    for one, two in overlapping({name: target.data for name, target, _ in shared}):
        alias[two] = alias.setdefault(one, one)
    first: dict[object, tuple[str, Array]] = {}
    for name, target, value in shared:
        dtype = getattr(value, "dtype", type(value).__name__)
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"[load_state_dict] {name} has a mask, which would be lost")
        if not is_array(value) or native(dtype) != native(target.data.dtype):
            wanted = array_of(target.data.dtype)
            cure = _cure(value, target.data.dtype)
            raise TypeError(f"[load_state_dict] {name} must be {wanted}, got {dtype}{cure}")
        if value.shape != target.shape:
            problems.append(f"{name} has shape {value.shape}, the model {target.shape}")
        if isinstance(target.data, np.ndarray) and not target.data.flags.writeable:
            problems.append(f"{name} is read-only in the model")
        other, same = first.setdefault(alias.get(name, id(target)), (name, value))
        if same is not value and not np.array_equal(
            on_cpu(same), on_cpu(value), equal_nan=value.dtype.kind == "f"
        ):
            problems.append(f"{other} and {name} are one array in the model, and differ")
    if problems:
        raise ValueError(f"[load_state_dict] state does not fit: {'; '.join(problems)}")
    return IncompatibleKeys(missing, unexpected)


def _cure(value: Any, dtype: np.dtype[Any]) -> str:
    """Say how values that cannot be taken become arrays; empty if that is not clear."""
    if isinstance(value, np.ndarray) and value.dtype.kind == dtype.kind:
        made = f"value.astype(np.{dtype.name})"
    elif not is_array(value) and hasattr(value, "numpy"):
        made = "value.numpy()"  # such as a tensor of PyTorch's
    else:
        return ""
    return f": give {{name: {made} for name, value in state.items()}}"


def copy_state(own: Iterable[tuple[str, Parameter | Buffer]], state: Mapping[str, Array]) -> None:
    """Copy the values of those parameters and buffers that `state` has."""
    targets = {name: target for name, target in own if name in state}
    values = {name: on_cpu(state[name]) for name in targets}
    named = {f"to {name}": target.data for name, target in targets.items()}
    named |= {f"of {name}": array for name, array in values.items()}
    # A value that lies in the place of another has to be read before the place is written.
    if any(one[:2] != two[:2] and one[3:] != two[3:] for one, two in overlapping(named)):
        values = {name: value.copy() for name, value in values.items()}
    for name, target in targets.items():
        # In place on a device, too: a step captured as a CUDA graph reads it there.
        backends.of(target.data).write(target.data, values[name])
        target.changed()


def native(dtype: Any) -> Any:
    """Return a dtype in the byte order of the machine: the other order counts as the same kind."""
    return dtype.newbyteorder("=") if isinstance(dtype, np.dtype) else dtype


def copied_state(model: Module) -> dict[str, Array]:
    """Return copies of a model's values by name, on the CPU."""
    return {name: on_cpu(array).copy() for name, array in model.state_dict().items()}


def _listed(names: Sequence[object]) -> str:
    """Return names for a message: all of them, or the first if there are very many."""
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(printable, names[:MOST_NAMES])) + more
