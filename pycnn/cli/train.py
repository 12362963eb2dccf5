"""Train a model and save it, its history and its learning curve.

The files of a run are written after the training. Together they replace those of an earlier run in
the folder, or go to a new folder elsewhere if they cannot be written. A training that finishes no
epoch leaves an earlier run as it was; one that fails or is interrupted later is saved as it stands,
with what the model learned in the unfinished epoch. The file of ``--json`` is written last,
separately. SIGTERM and SIGHUP interrupt as Ctrl-C does.

During the training, a checkpoint in the folder holds its state after each epoch, for ``--resume``.
It is removed when the training has finished and is saved.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from pycnn import recipes
from pycnn._printable import printable
from pycnn._run_files import RUNS, TRAINING
from pycnn._streams import is_terminal
from pycnn.cli.arguments import set_threads
from pycnn.cli.good_state import GoodState
from pycnn.cli.own_model import recipe_of
from pycnn.cli.processes import start_processes
from pycnn.cli.results import finished_run, results_folder, save
from pycnn.cli.streams import forgive_stdout, say
from pycnn.cli.training_settings import add_arguments, make_settings
from pycnn.data import Dataset
from pycnn.layers import Module
from pycnn.recipes.recipe import OPTIMIZERS
from pycnn.training import Callback, EpochRecord, History, TerminateOnNaN, TrainingRun, fit
from pycnn.training.interrupt import Stops
from pycnn.training.processes import Alone

__all__ = ["add_arguments", "make_settings", "run"]

TRAINING_FAILED = 1
SAVED_ELSEWHERE = 3


def run(args: argparse.Namespace) -> int:
    """Train, report, save."""
    forgive_stdout()
    set_threads(args)
    processes = start_processes(args)
    with processes.guarded():
        return _run(args, processes)


def _run(args: argparse.Namespace, processes: Alone) -> int:
    recipe = recipe_of(args.model)
    settings = make_settings(args, recipe)
    # The number of threads may differ between machines.
    asked = {**settings, "threads": None, "out": str(args.out), "resume": args.resume}
    processes.agree(asked)
    if processes.size > 1:
        settings["ranks"] = processes.size
    out = args.out or Path(RUNS, args.model.replace(":", "-"))
    with Stops() as stops, ExitStack() as folder:

        def prepare() -> bool:
            folder.enter_context(results_folder(out, args.json, args.data))
            return bool(args.resume and not (out / TRAINING).exists())

        if processes.by_first(prepare):
            code = processes.by_first(lambda: _finished(out, settings))
            if code is not None:
                return code
        train, test = processes.shared(
            lambda: recipe.data(args.data, skip_broken=args.skip_broken, transposed=args.transposed)
        )
        model = recipe.build(train, args.seed).to(args.device)
        if train.classes or "classes" not in model.metadata:
            model.metadata = {**model.metadata, "classes": list(train.classes)}
        _describe(args.model, model, recipe.self_organized(model), train, test, settings, processes)
        options = {
            "checkpoint": out / TRAINING,
            "every": args.checkpoint_every,
            "resume": args.resume,
            "distributed": processes,
        }
        with warnings.catch_warnings():
            # `report` prints its own line about an interruption.
            warnings.filterwarnings("ignore", r"\[fit\] interrupted", RuntimeWarning)
            good = GoodState()
            history = train_model(recipe, model, train, test, settings, options, good)
        code = processes.by_first(lambda: _finish(out, model, history, settings, args.json, good))
    return stops.exit_code if history.interrupted else code


def _finished(out: Path, settings: dict[str, Any]) -> int | None:
    """Report a finished training and return its exit code, or None if it has not finished."""
    history = finished_run(out, settings)
    if history is None:
        print("nothing to resume: the training begins")
        return None
    print("nothing to do, this training has finished already: ", end="")
    return print_outcome(out, history)


def _describe(
    name: str,
    model: Module,
    organized: int,
    train: Dataset,
    test: Dataset,
    settings: dict[str, Any],
    processes: Alone,
) -> None:
    """Print what will be trained, and on how much data."""
    size = f"{sum(p.numel() for p in model.parameters()):,} parameters"
    if organized:
        size += f", {organized:,} self-organized connections"
    print(
        f"{name}: {size}, {len(train):,} training and {len(test):,} test samples, "
        f"{processes.threads}",
        flush=True,
    )
    if (batch := settings["batch_size"]) > len(train):
        print(
            f"a batch of {batch:,} is more than all {len(train):,} training samples: one step "
            "an epoch"
        )


def _finish(
    out: Path,
    model: Module,
    history: History,
    settings: dict[str, Any],
    json: Path | None,
    good: GoodState,
) -> int:
    """Save and report the results; return the exit code of a training that was not interrupted."""
    kept = bool(len(history)) and not good.lost
    place = save(out, model, history, settings, json) if kept else out
    finished = not history.interrupted and history.stop_reason is None and place == out
    if finished or good.broken:  # no training can go on from a state that is not finite
        with suppress(OSError):  # the results are saved, and are reported all the same
            (out / TRAINING).unlink()
    training = out / TRAINING
    code = print_outcome(
        place, history, saved=not good.lost, training=training if training.exists() else None,
        unfinished=good.unfinished,
    )  # fmt: skip
    return code if place == out else SAVED_ELSEWHERE


def train_model(
    recipe: recipes.Recipe,
    model: Module,
    train: Dataset,
    test: Dataset,
    settings: dict[str, Any],
    checkpoint: dict[str, Any],
    *callbacks: Callback,
) -> History:
    """Train with the procedure of the recipe, its callbacks and those given here.

    `checkpoint` holds the arguments of `fit` about the checkpoint.
    """
    options: dict[str, Any] = {
        "epochs": settings["epochs"],
        "batch_size": settings["batch_size"],
        "seed": settings["seed"],
        "progress": "auto",
        "callbacks": [TerminateOnNaN(), *recipe.callbacks(model), EpochLine(), *callbacks],
        **checkpoint,
    }
    if recipe.train is not None:
        return recipe.train(model, train, test, **options)
    make = OPTIMIZERS[settings["optimizer"]]
    return fit(
        model,
        train,
        test,
        optimizer=make(model.parameters(), settings["lr"], recipe.weight_decay),
        schedule=recipe.schedule(settings["lr"]),
        loss=recipe.loss(),
        augment=recipe.augment if settings["augment"] else None,
        **options,
    )


def print_outcome(
    out: Path,
    history: History,
    *,
    saved: bool = True,
    training: Path | None = None,
    unfinished: bool = True,
) -> int:
    """Print how training went; return the exit code of a training that was not interrupted.

    `training` is the checkpoint from which it can be resumed.
    """
    if len(history):
        place = f"saved to {printable(out)}"
        told = place if saved else "nothing saved: no epoch left a model of numbers"
    else:
        told = "nothing saved: no epoch was finished"
    if history.stop_reason is not None:
        print(told)
        say(f"error: training stopped: {history.stop_reason}")
        return TRAINING_FAILED
    if history.interrupted:
        print(_interruption(history, told, training, unfinished))
        return 0
    organized = history.self_organization
    before = f"{organized:.1f} s of self-organization and " if organized else ""
    last = history.records[-1]
    figure = (
        f"loss {last.val_loss:.4g}"
        if last.val_accuracy is None  # targets that are no classes
        else f"accuracy {last.val_accuracy:.2%}"
    )
    print(
        f"test {figure} after {before}"
        f"{history.seconds:.1f} s of training ({history.samples_per_second:,.0f} samples/s); "
        f"{told}"
    )
    return 0


def _interruption(history: History, saved: str, training: Path | None, unfinished: bool) -> str:
    """Say what an interrupted training has saved."""
    goes_on = "" if training is None else "; --resume goes on"
    if not history:
        text = "interrupted before the end of the first epoch; "
        if training is None:
            return text + saved
        return f"{text}no model is saved yet, but the training in {printable(training)}{goes_on}"
    if not unfinished:
        return f"interrupted after epoch {len(history)}; {saved}{goes_on}"
    epoch = len(history) + 1
    return (
        f"interrupted in epoch {epoch}; {saved}: the model with what it learned in epoch {epoch}, "
        f"history and curve without it{goes_on}"
    )


class EpochLine(Callback):
    """Prints a line for each epoch, unless the progress bar of a terminal leaves the same line."""

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Name the data measured after each epoch, for the lines of a terminal too."""
        run.validation = "test"
        self._run = run

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Print where a resumed training goes on."""
        self._print(self._run.resumption())

    def on_layer(self, text: str) -> None:
        """Print the line of a layer that learns before the epochs."""
        self._print(text)

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Print the record."""
        self._print(f"epoch {record.epoch}/{run.epochs}: {record.describe(run.validation)}")

    def _print(self, text: str) -> None:
        if not (is_terminal(sys.stderr) and is_terminal(sys.stdout)):
            print(text, flush=True)
