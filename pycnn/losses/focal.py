"""The focal loss, which attends to what a model finds difficult."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import factor, real
from pycnn.autograd import Tensor
from pycnn.devices import is_array
from pycnn.losses.base import Array, float32_weights
from pycnn.losses.classes import ClassLoss


class FocalLoss(ClassLoss):
    """Cross entropy in which answers that are right already count little.

    With p the probability of the right answer, the loss is ``-v (1 - p)^gamma log p``; with gamma 0
    and no alpha it is the cross entropy. Targets choose the form by their dtype:

    - int64 classes, as in `CrossEntropyLoss`: p is a softmax over axis 1 of the outputs (N, C) or
      (N, C, d1, ..., dk), and v is `alpha`, or ``alpha[c]`` of class c.
    - float32 of the shape of the outputs, yes (1) or no (0) for each number: p is a sigmoid, and v
      is `alpha` for yes and ``1 - alpha`` for no. Between 0 and 1 the terms are mixed:
      ``v (t (1 - s) + (1 - t) s)^gamma h``, s the sigmoid, h the binary cross entropy and
      ``v = alpha t + (1 - alpha) (1 - t)``.

    Parameters
    ----------
    alpha : float in [0, 1] or (C,) float32 array or Tensor, optional
        v above; 1 by default. The paper has 0.25, where yes is rare.
    gamma : float
        How little easy answers count, at least 0.
    ignore_index : int
        Class that counts for nothing.
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined. The mean divides by the number of targets that are not ignored,
        whatever `alpha`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above. A call raises ValueError for targets that do not fit, as
        `CrossEntropyLoss` does.

    References
    ----------
    T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar, "Focal loss for dense object detection",
    ICCV 2017.
    """

    def __init__(
        self,
        alpha: float | npt.NDArray[np.float32] | Tensor | None = None,
        gamma: float = 2.0,
        ignore_index: int = -100,
        reduction: str = "mean",
    ) -> None:
        super().__init__(ignore_index, reduction)
        self.gamma = factor("FocalLoss", "gamma", gamma)
        self.alpha: Any = alpha
        self._options: dict[str, Any] = {}
        if isinstance(alpha, Tensor) or is_array(alpha):
            self.alpha = float32_weights("FocalLoss", "alpha", alpha)
            self._options = {"scale": self.alpha, "shift": np.zeros_like(self.alpha)}
        elif alpha is not None:
            self.alpha = real("FocalLoss", "alpha", alpha)
            if not 0.0 <= self.alpha <= 1.0:
                raise ValueError(f"[FocalLoss] alpha must be in [0, 1], got {self.alpha}")

    def batch_weight(self, target: Array) -> float:
        """Return the weight of a batch's mean in the mean over many batches.

        Parameters
        ----------
        target : array
            Targets of the batch: int64 classes, or float32 numbers.

        Returns
        -------
        float
            The number of classes that are not ignored, or of samples.
        """
        if target.dtype.kind == "f":
            return float(len(target))
        return super().batch_weight(target)

    # Yes or no for each number ---------------------------------------------------------------

    def _binary(self) -> dict[str, Any]:
        if is_array(self.alpha):
            raise ValueError(
                "[FocalLoss] alpha for each class needs int64 targets; with float targets, yes or "
                "no for each number, it must be one number"
            )
        a = -1.0 if self.alpha is None else self.alpha
        return {"kind": "focal", "a": a, "b": self.gamma, "reduction": self.reduction}

    def _value(self, output: Array, target: Array) -> tuple[Any, Any]:
        if not is_array(target) or target.dtype != output.dtype:
            return super()._value(output, target)
        return ops.pointwise_loss(output, target, **self._binary()), (output, None, None)

    def _gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        output, classes, _ = kept
        if classes is not None:
            return super()._gradient(kept, target, dloss)
        return ops.pointwise_loss_backward(output, target, dloss=dloss, **self._binary())

    # Classes ---------------------------------------------------------------------------------

    def _target_options(self) -> dict[str, Any]:
        return {"ignore_index": self.ignore_index, "reduction": self.reduction}

    def _focus(self) -> dict[str, Any]:
        scale = 1.0 if self.alpha is None or is_array(self.alpha) else self.alpha
        return {"kind": "focal", "a": self.gamma, "b": scale}

    def _scaled(self, rows: Array) -> Array:
        """Multiply each class by its alpha, if there is one for each."""
        if not self._options:
            return rows
        options = self._options_for(rows)
        images = rows.reshape((*rows.shape, 1, 1))
        return ops.channel_affine(images, options["scale"], options["shift"]).reshape(rows.shape)

    def _row_value(self, rows: Array, target: Array) -> tuple[Any, Array]:
        if is_array(self.alpha) and self.alpha.shape != rows.shape[1:]:
            raise ValueError(
                f"[FocalLoss] alpha must have shape {rows.shape[1:]}, a number for each class, "
                f"got {self.alpha.shape}"
            )
        logs = ops.log_softmax(rows)
        focused = self._scaled(ops.activation(logs, **self._focus()))
        return ops.nll_loss(focused, target, **self._target_options()), logs

    def _row_gradient(self, kept: Any, target: Array, dloss: Any) -> Array:
        dfocused = ops.nll_loss_backward(kept, target, dloss, **self._target_options())
        dlogs = ops.activation_backward(self._scaled(dfocused), kept, **self._focus())
        return ops.log_softmax_backward(dlogs, kept)
