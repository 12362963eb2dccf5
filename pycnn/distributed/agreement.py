"""What ranks must have in common: settings, the model, and figures over all ranks."""

from __future__ import annotations

import copy
import json
import zlib
from math import isnan, nan
from typing import Any

import numpy as np

from pycnn import _core
from pycnn.devices import on_cpu
from pycnn.distributed.channel import Channel
from pycnn.distributed.mpi import DistributedError
from pycnn.layers.module import Module
from pycnn.optim import Optimizer
from pycnn.training.meter import Meter
from pycnn.training.same import differences


def check_settings(channel: Channel, settings: dict[str, Any]) -> None:
    """Refuse to begin if a rank has other settings, or another version of pycnn, than rank 0.

    Raises
    ------
    DistributedError
        On all ranks; the text names the rank and both values.
    """
    mine = json.loads(json.dumps({"pycnn": _core.version, **settings}))
    theirs = json.loads(channel.broadcast_text(json.dumps(mine)))
    other = differences(theirs, mine, ("on rank 0", f"on rank {channel.rank}"))
    error = DistributedError(f"the ranks differ: {'; '.join(other)}") if other else None
    channel.raise_together(error)


def check_floats(model: Module, optimizer: Optimizer) -> None:
    """Refuse parameters whose gradients cannot be summed.

    Raises
    ------
    TypeError
        If a trained parameter is not float32.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for parameter in optimizer.params:
        if parameter.data.dtype != np.float32:
            raise TypeError(
                f"[fit] {names.get(id(parameter), 'a parameter')} is {parameter.data.dtype}: "
                "ranks sum float32 gradients only"
            )


def take_over(channel: Channel, model: Module, optimizer: Optimizer) -> None:
    """Copy the parameters, buffers, random states and optimizer of rank 0 to all ranks."""
    from pycnn.training.state import layers_state, restore_layers

    mine = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "layers": layers_state(model),
    }
    state = channel.broadcast_state(mine if channel.rank == 0 else None)
    if channel.rank:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        restore_layers(model, state["layers"])


def keep_one_model(channel: Channel, model: Module) -> None:
    """Copy the buffers of rank 0 to all ranks, and check that all have the same parameters.

    Running statistics differ between ranks that normalise by the statistics of their parts.

    Raises
    ------
    RuntimeError
        On all ranks, if one has other parameters.
    """
    parameters = {id(parameter.data) for parameter in model.parameters()}
    state = model.state_dict()
    own = np.array([_checksum(array) for array in state.values()], np.uint32)
    checksums = channel.gathered(own)
    differing = []
    for name, of_ranks in zip(state, (checksums != checksums[0]).T, strict=True):
        if not of_ranks.any():
            continue
        if id(state[name]) in parameters:
            raise RuntimeError(
                f"[fit] {name} of rank {np.argmax(of_ranks)} is not that of rank 0 any more: the "
                "ranks train different models (does a callback change the model on one rank only?)"
            )
        differing.append(name)
    if differing:
        theirs = channel.broadcast_state({name: state[name] for name in differing})
        if channel.rank:
            model.load_state_dict(theirs, strict=False)


def total_of(channel: Channel, meter: Meter, where: str) -> Meter:
    """Return a meter with the counts of all ranks; `where` says where NaN was found first."""
    state = meter.state_dict()
    names = [name for name in state if name != "where"]
    numbers = [nan if state[name] is None else float(state[name]) for name in names]
    added = channel.total(np.array(numbers)).tolist()
    sums = {name: _like(state[name], value) for name, value in zip(names, added, strict=True)}
    found = copy.copy(meter)
    found.load_state_dict({**sums, "where": where})
    if meter.kept is not None:
        states = [channel.broadcast_state(meter.kept.state_dict(), r) for r in range(channel.size)]
        found.kept = copy.copy(meter.kept)
        found.kept.load_state_dict(*states)
    return found


def _checksum(array: Any) -> int:
    return zlib.crc32(np.ascontiguousarray(on_cpu(array)).data)


def _like(before: Any, value: float) -> Any:
    """Return a sum as the type of number that was added; None if a rank does not count it."""
    if isinstance(before, float):
        return value
    return None if isnan(value) else int(value)
