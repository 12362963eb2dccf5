"""A training step that is captured once and replayed: a plan on the CPU, a CUDA graph on a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from pycnn import backends
from pycnn._arguments import written
from pycnn.autograd.tensor import Tensor
from pycnn.devices import backend, extension, move
from pycnn.layers.module import Module, check_model
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.losses.base import OpLoss
from pycnn.optim import Optimizer
from pycnn.training.evaluation import mean_loss
from pycnn.training.planner import Planner


class CapturedStep:
    """Training steps that are captured once and replayed by one call each.

    The Python of a small network takes long: an eighth of a step of LeNet-5 on the CPU; on a GPU
    it takes longer to launch a kernel than the kernel runs. So the second step in a row with
    batches of one shape is captured: on the CPU as a plan, a list of kernel calls that C++ runs
    without Python's lock, on a GPU as a CUDA graph. Each later step copies its batch to where the
    captured one was and replays the step. Batches of another shape, such as the last one of an
    epoch, are trained on without it. The bits are those of steps that are not captured.
    `pycnn.fit` does this by itself on the CPU.

    Parameters
    ----------
    model : Module
        The model, in training mode.
    loss : OpLoss
        One of `pycnn.losses` with a mean over the batch, such as `pycnn.CrossEntropyLoss`.
    optimizer : Optimizer
        Its optimizer. The learning rate may change from step to step. If another setting of the
        optimizer, the loss or a layer changes, such as ``p`` of a `Dropout`, or an array of the
        model or the optimizer is replaced, the step after the next one is captured anew.

    Attributes
    ----------
    output : array
        Output of the model in the last step, on its device; the next step overwrites it.
    memory : int
        Bytes of a plan's arrays on the CPU: the batch, activations and gradients. Known after the
        first step of a shape, before the plan is made; 0 where no plan is made. Work areas of ops
        are not in it.
    reason : str
        Why the last step on the CPU was no replay; empty if it was one.

    Raises
    ------
    TypeError
        If an argument has a wrong type, or the loss is not one of `pycnn.losses`.
    ValueError
        In a step on a GPU, if the optimizer is Adagrad, NAdam, Lion or Muon.

    Notes
    -----
    The Python code of layers runs when a step is captured, not when it is replayed: what it decides
    or draws is then fixed. A `Dropout` draws anew for each step; a layer of your own has to
    call `pycnn.ops.dropout` within ``pycnn.backends.of(x).on_replay``, or is refused.

    On the CPU a step that cannot be captured is taken without a plan, and `reason` says why. What
    NumPy computes of tensors is called again in each step; the first to object is the op that reads
    what others have computed. A step that was captured is tried at once: it must give the same bits
    again. The steps of all optimizers can be captured; those of Adagrad, NAdam, Lion and Muon, and
    those with gradients of few rows, are taken by Python after the replay. A gradient that somebody
    keeps is not overwritten: the step is captured anew. ``print(step)`` lists the calls of the
    plan, with their times, or say why there is none. The update is part of the step, so there is no
    place between them for limits on gradients: `pycnn.fit` has `max_grad_norm`.

    On a GPU a step that needs the CPU in the middle cannot be captured: the gradient of an
    `Embedding`, whose words the CPU sorts, a `BatchNorm2d` in evaluation mode, whose statistics are
    on the CPU, and layers of your own that read from arrays of the device. Such a call raises
    RuntimeError and names the obstacle. What needs the CPU afterwards waits for the end of the
    step: the loss and the running statistics of `BatchNorm2d`. Labels are checked before the
    update.

    A captured step has its own memory for activations and gradients, besides that of other passes
    of the model, such as those of `pycnn.evaluate`. Two threads cannot be in it at once.

    References
    ----------
    NVIDIA, "CUDA C++ Programming Guide", section "CUDA Graphs".

    Examples
    --------
    >>> train, test = pycnn.datasets.mnist()
    >>> model = pycnn.models.lenet5(rng=0).to("cuda")
    >>> optimizer = pycnn.optim.SGD(model.parameters(), lr=0.1)
    >>> step = pycnn.training.CapturedStep(model, pycnn.CrossEntropyLoss(), optimizer)
    >>> for x, y in pycnn.DataLoader(train, batch_size=32):
    ...     loss = step(x, y)
    """

    def __init__(self, model: Module, loss: OpLoss, optimizer: Optimizer) -> None:
        check_model("CapturedStep", model)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(
                f"[CapturedStep] optimizer must be an Optimizer, got {written(optimizer)}"
            )
        if not isinstance(loss, OpLoss) or type(loss).__call__ is not OpLoss.__call__:
            raise TypeError(
                "[CapturedStep] loss must be one of pycnn.losses, whose value an op computes, "
                f"got {written(loss)}"
            )
        mean_loss(loss)
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.output: Any = None
        self._planner = Planner(model, loss, self._passes, optimizer, update=True)
        self._last: Any = None  # the kind of the last batch, and the settings after its step
        self._captured: _Captured | None = None

    def __call__(self, x: Any, y: Any) -> float:
        """Take a step.

        Parameters
        ----------
        x, y : arrays or tensors
            A batch of samples, for a model of one input, and targets; NumPy's or the device's. Of
            tensors, such as those of `pycnn.utils.data.DataLoader`, the arrays are taken.

        Returns
        -------
        float
            The loss of the batch, before the update.

        Raises
        ------
        ValueError, TypeError
            As from the model and the loss; nothing is updated then.
        RuntimeError
            If the step cannot be captured on a GPU, or another thread is in it.
        """
        if isinstance(x, tuple):
            raise TypeError(f"[CapturedStep] x must be one array, got a tuple of {len(x)} inputs")
        x, y = _array_of("x", x), _array_of("y", y)
        # The model of a plan is on the CPU, unless it has moved since.
        if self._planner.plan is not None or self.model._placed() == "cpu":
            found = self._planner.step(x, y)
            if found is not None:
                loss, self.output = found
                return loss
            if self.model._placed() == "cpu":
                return self._step(x, y)
        if not self.optimizer.capturable:
            name = type(self.optimizer).__name__
            raise ValueError(
                f"[CapturedStep] a step of {name} is several ops, whose numbers a graph keeps: "
                "take another optimizer, such as Adam, or do without the graph"
            )
        kind = tuple((array.shape, array.dtype) for array in (x, y))
        settings = self._settings()
        if self._captured is not None and self._captured.settings != settings:
            self._captured = self.output = None
        if self._captured is None and self._last == (kind, settings):
            self._captured = self._capture(kind, x, y)
        if self._captured is not None and self._captured.kind == kind:
            self.output = self._captured.output
            return self._captured.replay(x, y)
        device = self.model._placed()
        with backend(device).stream_of(self.model):
            loss = self._step(move(x, device), move(y, device))
        self._last = kind, self._settings()
        return loss

    @property
    def memory(self) -> int:
        """Bytes of the arrays of the plan."""
        return self._planner.memory

    @property
    def reason(self) -> str:
        """Why the last step on the CPU was no replay."""
        return self._planner.reason

    def __str__(self) -> str:
        """Return a line for each call of the plan; without one, why there is none."""
        plan = self._planner.plan
        if plan is not None:
            return plan.describe()
        on_cpu = self.model._placed() == "cpu"
        return f"CapturedStep without a plan: {self.reason if on_cpu else 'the model is on a GPU'}"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        """Refuse copies: what was captured belongs to this model and optimizer."""
        raise TypeError(
            "[CapturedStep] is neither copied nor pickled: make one for copies of the model, "
            "the loss and the optimizer"
        )

    def _step(self, x: Any, y: Any) -> float:
        loss, output = self._passes(x, y)
        backends.of(output).on_replay(self.optimizer.step)
        return loss

    def _passes(self, x: Any, y: Any) -> tuple[float, Any]:
        self.output = self.model.forward(x)
        loss = float(self.loss(self.output, y))
        self._forget_gradients()
        self.model.backward_parameters(self.loss.backward())
        return loss, self.output

    def _forget_gradients(self) -> None:
        self.model.zero_grad()
        self.optimizer.zero_grad()

    def _capture(self, kind: Any, x: Any, y: Any) -> _Captured:
        module, device = extension(self.model._placed()), self.model._placed()
        graph, settings = module.StepGraph(), self._settings()
        self._forget_gradients()
        self.output = None
        module.trim_cache()  # of earlier steps without the graph, which has its own memory
        try:
            with graph.stream:
                # Copies, into which later batches are written.
                x, y = (move(array, device).copy() for array in (x, y))
                with graph:
                    self._step(x, y)
        except BaseException:
            # Kernels were only captured: gradients and output hold no results.
            self._forget_gradients()
            self.output = None
            self.model.forget()
            raise
        if settings != self._settings():
            raise RuntimeError("[CapturedStep] the step replaces arrays of the model or optimizer")
        gradients = [(p, p.gradient) for p in self.model.parameters()]
        return _Captured(graph, kind, settings, (x, y), self.output, gradients)

    def _settings(self) -> _Settings:
        state = self.optimizer.state_dict()
        groups = state["param_groups"]
        numbers = [value for group in groups for name, value in group.items() if name != "lr"]
        numbers += [extension(self.model._placed()).tf32_allowed(), *_numbers(vars(self.loss))]
        objects: list[Any] = []
        for entries in state["state"].values():
            objects += [value for value in entries.values() if not isinstance(value, int)]
        for module in self.model.modules():
            attributes = vars(module)
            objects.append(module)
            objects += [v.data for v in attributes.values() if isinstance(v, (Parameter, Buffer))]
            numbers += _numbers(attributes)
        return _Settings(numbers, objects)


class _Settings:
    """What a captured step depends on."""

    def __init__(self, numbers: list[Any], objects: list[Any]) -> None:
        self.numbers, self.objects = numbers, objects

    def __eq__(self, other: object) -> bool:
        """Return whether the numbers are equal and the objects the same."""
        return (
            isinstance(other, _Settings)
            and self.numbers == other.numbers
            and list(map(id, self.objects)) == list(map(id, other.objects))
        )

    __hash__ = None  # type: ignore[assignment]


def _array_of(name: str, batch: Any) -> Any:
    """Return the array of a tensor; anything else as it is."""
    if not isinstance(batch, Tensor):
        return batch
    if batch.requires_grad:
        raise ValueError(
            f"[CapturedStep] {name} must not require gradients, as a step has them for parameters "
            f"alone: give {name}.detach()"
        )
    return batch.array


def _numbers(attributes: Mapping[str, Any]) -> list[Any]:
    """Return the values of public attributes that can become arguments of kernels."""
    return [
        value
        for name, value in attributes.items()
        if isinstance(value, (int, float, str, tuple)) and name[0] != "_"
    ]


class _Captured:
    """A captured step, with the arrays that it reads and writes."""

    def __init__(
        self,
        graph: Any,
        kind: Any,
        settings: _Settings,
        batch: tuple[Any, Any],
        output: Any,
        gradients: list[tuple[Parameter, Any]],
    ) -> None:
        self.graph, self.kind, self.settings = graph, kind, settings
        self.batch, self.output, self.gradients = batch, output, gradients

    def replay(self, x: Any, y: Any) -> float:
        for parameter, gradient in self.gradients:
            parameter.gradient = gradient
        with self.graph.stream:
            for there, array in zip(self.batch, (x, y), strict=True):
                there.write(array)
            return float(self.graph.replay())
