"""The history of a training: one record for each epoch."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from pycnn._arguments import flag, integer, number, written
from pycnn._files import atomic_write
from pycnn._format import FORMAT, KEY, check_format
from pycnn._printable import loss_text, printable
from pycnn._reading import MOST_HISTORY, parse_json, read_whole

# No figure of float32 numbers is larger, and larger ones cannot be drawn.
LARGEST = 1e39


class _Figures(NamedTuple):
    epoch: int
    loss: float
    accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    samples_per_second: float


FIELDS = _Figures._fields


class EpochRecord(_Figures):
    """Figures of one epoch, a named tuple; None where there is nothing to report.

    Attributes
    ----------
    epoch : int
        Number of the epoch, from 1.
    loss, accuracy : float
        Mean over the training samples, each measured in the step that trained on it.
    val_loss, val_accuracy : float or None
        Mean over the validation set at the end of the epoch.
    learning_rate : float
        Learning rate of the last step; of the optimizer's first group.
    seconds : float
        Time spent on training, without validation.
    samples_per_second : float
        Training samples per second.
    metrics : mapping of str to float
        Figures of `fit`'s `metrics`, over the training samples by their names, such as ``f1``, and
        over the validation set as ``val_f1``. Each is an attribute of the record, too; they are no
        part of the tuple.
    """

    metrics: Mapping[str, float] = MappingProxyType({})

    def __new__(
        cls, *figures: Any, metrics: Mapping[str, float] | None = None, **named: Any
    ) -> EpochRecord:
        """Make the tuple."""
        record = super().__new__(cls, *figures, **named)
        if metrics is not None:
            record.metrics = metrics
        return record

    def __getattr__(self, name: str) -> float:
        """Return the figure of a metric."""
        try:
            return self.metrics[name]
        except KeyError:
            raise AttributeError(f"the epoch has no figure {name!r}") from None

    def figures(self) -> dict[str, Any]:
        """Return all figures by name, those of metrics too."""
        return {**self._asdict(), **self.metrics}

    def __str__(self) -> str:
        """Return the figures for people, without the number of the epoch."""
        return self.describe()

    def describe(self, validation: str = "validation") -> str:
        """Return the figures for people; `validation` names what was measured after the epoch."""
        parts = [f"loss {loss_text(self.loss)}"]
        if self.accuracy is not None:
            parts.append(f"accuracy {self.accuracy:.2%}")
        if self.val_loss is not None:
            parts.append(f"{validation} loss {loss_text(self.val_loss)}")
        if self.val_accuracy is not None:
            parts.append(f"{validation} accuracy {self.val_accuracy:.2%}")
        for name, value in self.metrics.items():
            own = name.removeprefix("val_")
            parts.append(f"{own if own == name else f'{validation} {own}'} {value:.4f}")
        parts += [f"{self.seconds:.1f} s", f"{self.samples_per_second:,.0f} samples/s"]
        return ", ".join(parts)


TAKEN = tuple(name for name in dir(EpochRecord) if not name.startswith("_"))
"""Names in a record that no metric may have."""


class History:
    """Records of the epochs, first to last.

    Attributes
    ----------
    records : list of EpochRecord
        One for each finished epoch.
    interrupted : bool
        Whether Ctrl-C ended the training. The model has then also learned from a part of the next
        epoch, which has no record.
    stop_reason : str or None
        Why a callback ended the training.
    self_organization : float
        Seconds of learning without gradients before the first epoch, in no epoch's time.
    """

    def __init__(self) -> None:
        self.records: list[EpochRecord] = []
        self.interrupted = False
        self.stop_reason: str | None = None
        self.self_organization = 0.0

    def __repr__(self) -> str:
        """Return one line for each epoch."""
        lines = [f"epoch {record.epoch}: {record}" for record in self.records]
        return "\n".join(lines) or "no finished epoch"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the curve, or without matplotlib a table."""
        from pycnn.training.shown import history_html

        return history_html(self)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[EpochRecord]:
        return iter(self.records)

    def __getitem__(self, field: str) -> list[Any]:
        """Return the column of one field, such as ``history["loss"]``."""
        if field not in (fields := self.fields):
            raise KeyError(f"no field {field!r}; there are {', '.join(fields)}")
        return [record.figures().get(field) for record in self.records]

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the columns: those of each record, and those of the metrics of any."""
        metrics = dict.fromkeys(name for record in self.records for name in record.metrics)
        return (*FIELDS, *metrics)

    @property
    def seconds(self) -> float:
        """Time spent on training, without validation."""
        return sum(record.seconds for record in self.records)

    @property
    def samples_per_second(self) -> float:
        """Training samples per second over all epochs; 0 before the first one has ended."""
        samples = sum(record.seconds * record.samples_per_second for record in self.records)
        return samples / self.seconds if self.seconds else 0.0

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> History:
        """Read a history written by `to_json`; a loss of null, which was not finite, becomes NaN.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not such a file, larger than 32 MiB, or of a newer version of the format.
        """
        history = cls()
        content = read_whole(path, MOST_HISTORY)
        try:
            found = parse_json(content)
            if not isinstance(found, dict):
                raise TypeError("it holds no names")
        except (ValueError, TypeError) as error:
            raise ValueError(f"{printable(path)} is not a history of pycnn: {error}") from None
        check_format(path, found)
        try:
            history.interrupted = flag("History", "interrupted", found["interrupted"])
            history.stop_reason = found["stop_reason"]
            if not isinstance(history.stop_reason, str | None):
                raise TypeError(f"stop_reason must be a text, got {written(history.stop_reason)}")
            history.self_organization = number(
                "History", "self_organization", found.get("self_organization", 0)
            )
            history.records = [_record(epoch) for epoch in found["epochs"]]
        except KeyError as error:
            raise ValueError(f"{printable(path)} is not a history of pycnn: no {error}") from None
        except (ValueError, TypeError, OverflowError) as error:
            fault = str(error).removeprefix("[History] ")
            text = f"{printable(path)} is not a history of pycnn: {printable(fault)}"
            raise ValueError(text) from None
        return history

    def to_dict(self) -> dict[str, Any]:
        """Return the history as dicts and lists, with the version of the format."""
        return {
            KEY: FORMAT,
            "interrupted": self.interrupted,
            "stop_reason": self.stop_reason,
            "self_organization": self.self_organization,
            "epochs": [_stored(record) for record in self.records],
        }

    def load_dict(self, found: Mapping[str, Any]) -> None:
        """Take over the result of another history's `to_dict`."""
        self.interrupted = found["interrupted"]
        self.stop_reason = found["stop_reason"]
        self.self_organization = found["self_organization"]
        self.records = [EpochRecord(**record) for record in found["epochs"]]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write a header and a line for each epoch; None becomes an empty field."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(fields := self.fields)
        figures = [record.figures() for record in self.records]
        writer.writerows([record.get(name) for name in fields] for record in figures)
        with atomic_write(path) as file:
            file.write(text.getvalue().encode())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the records and how training ended; NaN and infinity become null."""
        write_json(path, self.to_dict())


def _stored(record: EpochRecord) -> dict[str, Any]:
    """Return the fields of a record; those without metrics are as they were before there were."""
    return record._asdict() | ({"metrics": dict(record.metrics)} if record.metrics else {})


def _record(epoch: Any) -> EpochRecord:
    """Check the figures of an epoch from a file; a loss or metric of None becomes NaN."""
    record = EpochRecord(**epoch)
    if not isinstance(record.metrics, Mapping):
        raise TypeError(f"metrics must be a mapping, got {written(record.metrics)}")
    fields = record._asdict()
    metrics = {str(name): _figure(name, value) for name, value in record.metrics.items()}
    for name, value in fields.items():
        if name == "loss":
            fields[name] = _figure(name, value)
        elif value is not None or name not in ("accuracy", "val_loss", "val_accuracy"):
            _figure(name, number("History", name, value))
    integer("History", "epoch", fields["epoch"], 1)
    if any(name in FIELDS for name in metrics):
        raise ValueError("a metric has the name of another figure")
    return EpochRecord(**fields, metrics=metrics)


def _figure(name: str, value: Any) -> float:
    """Return a figure of a file; None, which was not finite, becomes NaN."""
    figure = math.nan if value is None else number("History", name, value)
    if math.isfinite(figure) and abs(figure) > LARGEST:
        raise ValueError(f"{name} is out of range: {figure}")
    return figure


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write JSON that every parser reads: NaN and infinity become null, as JSON lacks them."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
    with atomic_write(path) as file:
        file.write(text.encode())


def _finite(value: Any) -> Any:
    """Copy nested dicts and lists, with None for every float that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
