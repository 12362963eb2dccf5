"""The step of an optimizer after recorded passes, repeated by one call without its Python."""

from __future__ import annotations

from operator import is_
from typing import Any

import numpy as np

from pycnn.autograd.tracked import plain
from pycnn.backends.recording import Recorded, recording
from pycnn.optim import Optimizer

# Settings by which a step uses more arrays of the state, if they are not 0.
_USING_ARRAYS = ("momentum", "centered")


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
        before = [plain(one) for one in self._used() if isinstance(one, np.ndarray)]
        with recording(recorded, before):
            recorded.renewed_by_result(optimizer.step_to_repeat)
        self.end, self._last = len(ops.steps), recorded.renewals
        self.is_refused = bool(ops.refusal)
        self._step = type(optimizer).step
        self._depends, self._arrays = self._settings(), self._used()

    def _settings(self) -> list[Any]:
        """Return what decides which arrays are updated, besides the gradients there are."""
        optimizer = self._optimizer
        groups, arrays = optimizer.param_groups, [one.array for one in optimizer.params]
        return [
            [parameter.requires_grad for parameter in optimizer.params],
            [array.flags.writeable for array in arrays if isinstance(array, np.ndarray)],
            [[not group.get(name) for name in _USING_ARRAYS] for group in groups],
            optimizer.lags(),  # what is equally far is updated by one call
        ]

    def _used(self) -> list[Any]:
        """Return the arrays that a step updates, which a repetition knows by their addresses."""
        optimizer = self._optimizer
        return [parameter.array for parameter in optimizer.params] + optimizer.state_arrays()

    def holds(self) -> bool:
        """Whether a repetition is what the optimizer's step would be, with the same gradients."""
        optimizer = self._optimizer
        arrays = self._used()
        return (
            not self.is_refused
            and type(optimizer).step is self._step
            and "step" not in vars(optimizer)
            and len(arrays) == len(self._arrays)
            and all(map(is_, arrays, self._arrays))
            and self._settings() == self._depends
        )

    def replay(self) -> None:
        """Take the step again, with the numbers of now."""
        self._recorded.renew(self._first, self._last)
        self._recorded.ops.run(self.begin, self.end)
