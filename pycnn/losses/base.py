"""What all losses share: the reduction, and the memory between the value and its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import choice
from pycnn._described import Described
from pycnn._memory import Remembering
from pycnn.devices import device_of, is_array, move

Array = npt.NDArray[Any]

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

    # Arguments of the op; their arrays are on the CPU.
    _options: Mapping[str, Any]

    def __init__(self, reduction: str) -> None:
        self.reduction = choice(type(self).__name__, "reduction", reduction, REDUCTIONS)
        self._options_on: dict[str, dict[str, Any]] = {}

    def _made_of(self) -> Mapping[str, Any]:
        return getattr(self, "_options", {})

    @abstractmethod
    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        """Return the loss, and the array that its gradient needs besides the target."""

    @abstractmethod
    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        """Return the gradient with respect to the output."""

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

    def __call__(self, output: Array, target: Array) -> Any:
        """Return the loss of outputs for targets; the class states their shapes and dtypes.

        Returns
        -------
        float or array
            The mean or sum of the losses, or the losses themselves with reduction 'none'.
        """
        try:
            value, kept = self._value(output, target)
        except (TypeError, ValueError) as error:
            if hint := self._hint(output, target):
                raise type(error)(f"{error}; {hint}") from None
            raise
        if not self._is_evaluated:
            self._memory = kept, target
        return value

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
        memory: tuple[Array, Array] | None = self._memory
        if memory is None:
            raise RuntimeError(
                f"[{type(self).__name__}] backward needs a call of the loss before, in the same "
                "thread (those of evaluate do not count)"
            )
        return self._gradient(*memory, dloss)


def float32_weights(owner: str, name: str, weights: Any) -> Any:
    """Return weights on the CPU; refuse anything but None and float32 arrays."""
    if weights is not None and getattr(weights, "dtype", None) != np.float32:
        found = getattr(weights, "dtype", type(weights).__name__)
        raise TypeError(f"[{owner}] {name} must be a float32 array, got {found}")
    return move(weights, "cpu")
