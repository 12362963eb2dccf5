"""Squared distances to centres, the arguments of radial basis functions, and their gradients."""

from __future__ import annotations

import numpy as np

from pycnn.reference.geometry import Array

__all__ = ["rbf", "rbf_backward"]


def _differences(x: Array, centres: Array) -> Array:
    """x[n, d] - centres[k, d], shape (N, K, D)."""
    if x.shape[1] != centres.shape[1]:
        raise ValueError(
            f"[rbf] centres have {centres.shape[1]} features, x has {x.shape[1]} "
            f"(x: {x.shape}, centres: {centres.shape})"
        )
    return np.asarray(x[:, np.newaxis] - centres)


def rbf(x: Array, centres: Array) -> Array:
    """``y[n, k] = sum_d (x[n, d] - centres[k, d])^2``.

    Parameters, results and errors are those of `pycnn.ops.rbf`.
    """
    return np.asarray(np.square(_differences(x, centres)).sum(axis=2))


def rbf_backward(dy: Array, x: Array, centres: Array) -> tuple[Array, Array]:
    """Gradients of `rbf`.

    ``dx[n, d] = sum_k 2 dy[n, k] (x[n, d] - centres[k, d])``, and ``dcentres[k, d]`` is minus the
    same sum over n.
    Parameters, results and errors are those of `pycnn.ops.rbf_backward`.
    """
    terms = 2 * dy[:, :, np.newaxis] * _differences(x, centres)
    return np.asarray(terms.sum(axis=1)), np.asarray(-terms.sum(axis=0))
