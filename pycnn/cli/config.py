"""Settings of ``pycnn train`` from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from pycnn._arguments import written
from pycnn._printable import printable
from pycnn._reading import MOST_SETTINGS, read_whole

FLAG = "--config"


def with_config(argv: Sequence[str], flags: Mapping[str, bool]) -> list[str]:
    """Return the arguments with those of ``--config FILE`` in front of the others, which win.

    Each key of the file is the name of a flag, with ``-`` or ``_`` between its words; true stands
    for the flag alone, false for ``--no-`` and its name, or for its absence if there is none.

    Parameters
    ----------
    argv : sequence of str
        The command line.
    flags : mapping of str to bool
        The flags of ``train``, and whether each takes a value.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not TOML, or a value is no text, number or bool.
    """
    if not argv or argv[0] != "train":
        return list(argv)
    command, *rest = argv
    given: list[str] = []
    others: list[str] = []
    words = iter(rest)
    for word in words:
        if word == FLAG:
            path = next(words, None)
            if path is None:
                return list(argv)  # the parser says what is missing
        elif word.startswith(f"{FLAG}="):
            path = word.partition("=")[2]
        else:
            others.append(word)
            continue
        given += _flags(path, flags)
    return [command, *given, *others]


def _flags(path: str, known: Mapping[str, bool]) -> list[str]:
    flags = []
    for key, value in _read(path).items():
        flag = f"--{key.replace('_', '-')}"
        if flag == FLAG:
            raise ValueError(f"{printable(path)}: a configuration names no other one")
        if isinstance(value, bool) and flag in known:
            if known[flag]:  # alone, it would take the next word for its value
                raise ValueError(f"{printable(path)}: {key} needs a value, got {written(value)}")
            without = flag.replace("--", "--no-", 1)
            flags += [flag] if value else [without] if without in known else []
        elif isinstance(value, str | int | float):
            flags.append(f"{flag}={value}")
        else:
            kind = type(value).__name__
            raise ValueError(f"{printable(path)}: {key} must be a text, number or bool, not {kind}")
    return flags


def _read(path: str) -> dict[str, Any]:
    content = read_whole(path, MOST_SETTINGS)
    try:
        found: dict[str, Any] = _toml().loads(content.decode())
    except ValueError as error:  # of TOML, and of UTF-8
        raise ValueError(f"{printable(path)} is not TOML: {error}") from None
    return found


def _toml() -> Any:
    for name in ("tomllib", "tomli"):  # the first comes with Python 3.11
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ValueError(f"{FLAG} needs Python 3.11 or the package tomli")
