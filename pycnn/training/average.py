"""An average of the weights over the steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pycnn import backends
from pycnn._arguments import flag, real
from pycnn.devices import device_of, move, on_cpu
from pycnn.layers.parameter import Array, Parameter
from pycnn.optim.running_mean import update_mean
from pycnn.training.callbacks import Callback
from pycnn.training.history import EpochRecord
from pycnn.training.run import TrainingRun


class EMA(Callback):
    """Average the weights over the steps; validate, save and end with the average.

    After each update the mean of every parameter of the optimizer becomes
    ``d mean + (1 - d) parameter``. The means are put in the place of the parameters while the model
    is measured after an epoch and other callbacks run at its end, so that `BestCheckpoint` saves
    what was measured; and at the end of the training, for good. Steps go on from the parameters.
    Buffers, such as the running statistics of `BatchNorm2d`, are not averaged.

    Parameters
    ----------
    decay : float in (0, 1)
        Share d of the old mean that is kept.
    warmup : bool
        Whether d is at most ``(1 + n) / (10 + n)`` in step n, so that the mean forgets the first
        weights, which are random, soon.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of range.

    References
    ----------
    Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992; with exponential
    weights and this warm-up: Abadi et al.: TensorFlow, 2016, ``ExponentialMovingAverage``.
    """

    ends_first = True  # or it would overwrite what EarlyStopping restores

    def __init__(self, decay: float = 0.999, warmup: bool = True) -> None:
        self.decay = real("EMA", "decay", decay)
        if not 0 < self.decay < 1:
            raise ValueError(f"[EMA] decay must be in (0, 1), got {decay}")
        self.warmup = flag("EMA", "warmup", warmup)
        self._parameters: list[Parameter] = []
        self._means: list[Any] = []
        self._steps = 0
        self._own: list[Array] = []  # the parameters, while the means are in their place

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Begin with the weights as they are."""
        self._parameters = list(run.optimizer.params)
        self._means = [
            move(np.array(on_cpu(parameter.data)), device_of(parameter.data))
            for parameter in self._parameters
        ]
        self._steps, self._own = 0, []

    def on_step(self, run: TrainingRun) -> None:
        """Add the weights after a step to the mean."""
        self._steps += 1
        kept = self.decay
        if self.warmup:
            kept = min(kept, (1 + self._steps) / (10 + self._steps))
        for mean, parameter in zip(self._means, self._parameters, strict=True):
            update_mean(mean, parameter.data, kept)

    def on_measure(self, run: TrainingRun) -> None:
        """Put the means in the place of the parameters."""
        self._own = [np.array(on_cpu(parameter.data)) for parameter in self._parameters]
        self._place(self._means)

    def on_measured(self, run: TrainingRun, record: EpochRecord | None) -> None:
        """Put the parameters back."""
        self._place(self._own)
        self._own = []

    def on_train_end(self, run: TrainingRun) -> None:
        """Leave the means in the model."""
        self._place(self._means)

    def _place(self, arrays: list[Any]) -> None:
        for parameter, array in zip(self._parameters, arrays, strict=True):
            backends.of(parameter.data).write(parameter.data, on_cpu(array))
            parameter.changed()

    def state_dict(self) -> dict[str, Any]:
        """Return the means, and the number of steps in them."""
        return {"means": self._means, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the means of an earlier process."""
        self._steps = state["steps"]
        self._means = [
            move(np.array(on_cpu(mean)), device_of(parameter.data))
            for mean, parameter in zip(state["means"], self._parameters, strict=True)
        ]
