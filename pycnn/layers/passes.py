"""Forward passes on arrays and on tensors, by whichever of the two a module has been given.

A module comes in two kinds. One with a ``forward`` and a ``backward`` of its own computes on
arrays; given tensors, it is one entry of the tape. One with a ``forward`` alone computes on
tensors; given arrays, it records a tape for its ``backward``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pycnn._memory import remember
from pycnn.autograd import Node, Tensor, is_recording, recording
from pycnn.autograd.graph import Needs, Source
from pycnn.autograd.hooks import walk
from pycnn.autograd.structure import holds, leaves, mapped
from pycnn.autograd.value import Value, apart_from, new
from pycnn.devices import is_array
from pycnn.layers.hooks import hooked_of

if TYPE_CHECKING:
    from pycnn.layers.module import Module

Forward = Callable[..., Any]


def on_either(forward: Forward, owner: type[Module]) -> Forward:
    """Let the forward pass that a class defines take arrays as well as tensors."""

    @wraps(forward)
    def pass_of(self: Any, *inputs: Any, **options: Any) -> Any:
        backward, on_tensors = ways_of(type(self), owner)  # type: ignore[arg-type]
        # One array of NumPy's is what most calls are given.
        is_plain = len(inputs) == 1 and type(inputs[0]) is np.ndarray and not options
        if not is_plain and (
            (inputs and isinstance(inputs[0], Value)) or holds(Value, inputs, options)
        ):
            if backward is None:
                y = forward(self, *inputs, **options)
            else:
                y = NotImplemented if on_tensors is None else on_tensors(self, *inputs, **options)
                if y is NotImplemented:
                    y = entry(self, forward, backward, inputs, options)
                    if getattr(self, "inplace", False) is True and isinstance(inputs[0], Tensor):
                        y = inputs[0]._become(cast("Tensor", y))
        elif backward is not None or not (is_plain or holds(None, inputs, options)):
            y = forward(self, *inputs, **options)
        else:
            y = recorded(self, forward, inputs, options)
        if (watch := _watching.get()) is not None:
            watch(self, inputs, y)
        return y

    return pass_of


def saves(forward: Forward) -> bool:
    """Whether a forward pass saves for a backward pass: then it computes on arrays for that one."""
    code = getattr(forward, "__code__", None)
    return code is not None and not _SAVING.isdisjoint(code.co_names)


_SAVING = frozenset(["save_for_backward", "_save"])


@lru_cache(maxsize=4096)
def ways_of(kind: type[Module], owner: type[Module]) -> tuple[Any, Any]:
    """Return what `backward_of` does, and the forward pass that a layer has for tensors, or None.

    The latter counts if it is defined for the same forward pass: by its class, or below it.
    """
    for place in kind.__mro__:
        if "on_tensors" in vars(place):
            own = vars(place)["on_tensors"] if issubclass(place, owner) else None
            return backward_of(kind, owner), own
    return backward_of(kind, owner), None


@lru_cache(maxsize=4096)
def direct_of(kind: type[Module]) -> Any:
    """Return the forward pass on tensors of a class, if that is what its `forward` comes to."""
    owner = next(cls for cls in kind.__mro__ if "forward" in vars(cls))
    return ways_of(kind, owner)[1]  # type: ignore[arg-type]


_PASSES = frozenset(["backward", "backward_parameters"])


def backward_of(kind: type[Module], owner: type[Module]) -> Callable[..., Any] | None:
    """Return the backward pass that belongs to the forward pass of a class, or None.

    Parameters
    ----------
    kind : type
        Class of the module.
    owner : type
        The class, `kind` or a base class, that defines the forward pass.
    """
    for cls in (kind, owner):
        place = next(base for base in cls.__mro__ if not _PASSES.isdisjoint(vars(base)))
        found: Callable[..., Any] = cls.backward
        if getattr(found, "walks_the_tape", False):
            continue
        # The library's own base classes define it for the forward passes of their sub-classes.
        if issubclass(place, owner) or is_ours(owner):
            return found
    return None


def is_ours(kind: type) -> bool:
    """Whether a class is one of the library's."""
    return kind.__module__.partition(".")[0] == "pycnn"


# A module with passes of its own, as one entry of the tape --------------------------------------


def entry(
    module: Module, forward: Forward, backward: Any, inputs: Any, options: Any
) -> Tensor | tuple[Tensor, ...]:
    """Run a forward pass on the arrays of tensors, and record it as one entry of the tape.

    Parameters
    ----------
    module : Module
        The module.
    forward, backward : callable
        Its passes on arrays, as functions of the module.
    inputs, options : tuple and dict
        What the forward pass is given.
    """
    values = [x for x in leaves((inputs, options)) if isinstance(x, Value)]
    arrays, named = mapped(_array, (inputs, options))
    y = forward(module, *arrays, **named)
    saved = _take(module)
    several = isinstance(y, tuple)
    results = tuple(map(new, y)) if several else (new(y),)
    for result in results:  # of Flatten, for one: a change of it must not change the input
        for x in values:
            if result.array is x.array or getattr(result.array, "base", None) is x.array:
                apart_from(x, result)
    owned = [p for p in module.parameters() if p.requires_grad] if _has_state(module) else []
    if is_recording() and (owned or any([x.requires_grad for x in values])):
        pull = _pull(module, backward, saved, len(values))
        node = Node(type(module).__name__, values, pull, [r.array for r in results], bool(owned))
        for parameter in owned:
            node.guard(parameter)
        for i, result in enumerate(results):
            if result.array.dtype.kind == "f":
                result._node, result._output, result.requires_grad = node, i, True
    return results if several else results[0]


