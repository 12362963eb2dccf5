"""The tape: what made each tensor, and the walk back along it.

A tape is as fine as layers and ops are, not as numbers: each `Node` stands for one call of an op or
of a layer with a backward pass of its own. The nodes of a forward pass hold each other by their
inputs; numbers in the order in which they were made tell the walk who comes first.
"""

from __future__ import annotations

import heapq
import itertools
import os
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeAlias

from pycnn import backends

if TYPE_CHECKING:
    from pycnn.autograd.value import Value

# Turns the gradients of a node's outputs into those of its inputs. `needs` says for each input
# whether its gradient is wanted; where it is not, None does.
Pull: TypeAlias = Callable[..., Sequence[Any]]
Needs: TypeAlias = Sequence[bool]

_numbers = itertools.count()
_recording: ContextVar[bool] = ContextVar("recording", default=True)
# The blocks of `recording` that have begun, each with whether ops were recorded before it.
_blocks: ContextVar[tuple[tuple[object, bool], ...]] = ContextVar("blocks", default=())


class _Process:
    """Stands for this process: a forked child gets another one."""


_process = _Process()


def _renew() -> None:
    global _process
    _process = _Process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def is_recording() -> bool:
    """Return whether ops on tensors that require gradients are recorded, in this thread."""
    return _recording.get()


class recording(ContextDecorator):
    """Record, or do not record, what is done to tensors in this thread until the block ends.

    One object may be entered again within its own block, and by several threads at once: what was
    before is kept by the thread (or task) that entered.

    Parameters
    ----------
    enabled : bool or None
        Whether to record; None leaves it as it is.
    """

    __slots__ = ("_enabled",)

    def __init__(self, enabled: bool | None) -> None:
        self._enabled = enabled

    def _recreate_cm(self) -> recording:
        """Return what a decorated function enters: one for each call."""
        return recording(self._enabled)

    def __enter__(self) -> None:
        enter(self, self._enabled, _recording.get())

    def __exit__(self, *error: object) -> None:
        leave(self)


def enter(block: object, enabled: bool | None, before: bool) -> None:
    """Begin a block of this thread, at whose end it records or not as `before`."""
    _blocks.set((*_blocks.get(), (block, before)))
    if enabled is not None:
        _recording.set(enabled)


def leave(block: object) -> None:
    """End the last block of this thread that the object has begun.

    Raises
    ------
    RuntimeError
        If it has begun none.
    """
    blocks = _blocks.get()
    for i in reversed(range(len(blocks))):
        if blocks[i][0] is block:
            _blocks.set((*blocks[:i], *blocks[i + 1 :]))
            _recording.set(blocks[i][1])
            return
    raise RuntimeError("[no_grad] a block must end in the thread or the task that has begun it")


class Node:
    """One call on the tape: where its inputs came from, and how gradients go back through it.

    Parameters
    ----------
    name : str
        Name of the op or layer, for errors.
    inputs : sequence of Value
        What it was computed from.
    pull : callable
        ``pull(needs, *dy)`` returns the gradients of the inputs, one for each.
    outputs : sequence of array
        What it made: their shapes are kept.
    trains : bool
        Whether the call accumulates gradients of parameters by itself, as a layer does.
    guards : bool
        Whether gradients depend on the values of the inputs, which must then stay as they are.

    Attributes
    ----------
    trained : bool
        Whether something that is trained lies below, so that a backward pass for parameters has to
        come here.
    guarded : list of (Value, array, int)
        Inputs that may be written in place, with their arrays and how often these had been changed.
    """

    __slots__ = (
        "_process",
        "_pull",
        "guarded",
        "name",
        "number",
        "outputs",
        "retained",
        "sources",
        "trained",
    )

    def __init__(
        self,
        name: str,
        inputs: Sequence[Value],
        pull: Pull,
        outputs: Sequence[Any],
        trains: bool = False,
        guards: bool = True,
    ) -> None:
        self.name = name
        self.number = next(_numbers)
        self.outputs = outputs if len(outputs) == 1 else [_kind(y) for y in outputs]
        self._pull: Pull | None = pull
        self._process = _process
        self.retained: Any = None
        guarded: list[tuple[Value, Any, int]] = []
        sources: list[Any] = []
        for x in inputs:
            if (node := x._node) is not None:
                sources.append((node, x._output))
                trains = trains or node.trained
                continue
            if x.requires_grad:
                sources.append(x)
                trains = True
            else:
                sources.append(None)
            if guards:
                guarded.append((x, x.array, x.changes()))
        self.sources = sources
        self.trained: bool = trains
        self.guarded = guarded

    def __repr__(self) -> str:
        return f"<{self.name} on the tape>"

    def guard(self, x: Value) -> None:
        """Notice in the backward pass if the values of a tensor have changed since."""
        self.guarded.append((x, x.array, x.changes()))

    def completed(self, name: str, pull: Pull) -> Node:
        """Return this node, made when a computation was put off, with what is known now.

        It is another node with the same inputs if this one has been completed already.
        """
        node = self
        if self._pull is not _nothing:
            node = Node(name, (), pull, self.outputs)
            node.sources, node.trained, node.guarded = self.sources, self.trained, self.guarded
        node.name, node._pull = name, pull
        return node

    def check(self) -> None:
        """Raise unless gradients can go back through this node, here and now."""
        if self._process is not _process:
            raise RuntimeError(
                f"[backward] {self.name} was recorded in another process: run the forward pass in "
                "the process that runs backward (a forked child cannot use its parent's tape)"
            )
        if self._pull is None:
            raise RuntimeError(
                f"[backward] {self.name} has been run backward already, and what it had saved is "
                "freed: run the forward pass again, or pass retain_graph=True the first time"
            )
        for x, data, changes in self.guarded:
            if x.array is not data and x._node is not None:
                continue  # it became a result, in other memory
            if x.array is not data or x.changes() != changes:
                raise RuntimeError(
                    f"[backward] a tensor of shape {tuple(data.shape)} that {self.name} was "
                    "computed from has been changed in place since: its gradient would be wrong. "
                    "Change it after backward, or give the op a clone of it"
                )

    def pull(self, want_inputs: bool, grads: list[Any], retain: bool) -> tuple[list[Any], Any]:
        """Return the sources and their gradients; free what was saved unless it is retained."""
        self.check()
        pull, sources = self._pull, self.sources
        assert pull is not None
        if not retain:
            self._pull, self.guarded, self.sources = None, [], []
        if len(grads) > 1:
            for i, grad in enumerate(grads):
                if grad is None:
                    backend, shape, dtype = self.outputs[i]
                    grads[i] = backend.zeros(shape, dtype)
        needs = [
            source is not None and (type(source) is not tuple or want_inputs or source[0].trained)
            for source in sources
        ]
        return sources, pull(needs, *grads)


