"""Losses of numbers to be learned: errors, and the distance of distributions."""

from __future__ import annotations

import math
from typing import Any

from pycnn import ops
from pycnn._arguments import factor, flag, float32, positive
from pycnn._hints import numbers_hint
from pycnn.losses.base import REDUCTIONS, Array, OpLoss, Shape


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


class PointwiseLoss(OpLoss):
    """A kind of `pycnn.ops.pointwise_loss`.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined.
    **options
        Arguments of the op.

    Raises
    ------
    ValueError
        If `reduction` is anything else.
    """

    def __init__(self, reduction: str, **options: Any) -> None:
        super().__init__(reduction)
        self._options = {**options, "reduction": reduction}

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        return ops.pointwise_loss(output, target, **self._options_for(output)), output

    def _hint(self, output: Array, target: Any) -> str:
        return numbers_hint(target, output.shape)

    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        return ops.pointwise_loss_backward(kept, target, dloss=dloss, **self._options_for(kept))


class L1Loss(PointwiseLoss):
    """Absolute error ``abs(output - target)``.

    Call it with float32 outputs and targets of any common shape; the loss is a float, or an array
    of that shape with reduction 'none'. The gradient of an output that is right is 0.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        How the errors are combined; the mean is over all numbers.

    Raises
    ------
    ValueError
        If `reduction` is anything else.
    """

    _is_symmetric = True

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction, kind="l1")


class SmoothL1Loss(PointwiseLoss):
    """Absolute error with a round bottom.

    With d = abs(output - target) it is ``d^2 / (2 beta)`` if ``d < beta``, else ``d - beta / 2``.
    Call it with float32 outputs and targets of any common shape; the loss is a float, or an array
    of that shape with reduction 'none'.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined; the mean is over all numbers.
    beta : float
        Where the parabola ends, at least 0; with 0 this is `L1Loss`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    R. Girshick, "Fast R-CNN", ICCV 2015.
    """

    _is_symmetric = True

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        self.beta = factor("SmoothL1Loss", "beta", beta)
        super().__init__(reduction, kind="smooth_l1", a=self.beta)


class HuberLoss(PointwiseLoss):
    """Huber's loss: ``d^2 / 2`` if ``d < delta``, else ``delta (d - delta / 2)``.

    Here d is ``abs(output - target)``. Call it with float32 outputs and targets of any common
    shape; the loss is a float, or an array of that shape with reduction 'none'.

    Parameters
    ----------
    reduction : {'mean', 'sum', 'none'}
        How the losses are combined; the mean is over all numbers.
    delta : float
        Where the parabola ends, above 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics,
    1964.
    """

    _is_symmetric = True

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        positive("HuberLoss", "delta", delta)
        self.delta = float32("HuberLoss", "delta", delta)
        super().__init__(reduction, kind="huber", a=self.delta)


class KLDivLoss(PointwiseLoss):
    """Kullback-Leibler divergence: ``target (log(target) - output)``, outputs as logarithms.

    Call it with float32 log-probabilities, as of `LogSoftmax`, and float32 probabilities (or with
    `log_target` their logarithms, ``exp(target) (target - output)``) of a common shape, an axis of
    samples first. A target of 0 costs nothing.

    Parameters
    ----------
    reduction : {'mean', 'batchmean', 'sum', 'none'}
        How the losses are combined. 'batchmean' divides the sum by the number of samples, which is
        the divergence of the definition; 'mean', PyTorch's default, by the count of all numbers.
    log_target : bool
        Whether targets are logarithms, too.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    S. Kullback, R. A. Leibler, "On information and sufficiency", Annals of Mathematical Statistics,
    1951.
    """

    _reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        self.log_target = flag("KLDivLoss", "log_target", log_target)
        super().__init__(reduction, kind="kl_div_log" if self.log_target else "kl_div")

    def _alike(self, shape: Shape) -> float:
        return -math.log(shape[1]) if len(shape) > 1 and shape[1] else 0.0

    def _options_for(self, output: Array) -> dict[str, Any]:
        options = super()._options_for(output)
        if self.reduction != "batchmean":
            return options
        if not output.shape or not output.shape[0]:
            raise ValueError(
                f"[KLDivLoss] 'batchmean' needs samples along the first axis, got {output.shape}"
            )
        return {**options, "reduction": "sum", "divisor": float(output.shape[0])}
