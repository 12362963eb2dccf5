"""What all losses share: the reduction, and the memory between the value and its gradient."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pycnn._arguments import choice
from pycnn._described import Described
from pycnn._memory import Remembering
from pycnn.autograd import Tensor, is_recording
from pycnn.autograd.graph import Needs
from pycnn.autograd.value import record
from pycnn.devices import device_of, is_array, move

Array = npt.NDArray[Any]

Shape = tuple[int, ...]

REDUCTIONS = ("mean", "sum", "none")


class OpLoss(Described, Remembering, ABC):
    """A loss that is a pair of functions: its value, and its gradient with respect to the output.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        How the losses of the samples are combined. `pycnn.fit` needs 'mean'.

    Raises
    ------
    ValueError
        If `reduction` is anything else.
    """

    _reductions: ClassVar[tuple[str, ...]] = REDUCTIONS

    # Arguments of the op; their arrays are on the CPU.
    _options: Mapping[str, Any]
    # Whether the gradient for the target is that for the output with the other sign.
    _is_symmetric = False

    def __init__(self, reduction: str) -> None:
        self.reduction = choice(type(self).__name__, "reduction", reduction, self._reductions)
        self._options_on: dict[str, dict[str, Any]] = {}

    def _made_of(self) -> Mapping[str, Any]:
        return getattr(self, "_options", {})

    @abstractmethod
    def _value(self, output: Array, target: Array) -> tuple[Any, Any]:
        """Return the loss, and what its gradient needs besides the target."""

    @abstractmethod
    def _gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        """Return the gradient with respect to the output."""

    def _alike(self, shape: Shape) -> float:
        """Return the number of which all outputs are made by a model that only guesses."""
        return 0.0

    def unreduced(self) -> OpLoss:
        """Return a copy of the loss with reduction 'none'."""
        each = copy.copy(self)
        each.reduction = "none"
        each._options_on = {}
        for name, options in vars(self).items():
            if isinstance(options, dict) and "reduction" in options:
                setattr(each, name, {**options, "reduction": "none"})
        return each

    def _hint(self, output: Array, target: Any) -> str:
        """Return advice on targets that were refused, or an empty text if there is none."""
        return ""

    def _options_for(self, output: Array) -> dict[str, Any]:
        """Return the options with their arrays on the device of the output.

        They are copied there once: a captured CUDA graph cannot copy from the CPU.
        """
        device = device_of(output)
        if device not in self._options_on:
            self._options_on[device] = {
                name: move(value, device) if is_array(value) else value
                for name, value in self._options.items()
            }
        return self._options_on[device]

    def __call__(self, output: Any, target: Any) -> Any:
        """Return the loss of outputs for targets; the class states their shapes and dtypes.

        Parameters
        ----------
        output, target : array or Tensor

        Returns
        -------
        float or array
            The mean or sum of the losses, or the losses themselves with reduction 'none'. Of an
            output that is a `pycnn.Tensor` a tensor, whose `backward` takes the gradient on.
        """
        if isinstance(output, Tensor):
            return self._on_tensors(output, target)
        if isinstance(target, Tensor):
            target = target.array
        if isinstance(output, (tuple, list, dict)):
            raise TypeError(
                f"[{type(self).__name__}] takes one array of outputs, got a "
                f"{type(output).__name__} of {len(output)}: add up the losses of several outputs "
                "in a function, such as lambda outputs, y: loss(outputs[0], y) + ..."
            )
        try:
            value, kept = self._value(output, target)
        except (TypeError, ValueError) as error:
            if hint := self._hint(output, target):
                raise type(error)(f"{error}; {hint}") from None
            raise
        if not self._is_evaluated:
            self._memory = kept, target
        return value

    def _on_tensors(self, output: Tensor, target: Any) -> Tensor:
        """Compute the loss of a tensor, and record it."""
        name, values = type(self).__name__, [output]
        if isinstance(target, Tensor):
            if target.requires_grad:
                if not self._is_symmetric:
                    raise ValueError(
                        f"[{name}] the target must not require gradients, as this loss has none "
                        "for it: give target.detach()"
                    )
                values.append(target)
            target = target.array
        elif not is_array(target):
            target = np.asarray(target)
        backend = output.backend
        target = move(target, backend.name)
        try:
            value, kept = self._value(output.array, target)
        except (TypeError, ValueError) as error:
            if hint := self._hint(output.array, target):
                raise type(error)(f"{error}; {hint}") from None
            raise
        if not is_array(value):
            value = backend.from_numpy(np.asarray(value, np.float32))

        def pull(needs: Needs, dloss: Any) -> list[Any]:
            share = dloss if self.reduction == "none" else float(backend.to_numpy(dloss))
            grad = self._gradient(kept, target, share)
            return [grad, *(backend.unary("negative", grad) for _ in values[1:])]

        return record(name, values, value, pull)

    def backward(self, dloss: Any = 1.0) -> Array:
        """Return the gradient with respect to the output of the last call in this thread.

        Calls within `pycnn.evaluate` do not count.

        Parameters
        ----------
        dloss : float, or array of the shape of the losses with reduction 'none'
            Gradient of the final value with respect to the loss.

        Raises
        ------
        RuntimeError
            If the loss was not called before.
        """
        memory: tuple[Any, Array] | None = self._memory
        if memory is None:
            raise RuntimeError(
                f"[{type(self).__name__}] backward needs a call of the loss before, in the same "
                "thread (those of evaluate do not count)"
            )
        return self._gradient(*memory, dloss)


def float32_weights(owner: str, name: str, weights: Any) -> Any:
    """Return weights, of a tensor those in it, on the CPU; refuse all but None and float32."""
    if isinstance(weights, Tensor):
        if weights.requires_grad and is_recording():
            raise ValueError(
                f"[{owner}] {name} must not require gradients, as losses have none for it: give "
                f"{name}.detach()"
            )
        weights = weights.array
    if weights is not None and getattr(weights, "dtype", None) != np.float32:
        found = getattr(weights, "dtype", type(weights).__name__)
        raise TypeError(
            f"[{owner}] {name} must be a float32 array, got {found}: np.float32({name}) makes one"
        )
    return move(weights, "cpu")
