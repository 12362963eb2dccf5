"""When steps on the CPU are recorded, repeated, recorded anew, or left to Python."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from pycnn.backends.recording import computed_here, noting_blocks, trim
from pycnn.layers.module import Module
from pycnn.losses import MSELoss
from pycnn.optim import SGD, Optimizer
from pycnn.training.accumulation import scaled
from pycnn.training.dependence import Dependence, is_watched
from pycnn.training.evaluation import forward, loss_value
from pycnn.training.plan import Passes, Plan
from pycnn.training.repeatable import MOST_RECORDINGS, constants_of, plans_are_wanted, why_not
from pycnn.training.run import TrainingRun
from pycnn.training.static_code import Varying

# Bytes of a plan of `fit`. The arrays of a larger step are written and read for 50 ms and more, to
# which Python adds a fraction of a per cent; but the memory of a plan is not that of other passes.
MOST_PLANNED = 256 << 20


class Planner:
    """Decides for each step whether a plan takes it, and makes the plans.

    The second step in a row with batches of one shape is recorded; later ones with batches of this
    shape are replayed, as long as what the plan depends on stays as it was.

    Parameters
    ----------
    model, loss : Module, OpLoss
        What is trained.
    passes : function of (x, y)
        Forward pass, loss and backward pass, as for `Plan`.
    optimizer : Optimizer
        Its parameters get gradients, too.
    update : bool
        Whether `step` takes the optimizer's step, too; otherwise `take_update` does.
    most_memory : int, optional
        Bytes beyond which a plan is given up: the arrays of a step as large as that take so long
        that its Python does not count.

    Attributes
    ----------
    plan : Plan or None
        The one in use.
    reason : str
        Why the last step was no replay; empty if it was one.
    share : float
        By which passes that belong to several batches of one update scale their gradients.
    """

    def __init__(
        self,
        model: Module,
        loss: Any,
        passes: Passes,
        optimizer: Optimizer,
        *,
        update: bool,
        most_memory: int | None = None,
    ) -> None:
        self.model, self.loss, self.passes, self.optimizer = model, loss, passes, optimizer
        self.update, self.most_memory = update, most_memory
        self.plan: Plan | None = None
        self.reason = "no two batches of one shape have come in a row"
        self.given_up = False  # for good
        self.share = 1.0
        self._kind: Any = None  # of the plan
        self._last: Any = None  # kind of the last batch
        self._log: Any = None  # what its step took, if it was not planned
        self._dependence: Dependence | None = None
        self._random: list[tuple[Module, str]] = []
        self._recordings = 0
        self._lock = threading.Lock()

    def step(self, x: Any, y: Any) -> tuple[float, Any] | None:
        """Take the step if a plan can; return loss and output, or None if Python is to take it."""
        if self.given_up and self.plan is None:
            return None
        if not self._lock.acquire(blocking=False):
            raise RuntimeError("[CapturedStep] another thread is in a step of this model")
        try:
            return self._step(x, y)
        finally:
            self._lock.release()

    @property
    def memory(self) -> int:
        """Bytes of the arrays of the plan, or of the one that the next step may make; else 0."""
        if self.plan is not None:
            return self.plan.memory
        return 0 if self._log is None or self.given_up else memory_of(self._last, self._log)

    def forget(self) -> None:
        """Let go of the plan."""
        self.plan = self._dependence = self._last = self._log = None

    def _step(self, x: Any, y: Any) -> tuple[float, Any] | None:
        kind = kind_of(x, y)
        if kind is None:
            self.reason, self._last = "the batch is not two arrays of NumPy's, C-contiguous", None
            return None
        if self._dependence is not None and not self._dependence.holds():
            self.forget()
            self.reason = "the model, the loss or a setting has changed"
        # The arrays of a plan are still those of the model.
        if self.plan is None and self.model._placed() != "cpu":
            self.reason = "the model is not on the CPU"
            return None
        plan, dependence = self.plan, self._dependence
        if plan is None or dependence is None:
            again, self._last = self._last == kind and self._log is not None, kind
            return self._record(kind, x, y) if again else self._rehearse(x, y)
        if kind != self._kind:
            self.reason = f"the batch has another shape than {self._kind[0]}"
            return None
        if is_watched(dependence.state):
            self.reason = "hooks, watchers or modes of this thread want Python"
            return None
        if plan.is_held:
            self.forget()
            self.reason = "a gradient of the last step is kept by somebody"
            return None
        return self._replay(plan, x, y)

    def _replay(self, plan: Plan, x: Any, y: Any) -> tuple[float, Any] | None:
        drawn = states_of(self._random) if self._random else []
        try:
            loss = plan.replay(x, y)
        except (ValueError, TypeError) as error:
            # Nothing is updated yet. Python says the same in the words of the layer or the loss,
            # and draws the same random numbers.
            for generator, state in drawn:
                generator.bit_generator.state = state
            self.reason = str(error)
            return None
        if self.update:
            plan.take_update(self.optimizer)
        self.reason = ""
        return loss, plan.output

    def _rehearse(self, x: Any, y: Any) -> tuple[float, Any]:
        """Take the step, and note what memory it takes: the next one may be recorded."""
        with noting_blocks() as self._log:
            loss, output = self.passes(x, y)
        if self.update:
            self.take_update()
        return loss, output

    def _record(self, kind: Any, x: Any, y: Any) -> tuple[float, Any] | None:
        """Take the step and record it, if nothing speaks against it."""
        self._recordings += 1
        state = [*self.model.parameters(), *self.model.buffers()]
        reason = why_not(self.model, self.loss) or (
            "hooks, watchers or modes of this thread want Python" if is_watched(state) else ""
        )
        self.given_up = self._recordings >= MOST_RECORDINGS
        if reason:
            self.reason = reason
            return None
        try:
            constants = constants_of(self.model)
        except Varying as why:
            self.reason, self.given_up = str(why), True
            return None
        before = Dependence(self.model, self.loss, constants)
        log, self._log = self._log, None
        size = memory_of(kind, log)
        if self.most_memory is not None and size > self.most_memory:
            self.reason = f"its arrays take {size >> 20} MiB: Python hardly counts"
            self.given_up = True
            return None
        trained = {id(p): p for p in (*self.model.parameters(), *self.optimizer.params)}
        for parameter in trained.values():
            parameter.gradient = None
        trim()  # of earlier steps, with their gradients: the plan has its own memory
        plan = Plan(self.passes, x, y, before.arrays, list(trained.values()), log)
        trim()  # work areas and copies of the trial
        if not plan.refusal and not before.holds():
            plan.refusal = "the step replaces arrays of the model, or sets its attributes"
        self.reason = plan.refusal
        self.given_up = bool(plan.refusal) or self.given_up
        if not plan.refusal:
            self.plan, self._kind = plan, kind
            self._random = random_layers(self.model)
            self._dependence = Dependence(self.model, self.loss, constants)
        if self.update:
            self.take_update()
        return plan.loss, plan.output

    def take_update(self) -> None:
        """Take the optimizer's step after the passes of the plan, or those of Python."""
        if self.plan is None:
            self.optimizer.step()
        else:
            self.plan.take_update(self.optimizer)


