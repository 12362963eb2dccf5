"""Checkpoints: the arrays of a model in a safetensors file, with the data to rebuild the model."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from pycnn import _core
from pycnn._arguments import file_name
from pycnn._files import atomic_write, check_replaceable
from pycnn._format import FORMAT, KEY, check_format
from pycnn._printable import printable
from pycnn._reading import parse_json
from pycnn._run_files import checkpoint_of
from pycnn._safetensors import Tensors, open_tensors, serialised, storable
from pycnn.devices import on_cpu
from pycnn.layers.module import Module, check_model
from pycnn.layers.parameter import Array
from pycnn.layers.turns import Turn
from pycnn.models.stored import description, made, made_by

# All metadata is one JSON text under one key: safetensors writes keys in random order, and the same
# model must give the same bytes.
METADATA_KEY = "pycnn"

ORDER = "; the path comes first, then the model"

# Start of the names of arrays that `pycnn.fit` needs to resume a training.
TRAINING_PREFIX = "training:"

# Array with the rest of that state, as JSON in bytes: a header is bounded, a history is not.
STATE = TRAINING_PREFIX + "state"

# A value of it takes at least this many bytes of the JSON that `write` makes.
BYTES_PER_VALUE = 2

# Keys of the checksums, of the model's arrays and of the training's.
CHECKSUM = "crc32"
TRAINING_CHECKSUM = "training_crc32"


def save(path: str | os.PathLike[str], model: Module) -> None:
    """Write the parameters and buffers of a model to a safetensors file, completely or not at all.

    The header holds the versions of the format and of pycnn, a checksum, the model's ``metadata``
    and what `load_model` makes it from: for a model of `pycnn.models` that is still what the
    function made, its name and arguments; for any other model of layers and containers of pycnn,
    its architecture, with the classes and arguments of the layers and what they share. Of a model
    with a class of your own the file has the arrays, and the name of the class for messages.
    Modes, ``requires_grad`` and random states are not stored.

    Any safetensors reader can read the file. Arrays are stored C-contiguous and
    little-endian, whatever their layout in memory; the bytes are compared with them before writing.

    Parameters
    ----------
    path : path
        The file; its folder must exist.
    model : Module
        The model. Its metadata comes back unchanged, except that tuples become lists.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If `model` is not a model, or `path` not a str or path.
    ValueError
        If `path` exists and is not a regular file, such as a pipe or a device.
    TypeError, ValueError
        If the metadata, or an argument of the model, is not a JSON value (keys must be strings, and
        numbers finite), or an array has a mask or numbers that the format lacks.
    """
    if isinstance(path, Mapping):
        raise TypeError(
            "[save] saves a model, not a state: pycnn.save(path, model), which pycnn.load(path, "
            "model) reads, and pycnn.load_model(path)"
        )
    check_model("save", model, ORDER)
    file_name("save", "path", path)
    write(path, model, {}, None)


def write(
    path: str | os.PathLike[str],
    model: Module,
    arrays: Mapping[str, Array],
    training: Mapping[str, Any] | None,
) -> None:
    """Save as `save` does, with the state of a training as well: its arrays, and JSON values."""
    check_replaceable(path)
    with Turn(model).taken():  # between two steps, where another thread trains the model
        state = {
            name: storable("save", name, on_cpu(array)).copy()
            for name, array in model.state_dict().items()
        }
    beside = {name: storable("fit", name, array) for name, array in arrays.items()}
    if training is not None:
        beside[STATE] = np.frombuffer(json.dumps(training).encode(), np.uint8)
    header: dict[str, Any] = {KEY: FORMAT, "version": _core.version, CHECKSUM: _checksum(state)}
    header |= description(model)
    if model.metadata:
        if not isinstance(model.metadata, Mapping):
            found = type(model.metadata).__name__
            raise TypeError(f"[save] metadata must be a mapping, got {found}")
        header["metadata"] = dict(model.metadata)
    for key, value in header.items():
        try:
            _check_json(key, value)
        except RecursionError:
            text = f"[save] {key} is nested too deep for JSON, or holds itself"
            raise ValueError(text) from None
    if training is not None:
        header[TRAINING_CHECKSUM] = _checksum(beside)
    try:
        content = serialised(state | beside, {METADATA_KEY: json.dumps(header)})
    except ValueError as error:
        raise ValueError(f"[save] {error}") from None
    with atomic_write(path) as file:
        file.write(content)


def load(path: str | os.PathLike[str], model: Module | None = None) -> None:
    """Read a model's parameters, buffers and metadata from a safetensors file.

    The file may come from another program, if it has the same names.

    Parameters
    ----------
    path : path
        The file, or the folder of a run that holds it as ``model.safetensors``.
    model : Module
        Its parameters and buffers must match those of the file in name, shape and dtype; otherwise
        the model is left as it was.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is truncated or corrupt or does not fit the model.
    TypeError
        If a dtype differs, `model` is not a model, or `path` not a str or path.
    """
    if model is None:
        raise TypeError(
            "[load] needs the model that is to be filled, pycnn.load(path, model); "
            "pycnn.load_model(path) makes one"
        )
    check_model("load", model, ORDER)
    path = checkpoint_of(file_name("load", "path", path))
    file, tensors = open_tensors(path)
    with file:
        header = _header(path, tensors)
        _fill(path, model, _model_part(tensors, header), header)


def load_model(path: str | os.PathLike[str], model: Any = None) -> Module:
    """Make the model of a checkpoint again, and fill it with the arrays.

    A file is data: it names layers and containers of pycnn, or a model of `pycnn.models`, with
    their arguments. It has no code and imports none, so the class of a network of your own is to be
    given.

    Parameters
    ----------
    path : path
        A file written by `save`, a folder written by ``pycnn train``, or a file in that folder.
    model : Module, or callable without arguments that makes one, optional
        The model to fill, its class, or a function that makes it. What the file says of layers is
        not used then.

    Returns
    -------
    Module
        A new model with the arrays of the file, or `model` itself if it is one. It is in training
        mode, and all its parameters are trained, whatever they were when it was saved.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is truncated or corrupt, does not say which model it holds, or that model cannot be
        made or does not fit the file; if a class of your own is needed, the text names it.
    TypeError
        If `path` is not a str or path, or `model` neither a model nor makes one.

    Examples
    --------
    >>> pycnn.save("net.safetensors", pycnn.Sequential(pycnn.Flatten(), pycnn.Linear(4, 2)))
    >>> net = pycnn.load_model("net.safetensors")
    >>> class Net(pycnn.Module):
    ...     def __init__(self, width=8):
    ...         self.linear = pycnn.Linear(4, width)
    ...
    ...     def forward(self, x):
    ...         return pycnn.functional.relu(self.linear(x))
    >>> pycnn.save("own.safetensors", Net())
    >>> net = pycnn.load_model("own.safetensors", Net)
    """
    path = checkpoint_of(file_name("load_model", "path", path))
    file, tensors = open_tensors(path)
    with file:
        header = _header(path, tensors)
        tensors = _model_part(tensors, header)
        found = _made(path, tensors, header) if model is None else made_by(model)
        try:
            _fill(path, found, tensors, header)
        except TypeError as error:  # the file is at fault, not an argument
            raise ValueError(str(error)) from None
    return found


def metadata_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the metadata of the model in a checkpoint; raise as `load`."""
    path = checkpoint_of(path)
    file, tensors = open_tensors(path)
    with file:
        return _metadata(path, _header(path, tensors))


