"""Losses: call one with outputs and targets for its value, then ask it for the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops

REDUCTIONS = ("mean", "sum", "none")


class CrossEntropyLoss:
    """Cross entropy of the softmax of `logits`; see `pycnn.ops.softmax_cross_entropy`.

    Parameters
    ----------
    weight : (C,) float32 array, optional
        Weight of each class.
    ignore_index : int
        Target whose samples count for nothing.
    reduction : {'mean', 'sum', 'none'}
        What becomes of the losses of the samples.
    label_smoothing : float in [0, 1]
        Share of the target spread evenly over all classes.

    Raises
    ------
    ValueError
        If `reduction` or `label_smoothing` is not as above.

    Examples
    --------
    >>> criterion = CrossEntropyLoss()
    >>> loss = criterion(logits, target)
    >>> model.backward(criterion.backward())
    """

    def __init__(
        self,
        weight: npt.NDArray[np.float32] | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"[CrossEntropyLoss] reduction must be one of {REDUCTIONS}, got {reduction!r}"
            )
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(
                f"[CrossEntropyLoss] label_smoothing must be in [0, 1], got {label_smoothing}"
            )
        self.reduction = reduction
        self.weight = weight
        self.ignore_index = ignore_index
        self._options: dict[str, Any] = {
            "weight": weight,
            "ignore_index": ignore_index,
            "label_smoothing": label_smoothing,
            "reduction": reduction,
        }
        self._memory: tuple[npt.NDArray[Any], npt.NDArray[np.int64]] | None = None

    def __call__(self, logits: npt.NDArray[Any], target: npt.NDArray[np.int64]) -> Any:
        """Loss of (N, C) `logits` for (N,) int64 `target`.

        Returns
        -------
        float or (N,) array
            The mean or sum, or with reduction 'none' the loss of each sample.
        """
        loss, probs = ops.softmax_cross_entropy(logits, target, **self._options)
        self._memory = probs, target
        return loss

    def batch_weight(self, target: npt.NDArray[np.int64]) -> float:
        """Divisor of the mean over a batch: what its mean weighs in the mean over many batches.

        Parameters
        ----------
        target : (N,) int64 array
            Targets of the batch, each a class or `ignore_index`.

        Returns
        -------
        float
            Sum of the class weights (1 by default) of the targets that are not ignored.
        """
        counted = target != self.ignore_index
        if self.weight is None:
            return float(np.count_nonzero(counted))
        return float(self.weight[target[counted]].sum(dtype=np.float64))

    def backward(self, dloss: Any = 1.0) -> npt.NDArray[Any]:
        """Gradient with respect to the logits of the last call.

        Parameters
        ----------
        dloss : float or (N,) array
            Gradient of what follows with respect to the loss.

        Raises
        ------
        RuntimeError
            If the loss was not called before.
        """
        if self._memory is None:
            raise RuntimeError("[CrossEntropyLoss] backward needs a call of the loss before it")
        probs, target = self._memory
        return ops.softmax_cross_entropy_backward(probs, target, dloss, **self._options)
