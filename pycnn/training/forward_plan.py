"""Forward passes of `predict` and `evaluate`, recorded once in a call and repeated by one call."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Any

import numpy as np

from pycnn.autograd.tracked import plain
from pycnn.backends.recording import Recorded, recording
from pycnn.layers.module import Module
from pycnn.layers.passes import is_ours
from pycnn.layers.turns import Turn
from pycnn.training.dependence import Dependence, is_looked_at
from pycnn.training.repeatable import (
    MOST_RECORDINGS,
    constants_of,
    own_passes,
    plans_are_wanted,
)
from pycnn.training.static_code import Varying

# A plan saves the Python of the ops: of LeNet-5's 90 us for an image 50, of MobileNetV2's 8 ms more
# than 3. Where a batch takes longer than this, that is some per cent at most, and the memory of a
# plan, which is not that of other passes, costs as much.
MOST_SECONDS = 0.04
MOST_BYTES = 64 << 20
MOST_TIMED = 4  # batches, of which the fastest counts: the first of a process takes longer
# Recording takes as long as the Python of 5 batches in `predict` and 8 in `evaluate` (LeNet-5: 250
# us), so there have to be more to come. A model with classes of one's own is also tried, which is
# another pass. Where nobody says how many batches there are, four times as many must have come.
BATCHES_TO_COME = 16
BATCHES_TO_COME_IF_TRIED = 32
SEEN_FOR_ONE_TO_COME = 4

_LOOKED_AT = "watchers of this thread want Python"


class ForwardPlan:
    """The recorded forward pass of a batch.

    Parameters
    ----------
    model : Module
        The model; this thread evaluates it.
    x : array
        The batch, which is copied to where later batches are.
    arrays : list of arrays
        What the ops may read besides: parameters, buffers, constants.
    tried : bool
        Whether to run it once more, and compare: NumPy may have changed arrays in between.

    Attributes
    ----------
    output : array
        What the pass returned. The next one overwrites it.
    refusal : str
        Why it cannot be repeated; empty if it can.
    """

    def __init__(self, model: Module, x: Any, arrays: list[Any], *, tried: bool) -> None:
        self._x = x.copy()
        self._recorded = Recorded()
        self._arrays = [plain(array) for array in arrays if isinstance(array, np.ndarray)]
        with recording(self._recorded, [self._x, *self._arrays]):
            self.output = model.forward(self._x)
        self._ops = self._recorded.ops
        self._count = len(self._ops.steps)
        self.refusal = self._ops.refusal or self._strange() or (self._differing() if tried else "")

    @property
    def memory(self) -> int:
        """Bytes of the arrays of the plan."""
        own: int = self._x.nbytes
        return self._ops.memory + own

    def _strange(self) -> str:
        if self._ops.places or self._ops.losses or self._recorded.after:
            return "an op draws a seed, computes a loss or changes statistics"
        if type(self.output) is not np.ndarray or not self._ops.holds(self.output):
            return f"the output, a {type(self.output).__name__}, is no result of a recorded op"
        return ""

    def _differing(self) -> str:
        expected = self.output.tobytes()
        self._ops.clear()
        self._ops.run(0, self._count)
        if self.output.tobytes() == expected:
            return ""
        first = np.frombuffer(expected, self.output.dtype)
        np.copyto(self.output, first.reshape(self.output.shape))
        return "a repetition has other bits: Python changes arrays between the ops"

    def replay(self, x: Any) -> Any:
        """Return the output for another batch, an array of its own."""
        np.copyto(self._x, x)
        self._ops.run(0, self._count)
        return self.output.copy()


class ForwardPasses:
    """The forward passes of one call, which decide by themselves when a plan takes them.

    A plan lives no longer than the call, so it is nobody's but this thread's.

    Parameters
    ----------
    owner : str
        The function that is called, for errors.
    model : Module
    eager : function of (model, x)
        Computes the outputs without a plan.
    may_plan : bool
        Whether a plan may compute them.

    Attributes
    ----------
    to_come : int or None
        How many batches there will be; None if nobody knows.
    reason : str
        Why the last pass was no replay; empty if it was one.
    """

    def __init__(
        self,
        owner: str,
        model: Module,
        eager: Callable[[Module, Any], Any],
        *,
        may_plan: bool = True,
    ) -> None:
        self.model, self.eager = model, eager
        self.to_come: int | None = None
        self.reason = "no batches of one shape have come in a row"
        self._is_given_up = not (plans_are_wanted(owner) and may_plan)
        if self._is_given_up:
            self.reason = "PYCNN_PLAN is 0" if may_plan else "a session runs them"
        self._turn = Turn(model)
        self._last: Any = None  # kind of the last batch
        self._in_row, self._seconds = 0, inf  # batches of that kind, and the time of the fastest
        self._plan: ForwardPlan | None = None
        self._dependence: Dependence | None = None
        self._recordings = 0
        self._is_tried = False

    def replayed(self, x: Any) -> Any:
        """Return the outputs of a batch if a plan gives them; None otherwise."""
        if self._plan is None:
            return None
        with self._turn.taken():
            return self._replayed(x)

    def run(self, x: Any) -> Any:
        """Return the outputs of a batch; the caller has a turn, and evaluates the model."""
        output = self._replayed(x)
        if output is not None:
            return output
        kind = None if self._is_given_up else self._kind(x)
        if kind is None or self._plan is not None:
            return self.eager(self.model, x)
        if kind != self._last:
            self._last, self._in_row, self._seconds = kind, 0, inf
        if self._in_row and self._may_record():
            return self._record(x)
        start = perf_counter()
        output = self.eager(self.model, x)
        self._seconds = min(self._seconds, perf_counter() - start)
        self._in_row += 1
        if self.to_come is not None:
            self.to_come -= 1
        return output

    def _kind(self, x: Any) -> Any:
        """Return shape and dtype of a batch that a plan can copy."""
        if type(x) is not np.ndarray or not x.size or not x.flags.c_contiguous:
            self.reason = "the batch is not one array of NumPy's, C-contiguous"
        elif self.model._placed() != "cpu":
            self.reason = "the model is not on the CPU"
        else:
            return x.shape, x.dtype
        return None

    def _replayed(self, x: Any) -> Any:
        plan, dependence = self._plan, self._dependence
        if plan is None or dependence is None:
            return None
        if type(x) is not np.ndarray or (x.shape, x.dtype) != self._last:
            self.reason = f"the batch has another shape than {self._last[0]}"
            return None
        if is_looked_at():
            self.reason = _LOOKED_AT
            return None
        if not dependence.holds():
            self.reason = "the model or a setting has changed"
            self._forget()
            return None
        try:
            output = plan.replay(x)
        except (ValueError, TypeError) as error:  # Python says so in the words of the layer
            self.reason = str(error)
            return None
        self.reason = ""
        return output

    def _forget(self) -> None:
        self._plan = self._dependence = self._last = None

    def _may_record(self) -> bool:
        """Whether the next pass is worth a plan, as far as that is known before it."""
        self._is_tried = not all(is_ours(type(module)) for module in self.model.modules())
        least = BATCHES_TO_COME_IF_TRIED if self._is_tried else BATCHES_TO_COME
        if self.to_come is None:
            enough = self._in_row >= SEEN_FOR_ONE_TO_COME * least
        else:
            enough = self.to_come >= least
        if not enough:
            self.reason, is_last = "there are too few batches", self.to_come is not None
        elif is_looked_at():
            self.reason, is_last = _LOOKED_AT, True
        elif self._seconds > MOST_SECONDS:
            self.reason = f"a batch takes {1e3 * self._seconds:.0f} ms: Python hardly counts"
            is_last = self._in_row >= MOST_TIMED
        else:
            return True
        self._is_given_up = is_last
        return False

    def _record(self, x: Any) -> Any:
        """Compute the outputs, and record how, if nothing speaks against it."""
        self._recordings += 1
        self._is_given_up = self._recordings >= MOST_RECORDINGS
        self.reason = own_passes(self.model)
        try:
            constants = constants_of(self.model)
        except Varying as why:
            constants, self.reason = [], str(why)
        if self.reason:
            self._is_given_up = True
            return self.eager(self.model, x)
        before = Dependence(self.model, None, constants, modes=False)
        plan = ForwardPlan(self.model, x, before.arrays, tried=self._is_tried)
        if not plan.refusal and not before.holds():
            plan.refusal = "the forward pass replaces arrays of the model, or sets its attributes"
        if plan.memory > MOST_BYTES:
            plan.refusal = f"its arrays take {plan.memory >> 20} MiB: Python hardly counts"
        self.reason = plan.refusal
        if plan.refusal:
            self._is_given_up = True
            return plan.output
        self._plan, self._dependence = plan, before
        return plan.output.copy()
