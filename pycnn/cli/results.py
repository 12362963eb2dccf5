"""The files that a training leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pycnn import __version__, io
from pycnn._files import check_ending, check_writable, replace_together
from pycnn.layers import Module
from pycnn.plot import learning_curve
from pycnn.report.run import CHECKPOINT, HISTORY, SETTINGS
from pycnn.report.write import REPORT
from pycnn.training import History
from pycnn.training.history import write_json

TABLE, CURVE = "history.csv", "learning_curve.png"
# What tells of one training, and is replaced together.
FILES = (CHECKPOINT, SETTINGS, TABLE, HISTORY, CURVE, REPORT)


@contextmanager
def results_folder(out: Path, json: Path | None, data: str | None) -> Iterator[None]:
    """Make the folder and prove that all files can be written: now, not after the training.

    In the end, folders that were made and are still empty are removed.

    Raises
    ------
    OSError
        If a file cannot be written.
    ValueError
        If `json` would replace a file of the run or of the data, or one of another kind.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            check_writable(out / name)
        if json is not None:
            _check_json(json, out, data)
        yield
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _check_json(json: Path, out: Path, data: str | None) -> None:
    check_writable(json)
    check_ending(json, ".json")
    place = json.resolve()
    if place in [(out / name).resolve() for name in FILES]:
        raise ValueError(f"--json {json} is a file of the run itself: give another name")
    if data is not None and place.is_relative_to(Path(data).resolve()):
        raise ValueError(f"--json {json} lies in the folder of the data: give another place")


def save(
    out: Path, model: Module, history: History, settings: dict[str, Any], json: Path | None
) -> None:
    """Write checkpoint, settings, history and, where matplotlib works, the learning curve.

    They take the place of an earlier run's, whose report is removed: it tells of another network.
    """
    with replace_together(out, FILES) as new:
        io.save(new / CHECKPOINT, model)
        write_json(new / SETTINGS, settings)
        history.to_csv(new / TABLE)
        history.to_json(new / HISTORY)
        try:
            learning_curve(history, new / CURVE, settings["model"], validation="test")
        except ImportError as error:
            print(f"no {CURVE}: {error}")
    if json is not None:
        results = {
            "seconds": history.seconds,
            "images_per_second": history.images_per_second,
            "test_loss": history["val_loss"][-1],
            "test_accuracy": history["val_accuracy"][-1],
        }
        content = {
            "pycnn": __version__,
            "settings": settings,
            "results": results,
            "history": history.to_dict(),
        }
        write_json(json, content)
