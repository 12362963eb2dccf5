"""Units that one half of the channels opens and closes for the other."""

from __future__ import annotations

from pycnn._arguments import integer
from pycnn.autograd import Tensor
from pycnn.layers.module import Module
from pycnn.layers.reshape import axis_of


class GLU(Module):
    """Gated linear unit: ``a / (1 + exp(-b))``, where a and b are the halves of an axis.

    (N, 2 C, ...) becomes (N, C, ...) with `dim` 1.

    Parameters
    ----------
    dim : int
        The axis that is parted, of even extent; a negative number counts from the end.

    Raises
    ------
    TypeError, ValueError
        If `dim` is not an int; in `forward`, if there is no such axis, or its extent is odd.

    References
    ----------
    Y. Dauphin, A. Fan, M. Auli, D. Grangier, "Language Modeling with Gated Convolutional Networks",
    ICML 2017.
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = integer("GLU", "dim", dim, -32)

    def forward(self, x: Tensor) -> Tensor:
        """Gate one half by the other."""
        return gated(x, self.dim)

    def _arguments(self) -> str:
        return f"dim={self.dim}"


def gated(x: Tensor, dim: int) -> Tensor:
    """Return the first half of an axis times the sigmoid of the second one."""
    if not isinstance(x, Tensor):
        raise TypeError(f"[glu] x must be a tensor or an array, got {type(x).__name__}")
    axis = axis_of(dim, x.shape)
    if axis is None or x.shape[axis] % 2:
        raise ValueError(f"[glu] x must have an axis {dim} of even extent, has shape {x.shape}")
    half = x.shape[axis] // 2
    a, b = x.split([half, half], axis)
    return a * b.sigmoid()
