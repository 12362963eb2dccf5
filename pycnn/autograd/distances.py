"""Distances and angles between vectors."""

from __future__ import annotations

from typing import Any


def cosine_similarity(a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """Return ``a . b / (max(|a|, eps) max(|b|, eps))`` along an axis."""
    return (a * b).sum(dim) / (a.norm(2, dim).clamp(min=eps) * b.norm(2, dim).clamp(min=eps))


def pairwise_distance(
    a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """Return the p-norm of ``a - b + eps`` along the last axis."""
    return (a - b + eps).norm(p, -1, keepdim)
