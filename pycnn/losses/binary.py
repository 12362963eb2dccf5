"""Binary cross entropy: of logits, and of probabilities."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._hints import numbers_hint
from pycnn.autograd import Tensor
from pycnn.backends.recording import checked_here
from pycnn.devices import device_of, is_array, move
from pycnn.losses.base import Array, OpLoss, Shape, float32_weights
from pycnn.losses.pointwise import PointwiseLoss


class _Repeating(OpLoss):
    """A loss whose weights repeat along axes of extent 1, as NumPy's do."""

    @cached_property
    def _repeated(self) -> dict[tuple[str, str, Shape], Any]:
        """Repeated weights, by name, device and shape."""
        return {}

    def _options_for(self, output: Array) -> dict[str, Any]:
        options = super()._options_for(output)
        return {name: self._repeat(name, value, output) for name, value in options.items()}

    def _repeat(self, name: str, value: Any, output: Array) -> Any:
        """Return weights with the shape of the last axes of the output; as they are if unfit."""
        if not is_array(value) or 1 not in value.shape:
            return value
        last = output.shape[max(output.ndim - value.ndim, 0) :]
        pairs = zip(value.shape, last, strict=False)
        if value.shape == last or len(last) < value.ndim or any(a not in (1, b) for a, b in pairs):
            return value
        place = name, device_of(output), last
        if place not in self._repeated:  # copied once: a captured CUDA graph cannot copy
            whole = np.ascontiguousarray(np.broadcast_to(self._options[name], last))
            self._repeated[place] = move(whole, device_of(output))
        return self._repeated[place]


class BCEWithLogitsLoss(_Repeating):
    """Binary cross entropy of the sigmoid of each logit; see `pycnn.ops.bce_with_logits`.

    Call it with float32 logits and targets (0, 1 or between) of any common shape; the loss is a
    float, or an array of that shape with reduction 'none'.

    Parameters
    ----------
    weight : float32 array or Tensor, optional
        Weight of each number, of the shape of the last axes of the logits, or with an extent of 1
        in place of some, along which it repeats: (C, 1, 1) for a weight of each channel. Copied
        once to the device of the logits.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined; the mean divides by the count of numbers, not by their weights.
    pos_weight : float32 array or Tensor, optional
        Weight of a yes, of such a shape, too.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        weight: npt.NDArray[np.float32] | Tensor | None = None,
        reduction: str = "mean",
        pos_weight: npt.NDArray[np.float32] | Tensor | None = None,
    ) -> None:
        super().__init__(reduction)
        self._options: dict[str, Any] = {
            "weight": float32_weights("BCEWithLogitsLoss", "weight", weight),
            "pos_weight": float32_weights("BCEWithLogitsLoss", "pos_weight", pos_weight),
            "reduction": reduction,
        }

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        return ops.bce_with_logits(output, target, **self._options_for(output)), output

    def _hint(self, output: Array, target: Any) -> str:
        return numbers_hint(target, output.shape)

    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        options = self._options_for(kept)
        return ops.bce_with_logits_backward(kept, target, dloss, **options)


class BCELoss(_Repeating, PointwiseLoss):
    """Binary cross entropy of probabilities: ``-t log(o) - (1 - t) log(1 - o)``.

    Call it with float32 probabilities o, as of `Sigmoid`, and targets t (0, 1 or between) of any
    common shape; the loss is a float, or an array of that shape with reduction 'none'. Logarithms
    are at least -100, and the slope is ``(o - t) / max(o (1 - o), 1e-12)``, both as in PyTorch.
    `BCEWithLogitsLoss` on the outputs before the sigmoid keeps more digits.

    Parameters
    ----------
    weight : float32 array or Tensor, optional
        Weight of each number, of the shapes that `BCEWithLogitsLoss` takes.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined; the mean divides by the count of numbers, not by their weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. A call raises ValueError for outputs on the CPU outside
        [0, 1]; on a device their loss is NaN.
    """

    def __init__(
        self, weight: npt.NDArray[np.float32] | Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, kind="bce", weight=float32_weights("BCELoss", "weight", weight))

    def _alike(self, shape: Shape) -> float:
        return 0.5

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        if isinstance(output, np.ndarray) and output.size:
            checked_here("BCELoss", _check_probabilities, output)
        return super()._value(output, target)


def _check_probabilities(output: Array) -> None:
    least, most = float(output.min()), float(output.max())
    if least < 0 or most > 1:  # a NaN passes
        raise ValueError(
            "[BCELoss] outputs must be probabilities, from 0 to 1, got numbers from "
            f"{least:.4g} to {most:.4g}: outputs without a sigmoid go to BCEWithLogitsLoss"
        )
