"""The checkpoint of a training: all that a new process needs to go on as if there were no break.

One safetensors file holds the model as `pycnn.save` writes it, so that `pycnn.load` reads it, and
the arrays of the training (names that begin with ``training:``). One of these holds the rest of the
state, and the settings that must be the same to resume, as JSON with a format version.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

from pycnn import io
from pycnn._files import check_replaceable, check_writable
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.training.same import differences
from pycnn.training.tree import flatten, rebuild
from pycnn.training.unwritten import Unwritten

# Version of the stored state of a training; that of the file itself is pycnn._format.FORMAT.
STATE_FORMAT = 1

ON_ERROR = ("warn", "raise")


class Found(NamedTuple):
    """What the checkpoint `name` holds: the model's arrays, and the state of the training."""

    name: str
    model: dict[str, Array]
    state: dict[str, Any]


@dataclass
class Checkpoint:
    """A file that is replaced as a whole each time.

    Attributes
    ----------
    path : path
        The file; its folder must exist.
    every : int or None
        Updates from one checkpoint to the next within an epoch; None for none.
    on_error : {'warn', 'raise'}
        What to do about an error while the file is written.
    settings : mapping of str to JSON values
        What must be the same to resume the training.
    last : str
        Which checkpoint is on the disk, in words.
    """

    path: str | os.PathLike[str]
    every: int | None
    on_error: str
    settings: Mapping[str, Any]
    last: str = "there is none"

    def __post_init__(self) -> None:
        self._unwritten = Unwritten("[fit] the checkpoint", self.path)

    def due(self, step: int) -> bool:
        """Return whether the file is to be written after this number of updates."""
        return self.every is not None and step % self.every == 0

    def write(self, model: Module, state: Mapping[str, Any], when: str) -> None:
        """Replace the file.

        Raises
        ------
        OSError
            If it cannot be written and errors are to be raised.
        """
        content, arrays = self.stored(state)
        training = {"format": STATE_FORMAT, **content}
        warns = self.on_error == "warn"
        with self._unwritten.told(f"; on the disk {self.last}") if warns else nullcontext():
            io.write(self.path, model, arrays, training)
            self.last = f"is that of {when}"

    def stored(self, state: Mapping[str, Any]) -> tuple[Any, dict[str, Array]]:
        """Return what `write` stores of a state.

        Raises
        ------
        TypeError
            If it holds something that cannot be stored; the text says where.
        """
        return flatten({"settings": self.settings, **state}, io.TRAINING_PREFIX)

    def read(self) -> Found | None:
        """Read the file, if it exists, and check that it belongs to this training.

        Raises
        ------
        OSError
            If it cannot be read.
        ValueError
            If it is something else, or belongs to a training with other settings.
        """
        if not os.path.exists(self.path):
            return None
        name = os.fspath(self.path)
        try:
            model, arrays, training = io.read_parts(self.path)
        except ValueError as error:
            raise ValueError(f"[fit] {error}") from None
        if not isinstance(training, dict):
            raise ValueError(f"[fit] {name} is no checkpoint of a training: it cannot be resumed")
        if training.get("format") != STATE_FORMAT:
            raise ValueError(
                f"[fit] {name} has format {training.get('format')}, this pycnn reads {STATE_FORMAT}"
            )
        with understood(name):
            state = rebuild(training, arrays)
            other = differences(state["settings"], self.settings)
        if other:
            raise ValueError(f"[fit] {name} is of another training: {'; '.join(other)}")
        self.last = "is the one that was resumed"
        return Found(name, model, state)


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse a place where the file cannot be replaced."""
    check_replaceable(path)
    check_writable(path)


@contextmanager
def understood(name: str) -> Iterator[None]:
    """Turn any error that an unexpected state in the file causes into a ValueError."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if str(error).startswith(f"[fit] {name}"):
            raise
        raise ValueError(
            f"[fit] {name} cannot be resumed: its state is not as expected ({error!r})"
        ) from error
