"""Hooks of modules: functions that are called before and after their passes.

A module with hooks has passes of its own as attributes of the object, which run its class's and
call the hooks. Containers run such a module by itself, as any with another ``forward``; one without
hooks is as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from pycnn._arguments import flag
from pycnn._memory import Remembering, remember, taken
from pycnn.autograd import Node, TrackedArray, is_recording, recording, tracked
from pycnn.autograd.hooks import Handle, Hooks, check_hook, checked
from pycnn.autograd.shaping import reshape
from pycnn.autograd.structure import holds, leaves, mapped
from pycnn.autograd.tracked import plain
from pycnn.autograd.value import Value, new, part_of
from pycnn.layers.tree import Tree

if TYPE_CHECKING:
    from pycnn.layers.module import Module

Hook: TypeAlias = Callable[..., Any]

_PASSES = ("forward", "backward", "backward_parameters")


class Hookable(Tree):
    """What every `Module` can do with hooks."""

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, inputs)`` before each forward pass.

        Parameters
        ----------
        hook : callable
            It gets the tuple of the inputs: tensors, or in a pass on arrays the arrays. What it
            returns, unless None, takes the place of the inputs: a tuple, or a single input.
        prepend : bool
            Whether it comes before the hooks that are there.
        with_kwargs : bool
            Whether it is called as ``hook(module, inputs, kwargs)``, and returns both or None.

        Returns
        -------
        Handle
            ``handle.remove()`` takes the hook away.

        Notes
        -----
        Hooks see tensors in a pass on tensors, and arrays in one on arrays, such as that of a
        `Sequential` in `pycnn.fit`. Gradients do not go through what a hook did to arrays: a
        backward pass that would have to is refused. Copies of a module have its hooks, too;
        `pycnn.save` stores none.
        """
        return _add(self, "before", "register_forward_pre_hook", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, inputs, output)`` after each forward pass.

        What it returns, unless None, takes the place of the output. With `with_kwargs` it is
        called as ``hook(module, inputs, kwargs, output)``. The rest is as in
        `register_forward_pre_hook`.
        """
        return _add(self, "after", "register_forward_hook", hook, prepend, with_kwargs)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` in each backward pass.

        Both are tuples with a gradient for each input or output, or None where there is none. What
        the hook returns, unless None, takes the place of ``grad_input``. The rest is as in
        `register_forward_pre_hook`.
        """
        return _add(self, "around", "register_full_backward_hook", hook, prepend, False)

    register_backward_hook = register_full_backward_hook


def _add(module: Any, kind: str, owner: str, hook: Any, prepend: bool, named: bool) -> Handle:
    check_hook(owner, hook)
    flag(owner, "prepend", prepend)
    flag(owner, "with_kwargs", named)
    passes = hooked_of(module) or Hooked(module)
    hooks: Hooks = getattr(passes, kind)
    others = dict(hooks)
    handle = Handle(hooks, (hook, named), passes.restore)
    if prepend:
        for number in others:
            hooks[number] = hooks.pop(number)
    passes.install()
    return handle


class Pass:
    """A pass of a module with hooks, as an attribute of the module."""

    __slots__ = ("hooked", "name")

    def __init__(self, hooked: Hooked, name: str) -> None:
        self.hooked, self.name = hooked, name

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Run the pass with its hooks."""
        return getattr(self.hooked, self.name)(*inputs, **options)


def hooked_of(module: Module) -> Hooked | None:
    """Return the passes with hooks that stand before a module's own, if there are any."""
    found = vars(module).get("backward")
    return found.hooked if type(found) is Pass else None


