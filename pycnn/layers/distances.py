"""Layers of two inputs: what lies between them, and their products."""

from __future__ import annotations

from typing import Any

from pycnn import init
from pycnn._arguments import at_least_zero, flag, integer, number, placement
from pycnn.autograd.distances import cosine_similarity, pairwise_distance
from pycnn.layers.module import Module
from pycnn.layers.parameter import Parameter


class CosineSimilarity(Module):
    """Cosine of the angle between vectors: ``a . b / (max(|a|, eps) max(|b|, eps))``.

    Parameters
    ----------
    dim : int
        The axis of the vectors.
    eps : float
        What lengths are at least counted as.
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim = integer("CosineSimilarity", "dim", dim, -32)
        self.eps = at_least_zero("CosineSimilarity", "eps", eps)

    def forward(self, a: Any, b: Any) -> Any:
        """Compare vectors of the same place."""
        return cosine_similarity(a, b, self.dim, self.eps)

    def _arguments(self) -> str:
        return f"dim={self.dim}, eps={self.eps}"


class PairwiseDistance(Module):
    """Distance between vectors along the last axis: the p-norm of ``a - b + eps``.

    Parameters
    ----------
    p : float
        Which norm.
    eps : float
        Added to each difference.
    keepdim : bool
        Whether the last axis stays, with extent 1.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        self.norm = number("PairwiseDistance", "p", p)
        self.eps = at_least_zero("PairwiseDistance", "eps", eps)
        self.keepdim = flag("PairwiseDistance", "keepdim", keepdim)

    @property
    def p(self) -> float:
        """Which norm."""
        return self.norm

    def forward(self, a: Any, b: Any) -> Any:
        """Measure the distance of vectors of the same place."""
        return pairwise_distance(a, b, self.norm, self.eps, self.keepdim)

    def _arguments(self) -> str:
        return f"p={self.norm}, eps={self.eps}, keepdim={self.keepdim}"


class Bilinear(Module):
    """Bilinear map of two inputs: ``y[o] = sum over i, j of a[i] W[o, i, j] b[j] + bias[o]``.

    Parameters
    ----------
    in1_features, in2_features, out_features : int
        Extents of the last axes of both inputs and of the output.
    bias : bool
        Whether to add a learned number to each output.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(in1_features)).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        placement("Bilinear", device, dtype)
        self.in1_features = integer("Bilinear", "in1_features", in1_features, 1)
        self.in2_features = integer("Bilinear", "in2_features", in2_features, 1)
        self.out_features = integer("Bilinear", "out_features", out_features, 1)
        shape = (out_features, in1_features, in2_features)
        generator, bound = init.generator(rng, "Bilinear"), in1_features**-0.5
        self.weight = Parameter(init.uniform(shape, bound, generator))
        self.bias = (
            Parameter(init.uniform(shape[:1], bound, generator))
            if flag("Bilinear", "bias", bias)
            else None
        )

    def forward(self, a: Any, b: Any) -> Any:
        """Map (..., in1_features) and (..., in2_features) to (..., out_features)."""
        return bilinear(a, b, self.weight, self.bias)

    def _arguments(self) -> str:
        sizes = self.in1_features, self.in2_features, self.out_features
        return ", ".join(map(str, sizes)) + ("" if self.bias is not None else ", bias=False")


def bilinear(a: Any, b: Any, weight: Any, bias: Any = None) -> Any:
    """Return the bilinear map of the last axes of two tensors."""
    outputs, first, second = weight.shape
    if a.shape[-1:] != (first,) or b.shape[-1:] != (second,) or a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            f"[bilinear] expects (..., {first}) and (..., {second}), got {a.shape} and {b.shape}"
        )
    half = a.reshape(-1, first) @ weight.permute(1, 0, 2).reshape(first, outputs * second)
    y = (half.reshape(-1, outputs, second) * b.reshape(-1, 1, second)).sum(2)
    y = y.reshape(*a.shape[:-1], outputs)
    return y if bias is None else y + bias
