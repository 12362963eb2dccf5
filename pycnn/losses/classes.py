"""Cross entropy of classes, from scores or from log-probabilities."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import integer, real
from pycnn._hints import REGRESSION, classes_hint
from pycnn.autograd import Tensor
from pycnn.backends.recording import checked_here
from pycnn.devices import device_of, is_array, move, on_cpu
from pycnn.losses.base import Array, OpLoss, Shape, float32_weights
from pycnn.losses.rows import from_rows, places, rows_of


class ClassLoss(OpLoss):
    """What losses of classes share: targets of any number of axes, one that is ignored.

    Parameters
    ----------
    ignore_index : int
        Target that counts for nothing.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(self, ignore_index: int, reduction: str) -> None:
        super().__init__(reduction)
        owner = type(self).__name__
        self.ignore_index = integer(owner, "ignore_index", ignore_index, -(2**63), 2**63 - 1)

    @abstractmethod
    def _row_value(self, rows: Array, target: Array) -> tuple[Any, Array]:
        """Return the loss of rows of C numbers, and the array that its gradient needs."""

    @abstractmethod
    def _row_gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        """Return the gradient with respect to the rows."""

    def _hint(self, output: Array, target: Any) -> str:
        if output.ndim == 2:
            return classes_hint(target, output.shape[1])
        whole = isinstance(target, np.ndarray) and target.dtype.kind in "iub"
        return "give y.astype(np.int64)" if whole and target.dtype != np.int64 else ""

    def _row_targets(self, output: Array, target: Array) -> Array:
        """Return the targets of `rows_of` the outputs."""
        if output.ndim == 2:
            return target  # the op has words for whatever is wrong
        self._check_places("targets", target, output.shape)
        return target.reshape((math.prod(target.shape),))

    def _check_places(self, name: str, array: Array, shape: Shape) -> None:
        if array.shape != places(shape):
            raise ValueError(
                f"[{type(self).__name__}] {name} must have shape {places(shape)}, one number for "
                f"each place of outputs of shape {shape}, got {array.shape}"
            )

    def _value(self, output: Array, target: Array) -> tuple[Any, Any]:
        if isinstance(target, np.integer):
            target = np.asarray(target)
        if not is_array(target):
            kind = type(target).__name__
            raise TypeError(f"[{type(self).__name__}] targets must be an array, got {kind}")
        targets = self._row_targets(output, target)
        loss, kept = self._row_value(rows_of(output), targets)
        if self.reduction == "none":
            loss = loss.reshape(places(output.shape))
        return loss, (kept, targets, output.shape)

    def _gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        kept_rows, targets, shape = kept
        if self.reduction == "none" and is_array(dloss):
            self._check_places("dloss", dloss, shape)
            dloss = dloss.reshape((math.prod(dloss.shape),))
        return from_rows(self._row_gradient(kept_rows, targets, dloss), shape)

    def _counted(self, target: Array) -> Array:
        """Return the classes that are not ignored, of targets on any device."""
        target = on_cpu(target)
        counted: Array = target[target != self.ignore_index]
        return counted

    def batch_weight(self, target: Array) -> float:
        """Return the divisor of a batch's mean, which is its weight in the mean over many batches.

        Parameters
        ----------
        target : int64 array
            Targets of the batch, of any shape, each a class or `ignore_index`.

        Returns
        -------
        float
            The number of targets that are not ignored.
        """
        return float(np.count_nonzero(on_cpu(target) != self.ignore_index))