def _metadata(path: str | os.PathLike[str], header: dict[str, Any]) -> dict[str, Any]:
    metadata = header.get("metadata", {})
    if not isinstance(metadata, dict):
        raise ValueError(f"{printable(path)} is corrupt: its metadata is not a mapping")
    return metadata


def _made(path: str | os.PathLike[str], tensors: Tensors, header: dict[str, Any]) -> Module:
    """Make the model that a header describes."""
    from pycnn import models

    sizes = [prod(shape) for shape in tensors.shapes.values()]
    try:
        return made(header, models.create, sizes)
    except LookupError as error:
        raise ValueError(f"{printable(path)} {error.args[0]}") from None
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"{printable(path)}: {printable(error)}") from None


def _fill(
    path: str | os.PathLike[str], model: Module, tensors: Tensors, header: dict[str, Any]
) -> None:
    """Load the arrays and the metadata of a file into a model."""
    metadata = _metadata(path, header)
    try:
        # Names and shapes first, with arrays that take no memory.
        model.check_state_dict(tensors.stand_ins())
        model.load_state_dict(_read(tensors, header, CHECKSUM))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{printable(path)}: {error}") from None
    model.metadata = metadata


def _check_json(where: str, value: Any) -> None:
    """Refuse a value that JSON cannot hold, or would return as something else."""
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


def read_parts(
    path: str | os.PathLike[str],
) -> tuple[dict[str, Array], dict[str, Array], Any]:
    """Return the arrays of a model, and arrays and JSON values of its training; raise as `load`.

    The JSON values are None if the file holds no training.
    """
    file, tensors = open_tensors(path)
    with file:
        header = _header(path, tensors)
        of_model, of_training = tensors.split(TRAINING_PREFIX)
        try:
            state = _read(of_model, header, CHECKSUM)
            arrays = _read(of_training, header, TRAINING_CHECKSUM)
            text = arrays.pop(STATE, None)
            return state, arrays, None if text is None else _parsed_state(text.tobytes())
        except ValueError as error:
            raise ValueError(f"{printable(path)}: {error}") from None


def _parsed_state(text: bytes) -> Any:
    try:
        return parse_json(text, per_value=BYTES_PER_VALUE)
    except ValueError as error:
        raise ValueError(f"corrupt: the state of its training cannot be read ({error})") from None


def _model_part(tensors: Tensors, header: dict[str, Any]) -> Tensors:
    """Leave out the arrays of a training, if the file holds one."""
    return tensors.split(TRAINING_PREFIX)[0] if TRAINING_CHECKSUM in header else tensors


def _read(tensors: Tensors, header: dict[str, Any], checksum: str) -> dict[str, Array]:
    """Read the arrays, and compare them with the checksum in the header, if there is one."""
    state = tensors.read()
    if checksum in header and header[checksum] != _checksum(state):
        raise ValueError("corrupt: its checksum does not match")
    return state


def _header(path: str | os.PathLike[str], tensors: Tensors) -> dict[str, Any]:
    """Return pycnn's part of a file's header, or {} for a file of another program."""
    try:
        header = parse_json(tensors.metadata.get(METADATA_KEY, "{}").encode(), tensors.size)
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise ValueError(f"{printable(path)} is corrupt: its header cannot be read")
    check_format(path, header)
    return header


def _checksum(state: dict[str, Array]) -> int:
    """Return the CRC-32 of the bytes of all arrays, in the order of their names."""
    value = 0
    for name in sorted(state):
        value = zlib.crc32(state[name].reshape(-1).view(np.uint8).data, value)
    return value
