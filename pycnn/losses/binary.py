"""Binary cross entropy: of logits, and of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._hints import numbers_hint
from pycnn.losses.base import Array, OpLoss, Shape, float32_weights
from pycnn.losses.pointwise import PointwiseLoss


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


class BCELoss(PointwiseLoss):
    """Binary cross entropy of probabilities: ``-t log(o) - (1 - t) log(1 - o)``.

    Call it with float32 probabilities o, as of `Sigmoid`, and targets t (0, 1 or between) of any
    common shape; the loss is a float, or an array of that shape with reduction 'none'. Logarithms
    are at least -100, and the slope is ``(o - t) / max(o (1 - o), 1e-12)``, both as in PyTorch.
    `BCEWithLogitsLoss` on the outputs before the sigmoid keeps more digits.

    Parameters
    ----------
    weight : float32 array, optional
        Weight of each number, of the shape of the last axes of the outputs; copied once to their
        device.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined; the mean divides by the count of numbers, not by their weights.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. A call raises ValueError for outputs on the CPU outside
        [0, 1]; on a device their loss is NaN.
    """

    def __init__(
        self, weight: npt.NDArray[np.float32] | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, kind="bce", weight=float32_weights("BCELoss", "weight", weight))

    def _alike(self, shape: Shape) -> float:
        return 0.5

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        if isinstance(output, np.ndarray) and output.size:
            least, most = float(output.min()), float(output.max())
            if least < 0 or most > 1:  # a NaN passes
                raise ValueError(
                    "[BCELoss] outputs must be probabilities, from 0 to 1, got numbers from "
                    f"{least:.4g} to {most:.4g}: outputs without a sigmoid go to BCEWithLogitsLoss"
                )
        return super()._value(output, target)
