"""Losses that are plain functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pycnn._memory import Remembering, remember, taken
from pycnn.autograd import Tensor, recording
from pycnn.autograd.graph import Source
from pycnn.autograd.hooks import walk
from pycnn.autograd.structure import mapped
from pycnn.autograd.value import new
from pycnn.devices import is_array, move


class FunctionLoss(Remembering):
    """A loss that `pycnn.fit` makes of a function: its value, and the gradient of the outputs.

    Parameters
    ----------
    function : callable
        ``function(output, target)`` returns the mean loss of a batch as a tensor with one number.
        It is called with what the model returned as tensors, and with the targets.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    @property
    def name(self) -> str:
        """Name of the function, for errors."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, output: Any, target: Any) -> float:
        """Return the loss of a batch of arrays."""
        sources: list[Source | None] = []  # of each output; None where it has no gradient

        def tensor_of(array: Any) -> Any:
            x, source = new(array) if is_array(array) else array, None
            if records and is_array(array) and array.dtype.kind == "f":
                source = x._node = Source()
                x.requires_grad = True
            sources.append(source)
            return x

        records = not self._is_evaluated
        with recording(records):
            y = self.function(
                mapped(tensor_of, output), mapped(lambda t: new(t) if is_array(t) else t, target)
            )
            if not isinstance(y, Tensor) or y.numel() != 1:
                found = f"shape {y.shape}" if isinstance(y, Tensor) else type(y).__name__
                raise TypeError(
                    f"[{self.name}] a loss must return a tensor with one number, the mean over the "
                    f"batch, got {found}"
                )
            if records and not y.requires_grad:
                raise ValueError(
                    f"[{self.name}] the loss does not depend on the outputs by ops that are "
                    "recorded: compute it from the tensors, without .numpy() or .detach()"
                )
        remember(self, (y, sources) if records else None)
        return float(y)

    def backward(self, dloss: Any = 1.0) -> Any:
        """Return the gradients of the outputs of the last call in this thread.

        Of several outputs it is a list, with None for each that the loss does not depend on.
        """
        memory = taken(self)
        if memory is None:
            raise RuntimeError(f"[{self.name}] backward needs a call of the loss before")
        y, sources = memory
        seed = move(np.full(y.shape, dloss, np.float32), y.device)
        wanted = [source for source in sources if source is not None]
        found = iter(walk([((y._node, y._output), seed)], want=wanted))
        gradients = [None if source is None else next(found) for source in sources]
        return gradients[0] if len(gradients) == 1 else gradients

    def __repr__(self) -> str:
        return f"FunctionLoss({self.name})"