def _pull(module: Module, backward: Any, saved: Any, count: int) -> Any:
    own = backward is type(module).backward

    def pull(needs: Needs, *dy: Any) -> Sequence[Any]:
        for part, memory in saved:
            part._memory = memory
        gradient = dy[0] if len(dy) == 1 else dy
        hooked = hooked_of(module) if own else None
        if hooked is not None:  # on a tape, hooks have nodes of their own
            dx = hooked.under("backward")(gradient)
        elif own and not any(needs):
            module.backward_parameters(gradient)
            return (None,) * count
        else:
            dx = module.backward(gradient) if own else backward(module, gradient)
        return dx if isinstance(dx, tuple) else (dx,) * count if count == 1 else (dx,)

    return pull


def _array(value: Any) -> Any:
    return value.array if isinstance(value, Value) else value


def _has_state(module: Module) -> bool:
    """Whether there are parameters or modules among the attributes, seen quickly."""
    return any([not isinstance(v, _PLAIN) for v in vars(module).values()])


_PLAIN = (int, float, str, tuple, type(None))


def _take(module: Module) -> list[tuple[Module, Any]]:
    """Take what a forward pass has saved, here and below, for its backward pass."""
    found = []
    for part in module.modules() if _has_state(module) else (module,):
        if (memory := part._memory) is not None:
            part._memory = None
            found.append((part, memory))
    return found


# A module with a forward pass alone, on arrays --------------------------------------------------


class Recorded:
    """What a forward pass on arrays keeps: the outputs, with their tape, and where inputs came in.

    Parameters
    ----------
    outputs : nested tensors
        As `forward` returned them.
    sources : list of Source
        One for each input array of floats.
    """

    def __init__(self, outputs: Any, sources: list[Source]) -> None:
        self.sources = sources
        self.roots = [_root(y) for y in leaves(outputs)]

    def backward(self, dy: Any, want: bool) -> Any:
        """Walk the tape back from gradients of the outputs; return those of the inputs."""
        roots, grads = self.roots, leaves(dy)
        if len(grads) != len(roots):
            raise ValueError(
                f"expects a gradient for each of {len(roots)} outputs, got {len(grads)}"
            )
        pairs = []
        for root, grad in zip(roots, grads, strict=True):
            if root is None or grad is None:
                continue
            source, shape = root
            if not is_array(grad):
                raise TypeError(f"the gradient must be an array, got {type(grad).__name__}")
            if grad.dtype.kind != "f":
                raise TypeError(f"the gradient must hold floats, is {grad.dtype}")
            if tuple(grad.shape) != shape:
                raise ValueError(f"the gradient must have shape {shape}, has {tuple(grad.shape)}")
            pairs.append((source, grad))
        found = walk(pairs, want=self.sources if want else ())
        return found[0] if len(found) == 1 else tuple(found)


def _root(y: Any) -> Any:
    if not isinstance(y, Value) or not y.requires_grad:
        return None
    shape = tuple(y.array.shape)
    return ((y._node, y._output) if y._node is not None else y), shape


def recorded(module: Module, forward: Forward, inputs: Any, options: Any) -> Any:
    """Run a forward pass on tensors made of arrays; keep its tape for `backward`."""
    remember(module, None)  # if this pass fails, the one before must not seem to be it
    records = is_recording() and not module._is_evaluated
    sources: list[Source] = []

    def tensor_of(value: Any) -> Any:
        if not is_array(value):
            return value
        x = new(value)
        if records and value.dtype.kind == "f":
            x._node = Source()
            x.requires_grad = True
            sources.append(x._node)
        return x

    arrays = [mapped(tensor_of, one) for one in inputs]
    named = mapped(tensor_of, options) if options else options
    with recording(records):
        y = forward(module, *arrays, **named)
        result = mapped(_array, y)  # computes what was put off, while nothing else is recorded
    module.save_for_backward(Recorded(y, sources) if records else None)
    return result


# Who is watching --------------------------------------------------------------------------------

Watch = Callable[["Module", Any, Any], None]
_watching: ContextVar[Watch | None] = ContextVar("watching", default=None)


def watched() -> bool:
    """Whether somebody watches, in this thread."""
    return _watching.get() is not None


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Call a function with each module, its inputs and its output as its forward pass ends.

    That is in this thread, until the block ends. Those who watch already go on watching.
    """
    outer = _watching.get()

    def both(module: Module, inputs: Any, y: Any) -> None:
        watch(module, inputs, y)
        if outer is not None:
            outer(module, inputs, y)

    before = _watching.set(both)
    try:
        yield
    finally:
        _watching.reset(before)
