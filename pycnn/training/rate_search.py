"""Find a learning rate by training with one that grows."""

from __future__ import annotations

import copy
import math
import warnings
from dataclasses import dataclass
from typing import Any

from pycnn._arguments import integer, positive
from pycnn.data import Batches, Dataset
from pycnn.layers.module import Module, check_model
from pycnn.loader import batches_of
from pycnn.optim import Adam, Optimizer
from pycnn.training.callbacks import Callback
from pycnn.training.evaluation import AnyLoss
from pycnn.training.given import Data, data_of, length_of, names_of
from pycnn.training.loop import fit
from pycnn.training.run import TrainingRun

# Share of the old mean in the smoothed loss.
_KEPT = 0.9
# A smoothed loss so many times the best one is beyond all useful rates.
_BEYOND = 4.0


@dataclass
class RateSearch:
    """Losses of a training with a learning rate that grows; `pycnn.plot.learning_rates` draws them.

    Attributes
    ----------
    rates : list of float
        Learning rate of each step.
    losses : list of float
        Loss of its batch before the update.
    smoothed : list of float
        Running means of the losses, without bias to the first.
    suggestion : float or None
        Where the smoothed loss falls most steeply, over the logarithm of the rate: a good rate for
        a constant one, and a third of the peak of a schedule. None if it never falls.
    """

    rates: list[float]
    losses: list[float]
    smoothed: list[float]
    suggestion: float | None


def lr_find(
    model: Module,
    train: Any,
    y: Any = None,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 64,
    optimizer: Optimizer | None = None,
    loss: AnyLoss | None = None,
    seed: int = 0,
) -> RateSearch:
    """Train a copy of a model for some steps, with a learning rate that grows by one factor a step.

    The model and the optimizer stay as they are. It ends early when the loss is far above the best.

    Parameters
    ----------
    model : Module
        The model.
    train : Dataset, iterable of (x, y), or array-like
        Training data, or samples x, whose targets are `y`: see `fit`. They are gone through again
        if they are not enough. An iterable must have a length.
    y : array-like, optional
        Targets of samples `train`.
    lowest, highest : float
        Learning rates of the first and the last step.
    steps : int
        Number of steps, at least 2.
    batch_size : int
        Samples in a step, for a Dataset.
    optimizer : Optimizer, optional
        Of the model; Adam by default. A copy of it takes the steps.
    loss : Loss, optional
        As for `fit`.
    seed : int
        Seed of the order of the samples and of dropout.

    Returns
    -------
    RateSearch
        The losses, and a rate to take.

    Raises
    ------
    TypeError, ValueError
        As from `fit`, or if the rates do not ascend, the data have no length or the first loss is
        not finite.

    References
    ----------
    Smith: Cyclical learning rates for training neural networks, 2017, section 3.3.
    """
    check_model("lr_find", model)
    data = data_of("lr_find", "train", train, y, model, names_of(model))
    first, last = positive("lr_find", "lowest", lowest), positive("lr_find", "highest", highest)
    if not first < last:
        raise ValueError(f"[lr_find] lowest must be less than highest, got {lowest} and {highest}")
    integer("lr_find", "steps", steps, 2)
    batches = _batches(data, batch_size, seed)
    # One copy of both, so that the optimizer's copy has the parameters of the model's copy.
    twin, update = copy.deepcopy((model, optimizer))
    update = Adam(twin.parameters()) if update is None else update
    search = _Search()

    def rate(step: int, total_steps: int) -> float:
        return float(first * (last / first) ** min(step / (steps - 1), 1.0))

    with warnings.catch_warnings():
        # It is meant to diverge.
        warnings.simplefilter("ignore", RuntimeWarning)
        fit(
            twin,
            batches,
            epochs=-(-steps // len(batches)),
            optimizer=update,
            schedule=rate,
            loss=loss,
            callbacks=[_Until(steps, search)],
            seed=seed,
            progress=False,
        )
    if not search.rates:
        raise ValueError(
            "[lr_find] the loss of the first batch is not finite: fit says where that begins"
        )
    return search.result()


def _batches(train: Data, batch_size: int, seed: int) -> Any:
    if isinstance(train, Dataset):
        return batches_of(train, batch_size, seed)
    if length_of(train) is None:
        raise ValueError("[lr_find] train must be a Dataset or have a length, in batches")
    return copy.copy(train) if isinstance(train, Batches) else train  # a pass advances it


class _Search:
    """The losses so far."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.losses: list[float] = []
        self.smoothed: list[float] = []
        self._mean = 0.0

    def add(self, rate: float, loss: float) -> bool:
        """Take a step's figures; return whether larger rates are worth a try."""
        if not math.isfinite(loss):
            return False
        self._mean = _KEPT * self._mean + (1 - _KEPT) * loss
        self.rates.append(rate)
        self.losses.append(loss)
        self.smoothed.append(self._mean / (1 - _KEPT ** len(self.rates)))
        return abs(self.smoothed[-1]) <= _BEYOND * abs(min(self.smoothed)) or len(self.rates) < 5

    def result(self) -> RateSearch:
        """Return the losses, and where they fall most steeply."""
        falls = [
            (self.smoothed[k - 1] - self.smoothed[k + 1], rate)
            for k, rate in enumerate(self.rates[1:-1], 1)
        ]
        fall, rate = max(falls, default=(0.0, 0.0))
        return RateSearch(self.rates, self.losses, self.smoothed, rate if fall > 0 else None)


class _Until(Callback):
    """Notes the loss of each step before the update, and stops after the last one."""

    def __init__(self, steps: int, search: _Search) -> None:
        self._steps, self._search = steps, search

    def on_backward(self, run: TrainingRun) -> None:
        """Take the loss and the rate of the step."""
        more = self._search.add(run.optimizer.lr, run.loss)
        if not more or len(self._search.rates) >= self._steps:
            run.stop("the search is over")
