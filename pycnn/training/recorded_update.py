"""The step of an optimizer after recorded passes, repeated by one call without its Python."""

from __future__ import annotations

from operator import is_
from typing import Any

import numpy as np

from pycnn.autograd.tracked import plain
from pycnn.backends.recording import Recorded, recording
from pycnn.optim import Optimizer


def can_be_recorded(optimizer: Optimizer) -> bool:
    """Whether a step of an optimizer is ops alone, and nothing of somebody's own."""
    kind = type(optimizer)
    ours = all(
        _package(one) == "pycnn" for one in (kind, kind.step)
    )  # a program may replace `step`
    return ours and optimizer.capturable and "step" not in vars(optimizer)


def _package(one: Any) -> str:
    """Return the name of the package that defines a class or a function."""
    return str(getattr(one, "__module__", "")).partition(".")[0]


class RecordedUpdate:
    """A step of an optimizer, which is taken while it is recorded.

    Numbers, such as the learning rate and the count of Adam's steps, are renewed each time.

    Parameters
    ----------
    recorded : Recorded
        What has computed the gradients; the ops of the step are added to it.
    optimizer : Optimizer
        One that `can_be_recorded`.

    Attributes
    ----------
    begin, end : int
        The ops of the step, among those recorded.
    """

    def __init__(self, recorded: Recorded, optimizer: Optimizer) -> None:
        ops = recorded.ops
        self._recorded, self._optimizer = recorded, optimizer
        self.begin, self._first = len(ops.steps), recorded.renewals
        before = [parameter.array for parameter in optimizer.params] + optimizer.state_arrays()
        with recording(recorded, [plain(one) for one in before if isinstance(one, np.ndarray)]):
            recorded.renewed_by_result(optimizer.step_to_repeat)
        self.end, self._last = len(ops.steps), recorded.renewals
        self.is_refused = bool(ops.refusal)
        self._step = type(optimizer).step
        self._depends, self._state = self._settings(), optimizer.state_arrays()

    def _settings(self) -> list[Any]:
        """Return what decides which arrays are updated, besides the gradients there are."""
        optimizer = self._optimizer
        return [
            [parameter.requires_grad for parameter in optimizer.params],
            [not group.get("momentum") for group in optimizer.param_groups],
        ]

    def holds(self) -> bool:
        """Whether a repetition is what the optimizer's step would be, with the same gradients."""
        optimizer = self._optimizer
        state = optimizer.state_arrays()
        return (
            not self.is_refused
            and type(optimizer).step is self._step
            and "step" not in vars(optimizer)
            and len(state) == len(self._state)
            and all(map(is_, state, self._state))
            and self._settings() == self._depends
        )

    def replay(self) -> None:
        """Take the step again, with the numbers of now."""
        self._recorded.renew(self._first, self._last)
        self._recorded.ops.run(self.begin, self.end)
