"""Units that one half of the channels opens and closes for the other."""

from __future__ import annotations

from pycnn._arguments import integer
from pycnn.autograd import Tensor
from pycnn.layers.module import Module


class GLU(Module):
    """Gated linear unit: ``a / (1 + exp(-b))``, where a and b are the halves of an axis.

    Parameters
    ----------
    dim : int
        The axis that is parted; of even extent.

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
    size = x.size(dim)
    if size % 2:
        raise ValueError(f"[glu] axis {dim} of shape {x.shape} has no halves")
    a, b = x.split(size // 2, dim)
    return a * b.sigmoid()
