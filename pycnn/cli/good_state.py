"""Save the last finite state of a model in place of one that holds NaN or infinity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycnn.devices import on_cpu
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.layers.state import copied_state
from pycnn.training import Callback, EpochRecord, TrainingRun
from pycnn.training.nonfinite import nonfinite_state


class GoodState(Callback):
    """Keeps the state after the last epoch that left the whole model finite.

    Attributes
    ----------
    broken : bool
        Whether the training left NaN or infinity in the model.
    lost : bool
        Whether there is no earlier state to go back to either.
    unfinished : bool
        Whether the training ended in the middle of an epoch.
    """

    def __init__(self) -> None:
        self.broken = self.lost = False
        self.unfinished = True
        self._epoch = 0
        self._state: dict[str, Array] | None = None
        self._model: Module | None = None

    def on_train_begin(self, run: TrainingRun, validated: bool) -> None:
        """Keep the model, so that a checkpoint need not hold its state twice."""
        self._model = run.model

    def on_epoch_end(self, run: TrainingRun, record: EpochRecord) -> None:
        """Copy the state, unless it is broken."""
        if not nonfinite_state(run.model):
            self._epoch = record.epoch
            self._state = copied_state(run.model)

    def on_train_end(self, run: TrainingRun) -> None:
        """Restore the model's last good state if it holds NaN or infinity, and say so."""
        self.unfinished = run.epoch > len(run.history)
        broken = nonfinite_state(run.model)
        if not broken:
            return
        self.broken = True
        if not len(run.history):  # nothing will be saved
            return
        reason = run.history.stop_reason
        said = (
            f"{reason}; {broken[0]} holds NaN or infinity"
            if reason
            else (f"after epoch {run.epoch} {broken[0]} holds NaN or infinity")
        )
        if self._state is None:
            self.lost = True
            run.history.stop_reason = f"{said}, as after each epoch"
            return
        run.model.load_state_dict(self._state)
        run.history.stop_reason = f"{said}: the model is that of the end of epoch {self._epoch}"

    def state_dict(self) -> dict[str, Any]:
        """Return the last good state, and its epoch."""
        current = self._is_current()
        state = None if current else self._state
        return {"epoch": self._epoch, "state": state, "current": current}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the last good state of an earlier process."""
        self._epoch, self._state = state["epoch"], state["state"]
        if state["current"] and self._model is not None:
            self._state = copied_state(self._model)

    def _is_current(self) -> bool:
        """Return whether the model is still in the last good state, as it is after an epoch."""
        if self._model is None or self._state is None:
            return False
        now = self._model.state_dict()
        return all(on_cpu(now[name]).tobytes() == a.tobytes() for name, a in self._state.items())
