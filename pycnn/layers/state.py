"""Values of parameters and buffers by name: whether they fit a model, and copied into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pycnn._arguments import array_of
from pycnn._printable import printable
from pycnn.devices import is_array, on_cpu, write
from pycnn.layers.parameter import Array, Buffer, Parameter

if TYPE_CHECKING:
    from pycnn.layers.module import Module

# Names that a message lists.
MOST_NAMES = 100


class IncompatibleKeys(NamedTuple):
    """What a non-strict `Module.load_state_dict` did not use or did not find."""

    missing: list[str]
    unexpected: list[str]


def check_state(
    own: Mapping[str, Parameter | Buffer], state: Mapping[str, Array], strict: bool
) -> IncompatibleKeys:
    """Do what `Module.check_state_dict` does, for a model with these parameters and buffers."""
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
    first: dict[int, tuple[str, Array]] = {}
    for name, target, value in shared:
        dtype = getattr(value, "dtype", type(value).__name__)
        if not is_array(value) or dtype != target.data.dtype:
            wanted = array_of(target.data.dtype)
            raise TypeError(f"[load_state_dict] {name} must be {wanted}, got {dtype}")
        if value.shape != target.shape:
            problems.append(f"{name} has shape {value.shape}, the model {target.shape}")
        if isinstance(target.data, np.ndarray) and not target.data.flags.writeable:
            problems.append(f"{name} is read-only in the model")
        other, same = first.setdefault(id(target), (name, value))
        if same is not value and not np.array_equal(
            on_cpu(same), on_cpu(value), equal_nan=value.dtype.kind == "f"
        ):
            problems.append(f"{other} and {name} are one array in the model, and differ")
    if problems:
        raise ValueError(f"[load_state_dict] state does not fit: {'; '.join(problems)}")
    return IncompatibleKeys(missing, unexpected)


def copy_state(own: Iterable[tuple[str, Parameter | Buffer]], state: Mapping[str, Array]) -> None:
    """Copy the values that there are for these parameters and buffers."""
    for name, target in own:
        if name not in state:
            continue
        # In place on a device, too: a step recorded as a CUDA graph reads it there.
        if isinstance(target.data, np.ndarray):
            np.copyto(target.data, on_cpu(state[name]))
        else:
            write(target.data, on_cpu(state[name]))


def copied_state(model: Module) -> dict[str, Array]:
    """Give copies of a model's values by name, on the CPU."""
    return {name: on_cpu(array).copy() for name, array in model.state_dict().items()}


def _listed(names: Sequence[object]) -> str:
    """Give names for a message, of very many the first."""
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return ", ".join(map(printable, names[:MOST_NAMES])) + more
