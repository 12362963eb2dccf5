"""Ops of one's own on the tape: a forward and a backward on arrays."""

from __future__ import annotations

from typing import Any

from pycnn import backends
from pycnn.autograd.graph import Needs, recording
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.value import Value, apart_from, new, record_all
from pycnn.devices import is_array


class Context:
    """What the forward pass of a `Function` hands to its backward pass.

    Attributes
    ----------
    saved_tensors : tuple
        What `save_for_backward` was given.
    needs_input_grad : tuple of bool
        Whether the gradient of each input is wanted.
    """

    saved_tensors: tuple[Any, ...] = ()
    needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *values: Any) -> None:
        """Keep tensors for the backward pass."""
        self.saved_tensors = values


class Function:
    """A forward and backward pair that `apply` records as one op, as ``torch.autograd.Function``.

    A sub-class defines two static methods. ``forward(ctx, *inputs)`` gets tensors that are not
    recorded, and returns one tensor or a tuple; ``backward(ctx, *dy)`` returns the gradients of all
    inputs, None where there is none.

    Examples
    --------
    >>> class Square(pycnn.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, dy):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * dy
    >>> x = pycnn.tensor([3.0], requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.gradient
    array([6.], dtype=float32)
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError("[Function] the class defines no forward")

    @staticmethod
    def backward(ctx: Any, *dy: Any) -> Any:
        """Return the gradients of the inputs."""
        raise NotImplementedError("[Function] the class defines no backward")

    @classmethod
    def apply(cls, *inputs: Any) -> Any:
        """Run the forward pass, and record it.

        Raises
        ------
        TypeError
            If `forward` does not return tensors.
        ValueError
            In the backward pass, if there is not one gradient for each input, or one has another
            shape than its input.
        """
        name = cls.__name__
        values = [x for x in inputs if isinstance(x, Value)]
        context = Context()
        context.needs_input_grad = tuple(isinstance(x, Value) and x.requires_grad for x in inputs)
        with recording(False):
            found = cls.forward(context, *[_detached(x) for x in inputs])
        several = isinstance(found, tuple)
        outputs = [_array(name, y) for y in (found if several else (found,))]
        like = [(x.array.shape, x.array.dtype) if isinstance(x, Value) else None for x in inputs]

        def pull(needs: Needs, *dy: Any) -> list[Any]:
            with recording(False):
                # Apart, so that a pass that changes them changes no gradient of others.
                grads = cls.backward(context, *[apart_from(x, x) for x in map(new, dy)])
            given = list(grads) if isinstance(grads, tuple) else [grads]
            if len(given) != len(inputs):
                raise ValueError(
                    f"[{name}] backward must return a gradient for each of {len(inputs)} inputs, "
                    f"returned {len(given)}"
                )
            result: list[Any] = []
            for grad, kind in zip(given, like, strict=True):
                if kind is None:
                    continue
                if grad is None:
                    result.append(None)
                    continue
                array, (shape, dtype) = _array(name, grad), kind
                if tuple(array.shape) != tuple(shape):
                    raise ValueError(
                        f"[{name}] a gradient has shape {tuple(array.shape)}, its input "
                        f"{tuple(shape)}"
                    )
                result.append(backends.of(array).astype(array, dtype))
            return result

        results = record_all(name, values, outputs, pull)
        return results if several else results[0]


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, Tensor) else value


def _array(name: str, value: Any) -> Any:
    if isinstance(value, Value):
        return value.array
    if is_array(value):
        return value
    raise TypeError(f"[{name}] a pass must return tensors, returned {type(value).__name__}")
