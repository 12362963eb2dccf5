"""The state of a training between two steps: collect it, and restore it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.data import Batches
from pycnn.layers.contained import attributes_of, contained
from pycnn.layers.module import Module
from pycnn.training.checkpoint import Found
from pycnn.training.meter import Meter

if TYPE_CHECKING:
    from pycnn.training.trainer import Trainer

# Sources of random numbers.
_RANDOM = (
    np.random.Generator,
    np.random.BitGenerator,
    np.random.RandomState,
    np.random.SeedSequence,
    Random,
)


@dataclass
class Inside:
    """How far an epoch has come.

    Attributes
    ----------
    meter : Meter
        Figures of its batches.
    number : int or None
        Number of the pass through the data, if the data count passes.
    batches : int
        Batches done, including those without an update.
    seconds : float
        Time spent before `start`.
    start : float or None
        When the clock was started; None while it is stopped.
    layers : mapping
        State of the layers, if the epoch is to be resumed.
    """

    meter: Meter
    number: int | None
    batches: int = 0
    seconds: float = 0.0
    start: float | None = None
    layers: Mapping[str, Any] = field(default_factory=dict)

    def elapsed(self) -> float:
        """Return the time spent on the batches."""
        return self.seconds + (0.0 if self.start is None else perf_counter() - self.start)


def begin(trainer: Trainer) -> Inside:
    """Begin an epoch, or go on with the one that a checkpoint was made in."""
    resumed, trainer.resumed = trainer.resumed, None
    if resumed is None:
        return Inside(trainer.new_meter(), _pass_of(trainer.batches))
    restore_layers(trainer.run.model, resumed.layers)  # again: the new epoch has reseeded them
    return resumed


def training_state(trainer: Trainer) -> dict[str, Any]:
    """Return the whole state of the training, except for the model's own arrays."""
    run, inside = trainer.run, trainer.inside
    state: dict[str, Any] = {
        "epoch": run.epoch if inside is None else run.epoch - 1,
        "step": run.step,
        "total_steps": trainer.total_steps,
        "loss": run.loss,
        "pass": _pass_of(trainer.batches) if inside is None else inside.number,
        "inside": None,
        "layers": layers_state(run.model),
        "initial_lr": trainer.initial_lr,
        "optimizer": run.optimizer.state_dict(),
        "history": {**run.history.to_dict(), "interrupted": False},
        "watch": trainer.watch.state_dict(),
        "callbacks": [callback.state_dict() for callback in trainer.callbacks],
    }
    if inside is not None:
        total = trainer.processes.total(inside.meter)
        state["inside"] = {
            "batches": inside.batches,
            "seconds": inside.elapsed(),
            "meter": total.state_dict(),
            "kept": None if total.kept is None else total.kept.state_dict(),
            # The counts of each of several processes, to keep the order of additions.
            "meters": trainer.processes.gathered(inside.meter.state_dict()),
        }
    return state


def check_resumable(trainer: Trainer, found: Found) -> None:
    """Refuse to go on with other epochs or another learning rate if the bits would differ.

    Raises
    ------
    ValueError
        With both values.
    """
    state, run, name = found.state, trainer.run, f"[fit] {found.name}"
    begun = state["epoch"] + (state["inside"] is not None)
    if begun > run.epochs:
        raise ValueError(f"{name} has come to epoch {begun}, epochs is {run.epochs}")
    there, here = state["total_steps"], trainer.total_steps
    schedule = trainer.schedule
    if schedule is not None and there != here:
        for step in range(state["step"]):
            rates = schedule(step, there), schedule(step, here)
            if rates[0] != rates[1]:
                raise ValueError(
                    f"{name} has a schedule over {there} steps, here it is over {here}: the rate "
                    f"of step {step} was {rates[0]:g} and would be {rates[1]:g}; give the epochs "
                    "of the first call, or schedule_epochs if only fewer are to be done"
                )
    lr = run.optimizer.lr
    group = state["optimizer"]["param_groups"][0]
    if schedule is None and lr not in (state["initial_lr"], group["lr"]):
        raise ValueError(f"{name} began with learning rate {state['initial_lr']}, here it is {lr}")


def restore(trainer: Trainer, found: Found) -> None:
    """Restore the training as it was when the checkpoint was made."""
    state, run = found.state, trainer.run
    run.model.load_state_dict(found.model)
    run.optimizer.load_state_dict(state["optimizer"])
    restore_layers(run.model, state["layers"])
    run.history.load_dict(state["history"])
    run.epoch, run.step, run.loss = state["epoch"], state["step"], state["loss"]
    trainer.initial_lr = state["initial_lr"]
    trainer.watch.load_state_dict(state["watch"])
    if (inside := state["inside"]) is not None:
        meter = trainer.new_meter()
        meters = inside.get("meters", [])
        if len(meters) == trainer.processes.size > 1:
            meter.load_state_dict(meters[trainer.processes.rank])
        elif trainer.processes.first:  # which counts for all
            meter.load_state_dict(inside["meter"])
        if meter.kept is not None and trainer.processes.first:
            meter.kept.load_state_dict(inside["kept"])
        run.batch_number = inside["batches"]
        trainer.resumed = Inside(
            meter,
            number=state["pass"],
            batches=inside["batches"],
            seconds=inside["seconds"],
            layers=state["layers"],
        )
    if isinstance(trainer.batches, Batches):
        trainer.batches.epoch = state["pass"]
    for callback, saved in zip(trainer.callbacks, state["callbacks"], strict=True):
        callback.load_state_dict(saved)


def _pass_of(batches: Any) -> int | None:
    """Return the number of the next pass through the data."""
    return batches.epoch if isinstance(batches, Batches) else None


def layers_state(model: Module) -> dict[str, Any]:
    """Return the mode of each module, and the states of their random generators.

    Raises
    ------
    TypeError
        If a random state is not an attribute of a module, or not a generator of NumPy.
    """
    modules = list(model.modules())
    stored = {
        id(value)
        for module in modules
        for value in attributes_of(module).values()
        if isinstance(value, np.random.Generator)
    }
    for module in modules:
        for name, value in attributes_of(module).items():
            lost = next((r for r in contained((value,), _RANDOM) if id(r) not in stored), None)
            if lost is not None:
                raise TypeError(
                    f"[fit] the state of a {type(lost).__name__} in {type(module).__name__}.{name} "
                    "would not be in the checkpoint, and a resumed training would have other bits: "
                    "keep each numpy.random.Generator in an attribute of a module"
                )
    return {
        "training": [module.training for module in modules],
        "random": [
            [index, name, value.bit_generator.state]
            for index, module in enumerate(modules)
            for name, value in attributes_of(module).items()
            if isinstance(value, np.random.Generator)
        ],
    }


def restore_layers(model: Module, state: Mapping[str, Any]) -> None:
    """Restore modes and random states."""
    modules = list(model.modules())
    for module, training in zip(modules, state["training"], strict=True):
        module.training = training
    for index, name, random in state["random"]:
        generator = getattr(modules[index], name)
        kind = random["bit_generator"]
        if type(generator.bit_generator).__name__ != kind:
            generator = np.random.Generator(getattr(np.random, kind)())
            setattr(modules[index], name, generator)
        generator.bit_generator.state = random
