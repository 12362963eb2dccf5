"""The loss of LeNet-5 as published, on distances to the classes."""

from __future__ import annotations

from typing import Any

from pycnn import ops
from pycnn._arguments import positive
from pycnn._hints import classes_hint
from pycnn.losses.base import Array, OpLoss


class MAPLoss(OpLoss):
    """Maximum a posteriori criterion on distances, such as the outputs of `RBF`.

    ``mean over n of d[n,t] + log(exp(-j) + sum over i of exp(-d[n,i]))``, t the target of n; see
    `pycnn.ops.map_loss`. Call it with (N, C) float32 distances, small where a class fits, and (N,)
    int64 targets; the loss is a float, or an (N,) array with reduction 'none'. A model answers with
    the class of the largest of its `Module.scores`: those of `RBF` are minus the distances.

    Parameters
    ----------
    j : float
        Distance of the "rubbish" class that competes with the others, above 0.
    reduction : {'mean', 'sum', 'none'}
        How the losses of the samples are combined.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998,
    section III-C, equation 9.
    """

    def __init__(self, j: float = 0.1, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.j = positive("MAPLoss", "j", j)

    def _value(self, output: Array, target: Array) -> tuple[Any, Array]:
        return ops.map_loss(output, target, j=self.j, reduction=self.reduction), output

    def _hint(self, output: Array, target: Any) -> str:
        return classes_hint(target, output.shape[1]) if output.ndim == 2 else ""

    def _gradient(self, kept: Array, target: Array, dloss: Any) -> Array:
        return ops.map_loss_backward(kept, target, dloss, j=self.j, reduction=self.reduction)