class _WeightedLoss(ClassLoss):
    """A loss of classes that have weights, by which its mean divides."""

    def __init__(
        self, weight: npt.NDArray[np.float32] | Tensor | None, ignore_index: int, reduction: str
    ) -> None:
        super().__init__(ignore_index, reduction)
        self.weight = float32_weights(type(self).__name__, "weight", weight)
        self._options: dict[str, Any] = {
            "weight": self.weight,
            "ignore_index": self.ignore_index,
            "reduction": reduction,
        }

    def batch_weight(self, target: Array) -> float:
        """Return the divisor of a batch's mean, which is its weight in the mean over many batches.

        Parameters
        ----------
        target : int64 array
            Targets of the batch, of any shape, each a class or `ignore_index`.

        Returns
        -------
        float
            Sum of the class weights (1 by default) of the targets that are not ignored.
        """
        if self.weight is None:
            return super().batch_weight(target)
        return float(self.weight[self._counted(target)].sum(dtype=np.float64))


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy of the softmax of `logits`; see `pycnn.ops.softmax_cross_entropy`.

    Targets are classes or probabilities, by their dtype:

    - int64 classes: (N,) for logits (N, C), or a class at each place, such as each pixel:
      (N, d1, ..., dk) for logits (N, C, d1, ..., dk); () for logits (C,) of one sample.
    - float32 probabilities of the classes, "soft labels", of the shape of the logits:
      ``loss[n] = -sum over c of weight[c] t[n, c] log p[n, c]`` with ``p = softmax(logits)`` and
      ``t = (1 - e) target + e / C``, e the smoothing. The mean divides by the number of places,
      whatever the weights, and `ignore_index` has no meaning.

    The loss is a float, or with reduction 'none' an array, one number for each place.

    Parameters
    ----------
    weight : (C,) float32 array or Tensor, optional
        Weight of each class; copied once to the device of the logits.
    ignore_index : int
        Target that counts for nothing.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined. With classes, the mean divides by the weights of those that
        are not ignored.
    label_smoothing : float in [0, 1]
        Share of the target spread evenly over all classes.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. A call raises ValueError for targets whose shape does not
        fit, for a class outside 0..C-1, and for probabilities on the CPU outside [0, 1].

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
        weight: npt.NDArray[np.float32] | Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        share = real("CrossEntropyLoss", "label_smoothing", label_smoothing)
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"[CrossEntropyLoss] label_smoothing must be in [0, 1], got {share}")
        self._options["label_smoothing"] = share

    def batch_weight(self, target: Array) -> float:
        """Return the divisor of a batch's mean, which is its weight in the mean over many batches.

        Parameters
        ----------
        target : array
            Targets of the batch: int64 classes, or float32 probabilities.

        Returns
        -------
        float
            Sum of the class weights (1 by default) of the classes that are not ignored, or the
            number of places that have probabilities.
        """
        if target.dtype == np.float32:
            return float(math.prod(places(target.shape)))
        return super().batch_weight(target)

    def _hint(self, output: Array, target: Any) -> str:
        hint = super()._hint(output, target)
        if not is_array(target) or target.dtype == output.dtype or target.dtype.kind != "f":
            return hint
        if target.shape != output.shape:
            return hint
        cure = "probabilities of the classes go in as y.astype(np.float32)"
        return f"{hint}; {cure}" if hint else cure

    def _row_targets(self, output: Array, target: Array) -> Array:
        if not _are_shares(target, output):
            return super()._row_targets(output, target)
        if isinstance(target, np.ndarray) and target.size:
            checked_here("CrossEntropyLoss", _check_shares, target)
        return rows_of(target)

    def _row_value(self, rows: Array, target: Array) -> tuple[Any, Array]:
        if not _are_shares(target, rows):
            return ops.softmax_cross_entropy(rows, target, **self._options_for(rows))
        if not rows.shape[0] and self.reduction == "mean":
            raise ValueError("[CrossEntropyLoss] the mean loss of an empty batch is not defined")
        logs = ops.log_softmax(rows)
        loss: Any = ops.pointwise_loss(logs, target, **self._share_options(rows))
        if self.reduction == "none":
            loss = ops.linear(loss, _ones((1, rows.shape[1]), rows))  # sums of rows
        return loss, logs

    def _row_gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        if not _are_shares(target, kept):
            options = self._options_for(kept)
            return ops.softmax_cross_entropy_backward(kept, target, dloss, **options)
        if self.reduction == "none" and is_array(dloss):
            dloss = ops.linear(dloss.reshape((dloss.size, 1)), _ones((kept.shape[1], 1), kept))
        options = self._share_options(kept)
        dlogs = ops.pointwise_loss_backward(kept, target, dloss=dloss, **options)
        return ops.log_softmax_backward(dlogs, kept)

    def _share_options(self, rows: Array) -> dict[str, Any]:
        """Return the options of the op that multiplies shares and log-probabilities."""
        options = self._options_for(rows)
        share, count = options["label_smoothing"], max(rows.shape[0], 1)
        return {
            "kind": "cross_entropy",
            "a": share,
            "b": share / rows.shape[1],
            "weight": options["weight"],
            "divisor": float(count) if self.reduction == "mean" else 1.0,
            "reduction": "none" if self.reduction == "none" else "sum",
        }


class NLLLoss(_WeightedLoss):
    """Negative log-likelihood, for outputs of `LogSoftmax`; see `pycnn.ops.nll_loss`.

    Call it with float32 log-probabilities (N, C) and int64 targets (N,), or with log-probabilities
    (N, C, d1, ..., dk) and a target at each place, (N, d1, ..., dk); with (C,) and () for one
    sample. The loss is a float, or with reduction 'none' an array of the shape of the targets.

    Parameters
    ----------
    weight : (C,) float32 array or Tensor, optional
        Weight of each class; copied once to the device of the log-probabilities.
    ignore_index : int
        Target that counts for nothing.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined. The mean divides by the weights of the targets that count.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. A call raises ValueError for targets whose shape does not
        fit, and for a class outside 0..C-1.
    """

    def __init__(
        self,
        weight: npt.NDArray[np.float32] | Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, ignore_index, reduction)

    def _alike(self, shape: Shape) -> float:
        return -math.log(shape[1] if len(shape) > 1 else shape[0])

    def _row_value(self, rows: Array, target: Array) -> tuple[Any, Array]:
        return ops.nll_loss(rows, target, **self._options_for(rows)), rows

    def _row_gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        return ops.nll_loss_backward(kept, target, dloss, **self._options_for(kept))


def _are_shares(target: Array, rows: Array) -> bool:
    """Whether targets are probabilities of the classes of rows, and no classes."""
    return bool(target.dtype == rows.dtype and target.shape == rows.shape)


def _ones(shape: Shape, like: Array) -> Array:
    """Return ones of the dtype of an array, on its device."""
    ones: Array = move(np.ones(shape, like.dtype), device_of(like))
    return ones


def _check_shares(target: Array) -> None:
    least, most = float(target.min()), float(target.max())
    if least < 0 or most > 1 + 1e-3:  # a NaN passes; sums of mixed labels are rounded
        raise ValueError(
            "[CrossEntropyLoss] float targets are probabilities of the classes, from 0 to "
            f"1, got numbers from {least:.4g} to {most:.4g}; {REGRESSION}"
        )
