"""Checkpoints: the arrays of a model as a safetensors file, with what rebuilds the model."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from pycnn._files import atomic_write
from pycnn._run_files import checkpoint_of
from pycnn.devices import on_cpu
from pycnn.layers.module import Module, check_model
from pycnn.layers.parameter import Array
from pycnn.layers.turns import Turn

# All of our metadata is one JSON text under one key: safetensors writes keys in random order,
# and the same model should give the same bytes.
METADATA_KEY = "pycnn"

ORDER = "; the path comes first, then the model"


def save(path: str | os.PathLike[str], model: Module) -> None:
    """Write the parameters and buffers of a model to a safetensors file, whole or not at all.

    The header holds pycnn's version, a checksum, the model's ``metadata`` and, for a model of
    `pycnn.models`, its name and arguments, so that `load_model` can make it again. Any safetensors
    reader can read the file.

    Parameters
    ----------
    path : path
        The file; its folder must exist.
    model : Module
        The model. Its metadata comes back as it is, but for tuples, which become lists.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If `model` is no model.
    TypeError, ValueError
        If the metadata, or an argument of the model, is no JSON value; keys must be strings, and
        numbers finite.
    """
    from safetensors.numpy import save as serialize

    from pycnn import __version__

    check_model("save", model, ORDER)
    with Turn(model).taken():  # between two steps, where another thread trains the model
        state = {name: on_cpu(array).copy() for name, array in model.state_dict().items()}
    header: dict[str, Any] = {"version": __version__, "crc32": _checksum(state)}
    if model.spec is not None:
        header |= {"model": model.spec.name, "arguments": model.spec.arguments}
    if model.metadata:
        if not isinstance(model.metadata, Mapping):
            found = type(model.metadata).__name__
            raise TypeError(f"[save] metadata must be a mapping, got {found}")
        header["metadata"] = dict(model.metadata)
    for key, value in header.items():
        _check_json(key, value)
    content = serialize(state, {METADATA_KEY: json.dumps(header)})
    with atomic_write(path) as file:
        file.write(content)


def load(path: str | os.PathLike[str], model: Module) -> None:
    """Read a model's parameters, buffers and metadata from a safetensors file.

    The file may be another program's, if it has the same names.

    Parameters
    ----------
    path : path
        The file, or the folder of a run that holds it as ``model.safetensors``.
    model : Module
        Its parameters and buffers must be those of the file, by name, shape and dtype; it is left
        as it was otherwise.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is truncated or corrupt or does not fit the model.
    TypeError
        If a dtype differs or `model` is no model.
    """
    check_model("load", model, ORDER)
    path = checkpoint_of(path)
    state, header = _read(path)
    _fill(path, model, state, header)


def load_model(path: str | os.PathLike[str]) -> Module:
    """Make the model of a checkpoint again, for models of `pycnn.models`.

    Parameters
    ----------
    path : path
        A file that `save` wrote, or the folder that ``pycnn train`` has left, or a file in it.

    Returns
    -------
    Module
        A new model with the arrays of the file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is truncated or corrupt, does not say which model it holds, or that model cannot be
        made or does not fit it.
    """
    from pycnn import models

    path = checkpoint_of(path)
    state, header = _read(path)
    name, arguments = header.get("model"), header.get("arguments")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError(
            f"{os.fspath(path)} does not say which model it holds: make the model and use "
            "pycnn.load(path, model)"
        )
    try:
        model = models.create(name, **arguments)
    except (TypeError, ValueError, MemoryError) as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    try:
        _fill(path, model, state, header)
    except TypeError as error:  # the file is at fault, not an argument
        raise ValueError(str(error)) from None
    return model


def _fill(
    path: str | os.PathLike[str], model: Module, state: dict[str, Array], header: dict[str, Any]
) -> None:
    """Give a model the arrays and the metadata of a file."""
    try:
        model.load_state_dict(state)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{os.fspath(path)}: {error}") from None
    metadata = header.get("metadata", {})
    if not isinstance(metadata, dict):
        raise ValueError(f"{os.fspath(path)} is corrupt: its metadata is no mapping")
    model.metadata = metadata


def _check_json(where: str, value: Any) -> None:
    """Refuse what JSON cannot hold, or would give back as something else."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"[save] {where} has the key {key!r}: keys must be strings")
            _check_json(f"{where}[{key!r}]", item)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            _check_json(f"{where}[{index}]", item)
    else:
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise type(error)(f"[save] {where}: {error}") from None


def _read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays of a safetensors file, and our header ({} in a file of somebody else)."""
    from safetensors import SafetensorError, safe_open

    name = os.fspath(path)
    # Python's own error for a file that it may not read is clearer than that of the reader.
    with open(path, "rb"):
        pass
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    # Number formats that NumPy lacks, such as F8_E4M3, are an AttributeError of the reader.
    except (SafetensorError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} is not a readable safetensors file: {error}") from None
    try:
        header = json.loads(metadata.get(METADATA_KEY, "{}"))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ValueError(f"{name} is corrupt: its header cannot be read")
    if "crc32" in header and header["crc32"] != _checksum(state):
        raise ValueError(f"{name} is corrupt: its checksum does not match")
    return state, header


def _checksum(state: dict[str, Array]) -> int:
    """CRC-32 of the bytes of all arrays, in the order of their names."""
    value = 0
    for name in sorted(state):
        value = zlib.crc32(np.ascontiguousarray(state[name]).tobytes(), value)
    return value