def _kind(y: Any) -> tuple[backends.Backend, tuple[int, ...], Any]:
    """Return what zeros like an output are made from."""
    return backends.of(y), y.shape, y.dtype


class Source(Node):
    """Where the inputs of a model come in: their gradients are kept, if anybody wants them."""

    __slots__ = ()

    def __init__(self) -> None:
        self.name, self.number, self.outputs = "input", next(_numbers), (None,)
        self._pull, self._process, self.retained = _nothing, _process, None
        self.sources, self.trained, self.guarded = [], False, []


def _nothing(needs: Needs, *dy: Any) -> Sequence[Any]:
    return ()


def walk(
    roots: Sequence[tuple[Any, Any]],
    *,
    want: Sequence[Source] = (),
    retain: bool = False,
) -> list[Any]:
    """Run backward from some outputs.

    Gradients that meet are added in the order in which their calls were made, last first, so the
    sum has the same bits each time.

    Parameters
    ----------
    roots : sequence of (source, gradient)
        Where to begin: a leaf, or a node with the number of its output.
    want : sequence of Source
        Inputs whose gradients are returned. Without them, nothing is computed for inputs alone.
    retain : bool
        Whether to keep what the nodes have saved.

    Returns
    -------
    list of array or None
        Gradients of `want`.
    """
    pending: dict[Node, list[Any]] = {}
    order: list[tuple[int, Node]] = []
    found: dict[Node, Any] = {}
    wanted = bool(want)
    sources, gradients = map(list, zip(*roots, strict=True)) if roots else ([], [])
    given = set(map(_owner, gradients))  # what the caller or a leaf holds: no other leaf may
    while True:
        for source, grad in zip(sources, gradients, strict=False):
            if source is None or grad is None:
                continue
            if type(source) is not tuple:
                owner = _owner(grad)
                if owner in given and grad is not source.place:
                    grad = _copied(grad)
                given.add(owner)
                source.accumulate(grad)
                continue
            node, output = source
            if (grads := pending.get(node)) is None:
                pending[node] = grads = [None] * len(node.outputs)
                heapq.heappush(order, (-node.number, node))
            mine = grads[output]
            grads[output] = grad if mine is None else add(mine, grad)
        if not order:
            break
        node = heapq.heappop(order)[1]
        grads = pending.pop(node)
        if node.retained is not None:
            node.retained.give(grads)
        if type(node) is Source:
            found[node] = grads[0]
            sources = gradients = []
        else:
            sources, gradients = node.pull(wanted, grads, retain)
    return [found.get(source) for source in want]


def _owner(grad: Any) -> int:
    """Return which object owns the memory of a gradient."""
    base = getattr(grad, "base", None)
    return id(grad if base is None else base)


def _copied(grad: Any) -> Any:
    """Return a gradient in memory of its own."""
    return grad.copy() if hasattr(grad, "copy") else grad


def add(a: Any, b: Any) -> Any:
    """Add two gradients of one shape into a new array."""
    return backends.of(a).binary("add", a, b)
