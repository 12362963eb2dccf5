"""A training step on the CPU as a list of kernel calls, repeated by one call without the GIL."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from statistics import median
from sys import getrefcount
from typing import Any

import numpy as np

from pycnn.autograd import Tensor
from pycnn.autograd.tracked import plain
from pycnn.backends.cpu import same_bytes
from pycnn.backends.recording import Recorded, recording
from pycnn.layers.factored_gradient import FactoredGradient, keep_gradient, kept_gradient
from pycnn.layers.parameter import Array
from pycnn.layers.sparse_rows import SparseRows
from pycnn.optim import Optimizer
from pycnn.training.recorded_update import RecordedUpdate, can_be_recorded

# Forward pass, loss and backward pass of a batch: returns the loss and the outputs, and leaves the
# gradients in the parameters.
Passes = Callable[[Any, Any], tuple[float, Any]]

# An update that is recorded so often depends on something that changes all the time.
MOST_UPDATES = 8
SHOWN = 4  # shapes of arrays that an op reads, or writes
TIMED = 9  # repetitions whose median is shown


class Plan:
    """The recorded passes of a batch, and the update after them once it has been taken.

    The batch is trained on while it is recorded. Then the plan is tried: all that it wrote is
    cleared and computed again, and must have the same bits. What is computed in between without the
    back-end is not repeated, so a step that needs it is refused here, or by the op that reads it.

    Parameters
    ----------
    passes : function of (x, y)
        What to record.
    x, y : arrays
        The batch. It is copied to where later batches are.
    arrays : sequence of arrays
        What the ops may use besides: parameters, buffers, constants, the optimizer's state.
    parameters : sequence of Tensor
        Whose gradients the passes compute.
    log : BlockLog, optional
        What an earlier step of this kind took, for better places in memory.

    Attributes
    ----------
    loss, output : float, array
        Those of the last step. The next one overwrites the output.
    update : RecordedUpdate or None
        The step of the optimizer, once it has been recorded.
    refusal : str
        Why the step cannot be repeated; empty if it can.
    """

    def __init__(
        self,
        passes: Passes,
        x: Array,
        y: Array,
        arrays: Sequence[Any],
        parameters: Sequence[Tensor],
        log: Any = None,
    ) -> None:
        self.batch = x.copy(), y.copy()
        self.recorded = Recorded(log)
        ops = self.recorded.ops
        allowed = [plain(array) for array in arrays if isinstance(array, np.ndarray)]
        with recording(self.recorded, [*self.batch, *allowed]):
            self.loss, self.output = passes(*self.batch)
        ops.keep_lanes()
        self._arrays = allowed
        self._passes, self._renewals = len(ops.steps), self.recorded.renewals
        self.update: RecordedUpdate | None = None
        self._updates = 0  # that have been recorded
        kept = [kept_gradient(parameter) for parameter in parameters]
        # Gradients with few rows are made anew after each repetition.
        kept = [None if isinstance(grad, SparseRows) else grad for grad in kept]
        self.gradients = list(zip(parameters, kept, strict=True))
        self._own = [
            array
            for grad in kept
            if grad is not None
            for array in (grad.factors if type(grad) is FactoredGradient else (grad,))
        ]
        self.refusal = ops.refusal or self._strange() or self._differing()

    @property
    def memory(self) -> int:
        """Bytes of the arrays of the plan: activations, gradients and the batch."""
        inputs: int = sum(array.nbytes for array in self.batch)
        return self.recorded.ops.memory + inputs

    def _strange(self) -> str:
        """Return why a repetition would not give all results, or an empty text."""
        ops = self.recorded.ops
        if ops.places != self.recorded.renewed:
            return "an op draws a seed, which a repetition would not renew"
        if ops.losses != 1:
            return f"{ops.losses} losses are computed by ops, not one"
        for name, array in [("output", self.output), *(("gradient", g) for g in self._own)]:
            if type(array) is not np.ndarray or not ops.holds(array):
                return f"the {name}, a {type(array).__name__}, is not the result of a recorded op"
        return ""

    def _differing(self) -> str:
        """Run the plan once on the same batch; return what differs, and leave the first results."""
        results = [self.output, *self._own]
        before = [array.copy() for array in results]
        self.recorded.ops.clear()
        loss = self.recorded.ops.run(0, self._passes)
        same = np.float64(loss).tobytes() == np.float64(self.loss).tobytes()
        if same and all(map(same_bytes, results, before)):
            return ""
        for array, old in zip(results, before, strict=True):
            np.copyto(array, old)
        return "a repetition has other bits: Python changes arrays between the ops"

    def take_update(self, optimizer: Optimizer) -> None:
        """Take the optimizer's step, and repeat it from now on, if it can be repeated."""
        own = all([kept_gradient(parameter) is grad for parameter, grad in self.gradients])
        if own and self.update is not None and self.update.holds():
            self.update.replay()
        elif own and self._updates < MOST_UPDATES and self._can_record(optimizer):
            self._updates += 1
            self.update = RecordedUpdate(self.recorded, optimizer)
        else:
            optimizer.step()

    def _can_record(self, optimizer: Optimizer) -> bool:
        """Whether a step of the optimizer is ops alone, with the gradients as they are kept."""
        put_off = any(type(grad) is FactoredGradient for _, grad in self.gradients)
        return can_be_recorded(optimizer) and (optimizer.takes_factored or not put_off)

    @property
    def is_held(self) -> bool:
        """Whether somebody keeps a gradient of the last step, which a replay would overwrite."""
        # Nobody else gets the factors of one that is put off.
        own = [pair for pair in self.gradients if isinstance(pair[1], np.ndarray)]
        counts = _counts([grad for _, grad in own])
        known = [2 + (kept_gradient(p) is grad) for p, grad in own]
        return any(count > own for count, own in zip(counts, known, strict=True))

    def replay(self, x: Array, y: Array) -> float:
        """Take the passes of another batch, without an update; return its loss."""
        for place, array in zip(self.batch, (x, y), strict=True):
            np.copyto(place, array)
        recorded = self.recorded
        recorded.renew(0, self._renewals)
        self.loss = recorded.ops.run(0, self._passes)
        for parameter, gradient in self.gradients:
            keep_gradient(parameter, gradient)
        for call in recorded.after:
            call()
        return self.loss

    def describe(self) -> str:
        """Return a line for each recorded call: its op, its arrays, the median of its time."""
        ops = self.recorded.ops
        runs = [ops.times(0, self._passes) for _ in range(TIMED)]
        times = [median(column) for column in zip(*runs, strict=True)]
        lines = [f"{'op':<32} {'us':>8}  reads -> writes"]
        steps = ops.steps[: self._passes]
        if self.update is not None:
            steps += ops.steps[self.update.begin : self.update.end]
        for index, (op, *arrays) in enumerate(steps):
            reads, writes = map(_few, arrays)
            time = f"{1e6 * times[index]:8.1f}" if index < self._passes else f"{'-':>8}"
            lines.append(f"{op:<32} {time}  {reads} -> {writes}" if writes else f"{op:<32} {time}")
        lines.append(
            f"{len(steps)} calls, {1e6 * sum(times):.1f} us without the update, "
            f"{self.memory:,} bytes of memory"
        )
        return "\n".join(lines)


def _few(shapes: str) -> str:
    """Shorten a list of shapes, such as those of all parameters."""
    listed = re.findall(r"\(.*?\)(?: in lanes)?", shapes)
    left = len(listed) - SHOWN
    return shapes if left <= 0 else f"{' '.join(listed[:SHOWN])} and {left} more"


def _counts(objects: list[Any]) -> list[int]:
    """Return how many references there are to each object, beyond that of the list."""
    return [getrefcount(one) - _OWN for one in objects]


_OWN = 0
_OWN = _counts([np.empty(0)])[0]
