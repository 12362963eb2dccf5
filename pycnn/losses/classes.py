"""Cross entropy of classes, from scores or from log-probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import integer, real
from pycnn._hints import classes_hint
from pycnn.devices import on_cpu
from pycnn.losses.base import Array, OpLoss, float32_weights


class _ClassLoss(OpLoss):
    """A loss of classes with weights, and a target that is ignored."""

    def __init__(
        self, weight: npt.NDArray[np.float32] | None, ignore_index: int, reduction: str
    ) -> None:
        super().__init__(reduction)
        owner = type(self).__name__
        self.weight = float32_weights(owner, "weight", weight)
        self.ignore_index = integer(owner, "ignore_index", ignore_index, -(2**63), 2**63 - 1)
        self._options: dict[str, Any] = {
            "weight": self.weight,
            "ignore_index": self.ignore_index,
            "reduction": reduction,
        }

    def _hint(self, output: Array, target: Any) -> str:
        return classes_hint(target, output.shape[1]) if output.ndim == 2 else ""

    def batch_weight(self, target: npt.NDArray[np.int64]) -> float:
        """Return the divisor of a batch's mean, which is its weight in the mean over many batches.

        Parameters
        ----------
        target : (N,) int64 array
            Targets of the batch, each a class or `ignore_index`.

        Returns
        -------
        float
            Sum of the class weights (1 by default) of the targets that are not ignored.
        """
        target = on_cpu(target)
        counted = target != self.ignore_index
        if self.weight is None:
            return float(np.count_nonzero(counted))
        return float(self.weight[target[counted]].sum(dtype=np.float64))


class CrossEntropyLoss(_ClassLoss):
    """Cross entropy of the softmax of `logits`; see `pycnn.ops.softmax_cross_entropy`.

    Call it with (N, C) float32 logits and (N,) int64 targets; the loss is a float, or an (N,) array
    with reduction 'none'.

    Parameters
    ----------
    weight : (C,) float32 array, optional
        Weight of each class; copied once to the device of the logits.
    ignore_index : int
        Target whose samples count for nothing.
    reduction : {'mean', 'sum', 'none'}
        How the losses of the samples are combined.
    label_smoothing : float in [0, 1]
        Share of the target spread evenly over all classes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Examples
    --------
    >>> logits, target = np.zeros((2, 4), np.float32), np.array([1, 3])
    >>> criterion = pycnn.CrossEntropyLoss()
    >>> round(criterion(logits, target), 4)  # log 4
    1.3863
    >>> criterion.backward()  # where a model's backward pass begins
    array([[ 0.125, -0.375,  0.125,  0.125],
           [ 0.125,  0.125,  0.125, -0.375]], dtype=float32)
    """

    def __init__(
        self,
        weight: npt.NDArray[np.float32] | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        share = real("CrossEntropyLoss", "label_smoothing", label_smoothing)
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"[CrossEntropyLoss] label_smoothing must be in [0, 1], got {share}")
        self._options["label_smoothing"] = share

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        return ops.softmax_cross_entropy(output, target, **self._options_for(output))

    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        options = self._options_for(kept)
        return ops.softmax_cross_entropy_backward(kept, target, dloss, **options)


class NLLLoss(_ClassLoss):
    """Negative log-likelihood, for outputs of `LogSoftmax`; see `pycnn.ops.nll_loss`.

    Call it with (N, C) float32 log-probabilities and (N,) int64 targets; the loss is a float, or an
    (N,) array with reduction 'none'.

    Parameters
    ----------
    weight : (C,) float32 array, optional
        Weight of each class; copied once to the device of the log-probabilities.
    ignore_index : int
        Target whose samples count for nothing.
    reduction : {'mean', 'sum', 'none'}
        How the losses of the samples are combined.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        weight: npt.NDArray[np.float32] | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, ignore_index, reduction)

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        return ops.nll_loss(output, target, **self._options_for(output)), output

    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        return ops.nll_loss_backward(kept, target, dloss, **self._options_for(kept))
