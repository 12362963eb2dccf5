"""The files that a training leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pycnn import __version__, io
from pycnn._files import check_ending, check_writable, replace_together
from pycnn._format import FORMAT, KEY
from pycnn._run_files import CHECKPOINT, CURVE, FILES, HISTORY, SETTINGS, TABLE
from pycnn.layers import Module
from pycnn.plot import learning_curve
from pycnn.training import History
from pycnn.training.history import write_json


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
        _make_folder(out)
        for name in FILES:
            check_writable(out / name)
        if json is not None:
            _check_json(json, out, data)
        yield
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise FileExistsError(error.errno, "This is a file, not a folder", str(out)) from None


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

    Raises
    ------
    OSError
        If a file cannot be written.
    KeyboardInterrupt
        After Ctrl-C, with words for what is lost.
    """
    try:
        with replace_together(out, FILES) as new:
            _write(new, model, history, settings)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"while the results were being written: this training is not saved to {out}"
        ) from None
    if json is not None:
        results = {
            "seconds": history.seconds,
            "samples_per_second": history.samples_per_second,
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


def _write(folder: Path, model: Module, history: History, settings: dict[str, Any]) -> None:
    io.save(folder / CHECKPOINT, model)
    write_json(folder / SETTINGS, {KEY: FORMAT, **settings})
    history.to_csv(folder / TABLE)
    history.to_json(folder / HISTORY)
    try:
        learning_curve(history, folder / CURVE, settings["model"], validation="test")
    except ImportError as error:
        print(f"no {CURVE}: {error}")
