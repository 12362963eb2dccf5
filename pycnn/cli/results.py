"""The files that a training writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from typing import Any

from pycnn import __version__, io
from pycnn._files import check_ending, check_writable
from pycnn._format import FORMAT, KEY
from pycnn._run_files import (
    CHECKPOINT,
    CURVE,
    FILES,
    HISTORY,
    SETTINGS,
    TABLE,
    TRAINING,
    replaced_files,
)
from pycnn._streams import warn
from pycnn._temporary import remove_leftovers
from pycnn._together import PLACE, replace_together, settle
from pycnn.cli.earlier import check_earlier_files
from pycnn.layers import Module
from pycnn.plot import learning_curve
from pycnn.report import SavedRun
from pycnn.training import History
from pycnn.training.history import write_json


@contextmanager
def results_folder(out: Path, json: Path | None, data: str | None) -> Iterator[None]:
    """Make the folder and check that all files can be written: now, not after the training.

    What killed processes left in it is finished or removed. At the end, folders that were made here
    and are still empty are removed.

    Raises
    ------
    OSError
        If a file cannot be written.
    ValueError
        If `json` would replace a file of the run or of the data, or is not a .json file, or if the
        training would replace a file in the folder that is not of a run.
    """
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        _make_folder(out)
        settle(out, replaced_files(out))
        remove_leftovers(out, (PLACE,))
        for name in (TRAINING, *FILES):
            check_writable(out / name)
        check_earlier_files(out)
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


# Settings that older runs do not name, and had.
_FORMERLY = {"convolution": "fast"}


def finished_run(out: Path, settings: dict[str, Any]) -> History | None:
    """Return the history of the finished run in a folder, or None if it has not finished.

    Raises
    ------
    ValueError
        If it finished with other settings.
    """
    run = SavedRun(out)
    history, epochs = run.history, run.settings.get("epochs")
    if history.interrupted or history.stop_reason is not None or len(history) != epochs:
        return None
    # Threads do not change the results; ranks change their rounding.
    compared = (name for name in settings if name not in ("threads", "ranks"))
    other = [
        f"{name} is {there} there, {settings[name]} here"
        for name in compared
        if (there := run.settings.get(name, _FORMERLY.get(name))) != settings[name]
    ]
    if other:
        raise ValueError(
            f"{out} holds a finished training with other settings, which cannot be resumed: "
            f"{'; '.join(other)}; without --resume a new training replaces it"
        )
    return history


def save(
    out: Path, model: Module, history: History, settings: dict[str, Any], json: Path | None
) -> Path:
    """Write checkpoint, settings, history and, where matplotlib works, the learning curve.

    They replace those of an earlier run, whose report is removed because it describes another
    network. A page of that name that pycnn has not written stays. A folder that is gone is made
    again. If nothing can be written, on a full or read-only disk, the files go to a new folder in
    the user's home or among the temporary files.

    Returns
    -------
    Path
        The folder they were written to.

    Raises
    ------
    OSError
        If a file cannot be written anywhere.
    KeyboardInterrupt
        After Ctrl-C; the text says what is lost.
    """
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            with replace_together(out, replaced_files(out)) as new:
                _write(new, model, history, settings)
        except OSError as error:
            out = _save_elsewhere(error, model, history, settings)
    except KeyboardInterrupt as interruption:
        kept = ", but --resume goes on with it" if (out / TRAINING).exists() else ""
        interruption.args = (
            f"while the results were being written: this training is not saved to {out}{kept}",
        )
        raise
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
    return out


def _save_elsewhere(
    error: OSError, model: Module, history: History, settings: dict[str, Any]
) -> Path:
    """Write the results to a new folder, and say so; raise `error` if no folder takes them."""
    # The home folder first: temporary files may be gone after a restart.
    for parent in (Path.home, gettempdir):
        with suppress(OSError, RuntimeError):  # RuntimeError: the user has no folder
            out = Path(mkdtemp(prefix=f"pycnn-{settings['model']}-", dir=parent()))
            try:
                _write(out, model, history, settings)
            except BaseException:
                shutil.rmtree(out, ignore_errors=True)
                raise
            where = "" if error.filename is None else f"{error.filename}: "
            warn(
                f"[train] {where}{error.strerror or error}: the results are saved to {out} instead"
            )
            return out
    raise error


def _write(folder: Path, model: Module, history: History, settings: dict[str, Any]) -> None:
    io.save(folder / CHECKPOINT, model)
    write_json(folder / SETTINGS, {KEY: FORMAT, **settings})
    history.to_csv(folder / TABLE)
    history.to_json(folder / HISTORY)
    try:
        learning_curve(history, folder / CURVE, settings["model"], validation="test")
    except ImportError as error:
        print(f"no {CURVE}: {error}")