class Hooked(Remembering):
    """A module's passes with its hooks.

    It remembers whether a hook has changed arrays of the last forward pass of a thread.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        self.before: Hooks = {}
        self.after: Hooks = {}
        self.around: Hooks = {}
        self.own: dict[str, Any] = {}  # passes that were attributes of the object before

    def install(self) -> None:
        """Stand before the passes of the module."""
        attributes = vars(self.module)
        if hooked_of(self.module) is not self:
            self.own = {name: attributes[name] for name in _PASSES if name in attributes}
            attributes.update({name: Pass(self, name) for name in _PASSES})

    def restore(self) -> None:
        """Leave the module as it was, if there are no hooks any more."""
        if self.before or self.after or self.around:
            return
        attributes = vars(self.module)
        for name in _PASSES:
            if type(attributes.get(name)) is Pass:
                del attributes[name]
                attributes.update({name: self.own[name]} if name in self.own else {})

    def under(self, name: str) -> Any:
        """Return a pass of the module without hooks."""
        own = self.own.get(name)
        return getattr(type(self.module), name).__get__(self.module) if own is None else own

    # Forward -------------------------------------------------------------------------------

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Run the forward pass between its hooks."""
        arrays = not holds(Value, inputs, options)
        sight = _Sight() if arrays else None
        for hook, named in list(self.before.values()):
            shown = sight.of((inputs, options)) if sight else (inputs, options)
            found = hook(self.module, *(shown if named else shown[:1]))
            if sight:
                found = sight.back(found)
            if found is not None:
                if named:
                    inputs, options = found
                else:
                    inputs = found if isinstance(found, tuple) else (found,)
        frame = None
        if self.around and not arrays and is_recording():
            frame = _Frame(self, len(inputs))
            inputs = frame.entered(inputs)
        y = self.under("forward")(*inputs, **options)
        for hook, named in list(self.after.values()):
            shown = sight.of((inputs, options, y)) if sight else (inputs, options, y)
            found = hook(self.module, *(shown if named else (shown[0], shown[2])))
            if sight:
                found = sight.back(found)
            if found is not None:
                y = found
        if sight:
            remember(self, sight.changed or None)
        return y if frame is None else frame.left(y)

    # Backward, on arrays -------------------------------------------------------------------

    def backward(self, dy: Any, *more: Any) -> Any:
        """Run the backward pass, then its hooks."""
        self._check()
        dx = self.under("backward")(dy, *more)
        if not self.around:
            return dx
        several = isinstance(dx, tuple)
        sight = _Sight()
        found = self.shown(dx if several else (dx,), dy if isinstance(dy, tuple) else (dy,), sight)
        return found if several else found[0]

    def backward_parameters(self, dy: Any) -> None:
        """Run the backward pass; one with hooks needs the gradient of the input as well."""
        if self.around:
            self.backward(dy)
            return
        self._check()
        self.under("backward_parameters")(dy)

    def _check(self) -> None:
        if taken(self) is not None:
            raise RuntimeError(
                f"[{type(self.module).__name__}] a hook has changed arrays of the forward pass, "
                "which the gradient does not know: give the model tensors, pycnn.tensor(x), and "
                "what the hook does is recorded"
            )

    def shown(self, inner: tuple[Any, ...], outer: tuple[Any, ...], sight: Any) -> tuple[Any, ...]:
        """Return the gradients of the inputs as the hooks make them; they see those of outputs."""
        owner = "register_full_backward_hook"
        with recording(False):
            for hook, _ in list(self.around.values()):
                found = hook(self.module, sight.of(inner), sight.of(outer))
                if found is None:
                    continue
                found = found if isinstance(found, tuple) else (found,)
                if len(found) != len(inner):
                    raise ValueError(
                        f"[{owner}] there are {len(inner)} gradients of inputs, the hook returned "
                        f"{len(found)}"
                    )
                inner = tuple(
                    sight.back(one if grad is None else checked(owner, one, grad))
                    for one, grad in zip(found, inner, strict=True)
                )
        return inner


class _Sight:
    """How hooks see arrays: with PyTorch's methods, where NumPy made them; changes are noticed."""

    def __init__(self) -> None:
        self.changed = False
        self._seen: list[Any] = []

    def of(self, values: Any) -> Any:
        """Return views of arrays."""
        shown = mapped(tracked, values)
        self._seen = [(one, one.changes[0]) for one in leaves(shown) if type(one) is TrackedArray]
        return shown

    def back(self, values: Any) -> Any:
        """Return plain arrays of what a hook returned."""
        if values is not None or any(one.changes[0] != before for one, before in self._seen):
            self.changed = True
        return mapped(plain, values)


class _Tensors:
    """How hooks see gradients of a tape: as tensors."""

    def of(self, grads: tuple[Any, ...]) -> Any:
        """Return tensors of arrays."""
        return tuple(None if grad is None else new(grad) for grad in grads)

    def back(self, value: Any) -> Any:
        """Return an array of what a hook returned."""
        return value.array if isinstance(value, Value) else value


class _Frame:
    """A call of a module on the tape: where gradients leave it is where its hooks see them.

    Parameters
    ----------
    hooked : Hooked
        The module's hooks.
    count : int
        Number of its inputs.
    """

    def __init__(self, hooked: Hooked, count: int) -> None:
        self.hooked, self.count = hooked, count
        self.places: list[int] = []
        self.outer: tuple[Any, ...] = ()

    def entered(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the inputs, marked on the tape where gradients come back to them."""
        found = list(inputs)
        self.places = [i for i, x in enumerate(inputs) if isinstance(x, Value) and x.requires_grad]
        marked = _marked([inputs[i] for i in self.places], self._inputs)
        for i, x in zip(self.places, marked, strict=True):
            found[i] = x
        return tuple(found)

    def left(self, y: Any) -> Any:
        """Return the outputs, marked on the tape where gradients come in."""
        outputs = [one for one in leaves(y) if isinstance(one, Value) and one.requires_grad]
        marked = iter(_marked(outputs, self._outputs))
        return mapped(
            lambda one: next(marked) if isinstance(one, Value) and one.requires_grad else one, y
        )

    def _outputs(self, needs: Any, *dy: Any) -> tuple[Any, ...]:
        self.outer = dy
        if not self.places:  # no gradient leaves the module
            self.hooked.shown((None,) * self.count, dy, _Tensors())
        return dy

    def _inputs(self, needs: Any, *dx: Any) -> tuple[Any, ...]:
        grads: list[Any] = [None] * self.count
        for i, grad in zip(self.places, dx, strict=True):
            grads[i] = grad
        found = self.hooked.shown(tuple(grads), self.outer, _Tensors())
        return tuple(found[i] for i in self.places)


def _marked(values: list[Any], pull: Any) -> list[Any]:
    """Return the same tensors after a node of their own, as a whole that they are parts of."""
    if not values:
        return []
    found = [new(x.array) for x in values]
    node = Node("hooks", values, pull, [y.array for y in found], True)
    for i, (x, y) in enumerate(zip(values, found, strict=True)):
        y._node, y._output, y.requires_grad = node, i, True
        part_of(x, y, _twin, _same)
    return found


def _twin(whole: Value) -> Any:
    """Return what a marked twin becomes if its whole is changed in place."""
    return reshape(whole, tuple(whole.array.shape))


def _same(whole: Value, part: Value) -> Any:
    """Return what a whole becomes if its marked twin is changed in place."""
    return reshape(part, tuple(part.array.shape))
