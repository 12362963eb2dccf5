"""Hooks: functions that see a gradient where it arrives, and may change it."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pycnn._arguments import written
from pycnn.autograd import graph
from pycnn.autograd.graph import add, recording
from pycnn.autograd.tracked import plain
from pycnn.autograd.value import Value, apart_from, new
from pycnn.devices import is_array

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor

Hooks = dict[int, Any]

_numbers = itertools.count()


class Handle:
    """Takes a hook away again: by `remove`, or at the end of a ``with`` block."""

    def __init__(self, hooks: Hooks, hook: Any, last: Callable[[], object] | None = None) -> None:
        self.id = next(_numbers)
        self._hooks, self._last = hooks, last
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        gone = self._hooks.pop(self.id, None)
        if gone is not None and not self._hooks and self._last is not None:
            self._last()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def check_hook(owner: str, hook: Any) -> None:
    """Raise TypeError unless a hook is a function."""
    if not callable(hook):
        raise TypeError(f"[{owner}] hook must be a function, got {written(hook)}")


# The hooks of leaves, by their ids: a leaf without one, which is nearly every one, holds nothing.
HOOKED: dict[int, Hooks] = {}


def register_hook(x: Tensor, hook: Callable[[Tensor], Any]) -> Handle:
    """Call a function with the gradient of this tensor in each backward pass.

    It gets a tensor. One that it returns takes the place of the gradient, of the same shape and
    dtype; of a leaf it gets the whole gradient, once. Copies of the tensor have no hooks.

    Parameters
    ----------
    x : Tensor
        This tensor, which requires gradients.
    hook : callable
        ``hook(grad)`` returns a tensor, an array or None.

    Returns
    -------
    Handle
        ``handle.remove()`` takes the hook away.

    Raises
    ------
    RuntimeError
        If the tensor does not require gradients.
    TypeError
        If `hook` is no function.
    """
    check_hook("register_hook", hook)
    if not x.requires_grad:
        raise RuntimeError("[register_hook] this tensor does not require gradients")
    x.array  # noqa: B018 - computes what was put off, and with it the node
    if x._node is not None:
        hooks: Hooks = {}
        at_node(x._node).hooks.append((x._output, hooks))
        return Handle(hooks, hook)
    number = id(x)
    if (found := HOOKED.get(number)) is None:
        found = HOOKED[number] = {}
        weakref.finalize(x, HOOKED.pop, number, None)

    def last() -> None:
        if HOOKED.get(number) is found:
            del HOOKED[number]

    return Handle(found, hook, last)


class AtNode:
    """What is done with the gradients of a node's outputs: hooks, then `Tensor.retain_grad`."""

    def __init__(self) -> None:
        self.hooks: list[tuple[int, Hooks]] = []
        self.tensors: list[tuple[int, weakref.ref[Tensor]]] = []

    def give(self, grads: list[Any]) -> None:
        """Show each gradient that has arrived, and put what a hook returns in its place."""
        for output, hooks in self.hooks:
            if grads[output] is not None:
                grads[output] = hooked(hooks, grads[output])
        for output, reference in self.tensors:
            tensor = reference()
            if tensor is not None and (grad := grads[output]) is not None:
                mine = tensor.gradient
                tensor.gradient = grad if mine is None else add(mine, grad)


def at_node(node: graph.Node) -> AtNode:
    """Return what is done at a node, to add to it."""
    if node.retained is None:
        node.retained = AtNode()
    found: AtNode = node.retained
    return found


def hooked(hooks: Hooks, grad: Any) -> Any:
    """Return what hooks make of a gradient."""
    if not is_array(grad):  # some rows of it
        grad = grad.to_dense()
    with recording(False):
        for hook in list(hooks.values()):
            x = new(grad)
            found = hook(apart_from(x, x))  # so that a change in place is one of this gradient
            grad = x.array if found is None else checked("register_hook", found, grad)
    return grad


def checked(owner: str, found: Any, grad: Any) -> Any:
    """Return what a hook returned for a gradient as an array; raise unless it can stand for it."""
    array = plain(found.array if isinstance(found, Value) else found)
    if not is_array(array):
        raise TypeError(f"[{owner}] a hook must return a tensor or None, got {written(found)}")
    if array.shape != grad.shape or array.dtype != grad.dtype:
        raise ValueError(
            f"[{owner}] the gradient is {grad.dtype} of shape {tuple(grad.shape)}, the hook "
            f"returned {array.dtype} of shape {tuple(array.shape)}"
        )
    return array


# Gradients of leaves that have hooks, as a walk gathers them: a hook sees their sum.
_gathered: ContextVar[dict[int, tuple[Any, Any]] | None] = ContextVar("gathered", default=None)


def arriving(leaf: Any, grad: Any) -> Any:
    """Return a gradient of a leaf as hooks make it; None while a walk gathers it.

    Called if there are `HOOKED` leaves at all.
    """
    if (hooks := HOOKED.get(id(leaf))) is None:
        return grad
    gathered = _gathered.get()
    if gathered is None:
        return hooked(hooks, grad)
    if not is_array(grad):
        grad = grad.to_dense()
    before = gathered.get(id(leaf))
    gathered[id(leaf)] = leaf, grad if before is None else add(before[1], grad)
    return None


def walk(roots: Sequence[tuple[Any, Any]], **options: Any) -> list[Any]:
    """Do `pycnn.autograd.graph.walk`; hooks of leaves see the whole gradient, once."""
    if not HOOKED:
        return graph.walk(roots, **options)
    gathered: dict[int, tuple[Any, Any]] = {}
    token = _gathered.set(gathered)
    try:
        found = graph.walk(roots, **options)
    finally:
        _gathered.reset(token)
    for leaf, grad in gathered.values():
        leaf.accumulate(grad)
    return found