def planner_of_fit(
    run: TrainingRun, loss: Any, forget: Callable[[], None], *, scales: bool
) -> Planner | None:
    """Return what plans the passes of `fit`; None if the variable ``PYCNN_PLAN`` is 0.

    Parameters
    ----------
    run, loss : TrainingRun, Loss
        The training.
    forget : function
        Forgets the gradients of the step before.
    scales : bool
        Whether a batch is one of several for an update.

    Raises
    ------
    ValueError
        If the variable is neither 0 nor 1.
    """
    is_wanted = plans_are_wanted("fit")

    def passes(x: Any, y: Any) -> tuple[float, Any]:
        output = forward(run.model, x)
        value = loss_value("fit", loss(output, y))
        forget()
        gradient = loss.backward()
        if scales:  # each repetition by the share of its batch
            gradient = computed_here("scale", lambda one: scaled(one, planner.share), gradient)
        run.model.backward_parameters(gradient)
        return value, output

    planner = Planner(
        run.model, loss, passes, run.optimizer, update=False, most_memory=MOST_PLANNED
    )
    return planner if is_wanted else None


def why_unplanned(model: Module, x: Any) -> str:
    """Return why `fit` would leave the steps of a model to Python; an empty text if it plans them.

    The model is trained on the batch without an update, with a mean square as the loss.
    """
    if kind_of(x, x) is None:
        return "the batch is not one array of NumPy's, C-contiguous"
    parameters = list(model.parameters())
    if not parameters:
        return "there are no parameters"
    output = model.forward(x)
    if type(output) is not np.ndarray:
        return "there are several outputs"
    target = np.zeros_like(output)
    loss = MSELoss()

    def passes(x: Any, y: Any) -> tuple[float, Any]:
        output = model.forward(x)
        value = float(loss(output, y))
        model.zero_grad()
        model.backward_parameters(loss.backward())
        return value, output

    planner = Planner(
        model, loss, passes, SGD(parameters, 0.0), update=False, most_memory=MOST_PLANNED
    )
    for _ in range(3):
        if planner.step(x, target) is None:
            passes(x, target)
    return planner.reason


def random_layers(model: Module) -> list[tuple[Module, str]]:
    """Return the layers that have random numbers, and the names of their generators."""
    return [
        (layer, name)
        for layer in model.modules()
        for name, value in vars(layer).items()
        if isinstance(value, np.random.Generator)
    ]


def states_of(layers: list[tuple[Module, str]]) -> list[tuple[np.random.Generator, Any]]:
    """Return the generators of such layers, each with its state."""
    generators = [vars(layer)[name] for layer, name in layers]
    return [(generator, generator.bit_generator.state) for generator in generators]


def kind_of(x: Any, y: Any) -> Any:
    """Return shapes and dtypes of a batch; None if a plan cannot copy it."""
    for array in (x, y):
        if type(array) is not np.ndarray or not array.flags.c_contiguous or not array.size:
            return None
    return x.shape, x.dtype, y.shape, y.dtype


def memory_of(kind: Any, log: Any) -> int:
    """Return the bytes of a plan for batches of a kind: of two arrays, and of what a step took."""
    x_shape, x_type, y_shape, y_type = kind
    batch = math.prod(x_shape) * x_type.itemsize + math.prod(y_shape) * y_type.itemsize
    total: int = batch + log.memory
    return total
