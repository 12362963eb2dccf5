"""Losses of single numbers: squared error, and binary cross entropy of logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._hints import numbers_hint
from pycnn.losses.base import Array, OpLoss, float32_weights


class MSELoss(OpLoss):
    """Squared error ``(output - target)^2``; see `pycnn.ops.mse_loss`.

    Call it with float32 outputs and targets of any common shape; the loss is a float, or an array
    of that shape with reduction 'none'.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        How the squares are combined; the mean is over all numbers.

    Raises
    ------
    ValueError
        If `reduction` is anything else.
    """

    _is_symmetric = True

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        return ops.mse_loss(output, target, reduction=self.reduction), output

    def _hint(self, output: Array, target: Any) -> str:
        return numbers_hint(target, output.shape)

    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        return ops.mse_loss_backward(kept, target, dloss, reduction=self.reduction)


class BCEWithLogitsLoss(OpLoss):
    """Binary cross entropy of the sigmoid of each logit; see `pycnn.ops.bce_with_logits`.

    Call it with float32 logits and targets (0, 1 or between) of any common shape; the loss is a
    float, or an array of that shape with reduction 'none'.

    Parameters
    ----------
    weight : float32 array, optional
        Weight of each number, of the shape of the last axes of the logits; copied once to their
        device.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined; the mean divides by the count of numbers, not by their weights.
    pos_weight : float32 array, optional
        Weight of a yes, of the shape of the last axes of the logits; copied in the same way.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        weight: npt.NDArray[np.float32] | None = None,
        reduction: str = "mean",
        pos_weight: npt.NDArray[np.float32] | None = None,
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
