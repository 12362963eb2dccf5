"""Describe what must be the same to resume a training, in values that can be compared."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pycnn._described import describes_itself, made_of
from pycnn.data import Batches
from pycnn.layers.module import Module
from pycnn.optim import Optimizer, Schedule
from pycnn.training.callbacks import Callback
from pycnn.training.evaluation import Loss
from pycnn.training.given import Data, length_of


def model_settings(model: Module, optimizer: Optimizer) -> dict[str, Any]:
    """Describe the network, which parameters are trained, and the optimizer."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    trained = [names.get(id(parameter), "of another model") for parameter in optimizer.params]
    settings = {
        "model": describe(model),
        "arrays": [f"{name} {a.dtype} {a.shape}" for name, a in model.state_dict().items()],
        "optimizer": type(optimizer).__name__ + _arguments(optimizer.hyperparameters()),
        "trained parameters": trained,
    }
    if len(optimizer.param_groups) > 1:  # not in older checkpoints
        settings["groups"] = _groups(optimizer)
    return settings


def _groups(optimizer: Optimizer) -> list[str]:
    """Describe the groups; of their learning rates only the ratios stay the same."""
    return [
        f"{len(group['params'])} parameters{_arguments(optimizer.settings(group) | {'lr': ratio})}"
        for group, ratio in zip(optimizer.param_groups, optimizer.ratios(), strict=True)
    ]


def data_settings(batches: Any, validation: Data | None, seed: int) -> dict[str, Any]:
    """Describe the data and how they become batches; `seed` is described elsewhere."""
    settings: dict[str, Any] = {"validation samples": length_of(validation)}
    if not isinstance(batches, Batches):
        return settings | {"batches": length_of(batches)}
    if batches.seed != seed:  # a loader that the user made
        settings["order"] = "as it is" if batches.seed is None else f"of seed {batches.seed}"
    return settings | {
        "samples": len(batches.data),
        "labels": f"with checksum {_checksum(batches.data.y)}",
        "batch_size": batches.batch_size,
        "augment": describe(batches.augment),
        **({"drop_last": True} if batches.drop_last else {}),  # not in older checkpoints
    }


def other_settings(
    schedule: Schedule | None, loss: Loss, callbacks: Sequence[Callback]
) -> dict[str, Any]:
    """Describe the schedule, the loss and the callbacks."""
    return {
        "schedule": describe(schedule),
        "loss": describe(loss),
        "callbacks": [type(callback).__name__ for callback in callbacks],
    }


def differences(
    there: Mapping[str, Any],
    here: Mapping[str, Any],
    places: tuple[str, str] = ("in the checkpoint", "here"),
) -> list[str]:
    """Say what differs between the settings of a checkpoint, or of a rank, and those of a call."""
    names = [name for name in (*here, *there) if here.get(name) != there.get(name)]
    return [
        f"{name}: {_difference(there.get(name), here.get(name), *places)}"
        for name in dict.fromkeys(names)
    ]


def _difference(there: Any, here: Any, at_there: str, at_here: str) -> str:
    """Return both values, or of long ones the first difference."""
    if isinstance(there, str) and isinstance(here, str) and "\n" in there + here:
        there, here = there.split("\n"), here.split("\n")
    if isinstance(there, list) and isinstance(here, list):
        pairs = [pair for pair in zip(there, here) if pair[0] != pair[1]]  # noqa: B905
        if not pairs:
            return f"{len(there)} {at_there}, {len(here)} {at_here}"
        there, here = (str(item).strip() for item in pairs[0])
    return f"{there} {at_there}, {here} {at_here}"


def describe(value: Any, depth: int = 4) -> Any:
    """Describe a function or an object by its name and the arguments that made it.

    An object whose class has no ``__repr__`` of its own is described by all arguments of its
    constructor that it keeps.
    """
    if isinstance(value, np.ndarray):
        return f"array {value.shape} with checksum {_checksum(value)}"
    if isinstance(value, (list, tuple)) and depth:
        return f"[{', '.join(str(describe(item, depth - 1)) for item in value)}]"
    if value is None:
        return None
    if not depth or describes_itself(value):
        return re.sub(" at 0x[0-9a-f]+", "", repr(value))
    arguments = {name: describe(one, depth - 1) for name, one in made_of(value).items()}
    return type(value).__name__ + _arguments(arguments)


def _arguments(values: Mapping[str, Any]) -> str:
    return f"({', '.join(f'{name}={value}' for name, value in values.items())})"


def _checksum(array: Any) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"
