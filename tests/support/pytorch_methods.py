"""What methods of tensors come to in NumPy: a row for each name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import pycnn as nn

RNG = np.random.default_rng(0)
A, B, C = (RNG.standard_normal((3, 4)).astype(np.float32) for _ in range(3))
V = RNG.standard_normal(4).astype(np.float32)
S = RNG.standard_normal((4, 4)).astype(np.float32)
X, Y = (RNG.standard_normal(shape).astype(np.float32) for shape in ((2, 3, 4), (2, 4, 5)))
P, Q = np.abs(A) + 0.5, np.tanh(A) * 0.9
PLACES = np.array([[0, 1, 2, 0], [2, 0, 1, 1]])
MASK = A > 0

Call = Callable[..., Any]
Row = tuple[Call, Call, tuple[Any, ...]]


def t(array: Any) -> Any:
    return nn.tensor(array)


def put(x: Any, places: Any, axis: int, values: Any) -> Any:
    y = x.copy()
    np.put_along_axis(y, places, values, axis)
    return y


def plus(x: Any, key: Any, values: Any) -> Any:
    y = x.copy()
    np.add.at(y, key, values)
    return y


def part(x: Any, key: Any, values: Any) -> Any:
    y = x.copy()
    y[key] = values
    return y


# What is called, what it is in NumPy, and the arrays.
ROWS: dict[str, Row] = {
    **{
        name: (lambda x, name=name: getattr(x, name)(), getattr(np, other), (array,))
        for names, array in (
            ("tan sinh cosh exp2 expm1 trunc fliplr flipud ravel trace rot90 nansum median", A),
            ("log1p log2 log10", P),
        )
        for name in names.split()
        for other in [name]
    },
    "asin": (lambda x: x.asin(), np.arcsin, (Q,)),
    "acos": (lambda x: x.acos(), np.arccos, (Q,)),
    "atan": (lambda x: nn.atan(x), np.arctan, (A,)),
    "erf": (lambda x: x.erf(), np.vectorize(math.erf), (A,)),
    "clamp_min": (lambda x: x.clamp_min(0.1), lambda x: np.maximum(x, 0.1), (A,)),
    "clamp_max": (lambda x: x.clamp_max(0.1), lambda x: np.minimum(x, 0.1), (A,)),
    "clamp": (
        lambda x, y, z: nn.clamp(x, y, y + z),
        lambda x, y, z: np.clip(x, y, y + z),
        (A, B, P),
    ),
    "clamp of a row": (lambda x, y: x.clamp(max=y), lambda x, y: np.minimum(x, y), (A, V)),
    "lerp": (lambda x, y: nn.lerp(x, y, 0.3), lambda x, y: x + 0.3 * (y - x), (A, B)),
    "addcmul": (lambda x, y, z: x.addcmul(y, z, value=2), lambda x, y, z: x + 2 * y * z, (A, B, C)),
    "addcdiv": (lambda x, y, z: x.addcdiv(y, z, value=2), lambda x, y, z: x + 2 * y / z, (A, B, P)),
    "atan2": (lambda x, y: nn.atan2(x, y), np.arctan2, (A, V)),
    "fmod": (lambda x, y: x.fmod(y), np.fmod, (A, P)),
    "remainder": (lambda x, y: x.remainder(y), np.remainder, (A, P)),
    "frac": (lambda x: x.frac(), lambda x: x - np.trunc(x), (A,)),
    "where": (lambda x: x.where(x > 0, 0.0), lambda x: np.maximum(x, 0), (A,)),
    "dot": (lambda x, y: x.dot(y), np.dot, (V, S[0])),
    "mv": (lambda x, y: x.mv(y), np.dot, (A, V)),
    "outer": (lambda x, y: nn.outer(x, y), np.outer, (V, S[0])),
    "addmm": (
        lambda x, y, z: x.addmm(y, z, beta=0.5, alpha=2),
        lambda x, y, z: 0.5 * x + 2 * y @ z,
        (B, A, S),
    ),
    "addmv": (lambda x, y, z: x.addmv(y, z), lambda x, y, z: x + y @ z, (V[:3], A, V)),
    "baddbmm": (
        lambda x, y, z: x.baddbmm(y, z, alpha=2),
        lambda x, y, z: x + 2 * y @ z,
        (X[:, :, :1], X, Y),
    ),
    "addbmm": (
        lambda x, y, z: x.addbmm(y, z),
        lambda x, y, z: x + (y @ z).sum(0),
        (X[0, :, :1], X, Y),
    ),
    "diagonal": (lambda x: x.diagonal(-1), lambda x: np.diagonal(x, -1), (A,)),
    "diagonal of axes": (lambda x: x.diagonal(1, 0, -1), lambda x: np.diagonal(x, 1, 0, 2), (X,)),
    "diag": (lambda x: nn.diag(x, -2), lambda x: np.diag(x, -2), (V,)),
    "diag of a matrix": (lambda x: x.diag(1), lambda x: np.diag(x, 1), (S,)),
    "scatter": (
        lambda x, y: x.scatter(1, t(PLACES[:, :2]), y),
        lambda x, y: put(x, PLACES[:, :2], 1, y[:2, :2]),
        (A[:2], B),
    ),
    "scatter of a number": (
        lambda x: x.scatter(0, t(PLACES), 5.0),
        lambda x: put(x, PLACES, 0, 5),
        (A,),
    ),
    "scatter_add": (
        lambda x, y: x.scatter_add(0, t(PLACES), y),
        lambda x, y: plus(x, (PLACES, np.arange(4)), y[:2]),
        (A, B),
    ),
    "index_add": (
        lambda x, y: x.index_add(1, t(np.array([0, 0, 2])), y, alpha=2),
        lambda x, y: plus(x, (slice(None), [0, 0, 2]), 2 * y),
        (A, B[:, :3]),
    ),
    "index_fill": (
        lambda x: x.index_fill(1, t(np.array([0, 2])), -1.0),
        lambda x: part(x, (slice(None), [0, 2]), -1),
        (A,),
    ),
    "index_copy": (
        lambda x, y: x.index_copy(1, t(np.array([3, 0])), y),
        lambda x, y: part(x, (slice(None), [3, 0]), y),
        (A, B[:, :2]),
    ),
    "masked_select": (lambda x: x.masked_select(t(MASK[0])), lambda x: x[:, MASK[0]].ravel(), (A,)),
    "masked_scatter": (
        lambda x, y: x.masked_scatter(t(MASK), y),
        lambda x, y: part(x, MASK, y.ravel()[: MASK.sum()]),
        (A, B),
    ),
    "take_along_dim": (
        lambda x: nn.take_along_dim(x, t(PLACES), 0),
        lambda x: np.take_along_axis(x, PLACES, 0),
        (A,),
    ),
    "take": (lambda x: x.take(t(PLACES)), lambda x: np.take(x, PLACES), (A,)),
    "kthvalue": (lambda x: x.kthvalue(2, 1).values, lambda x: np.sort(x, 1)[:, 1], (A,)),
    "median of rows": (lambda x: x.median(1)[0], lambda x: np.sort(x, 1)[:, 1], (A,)),
    "cumprod": (lambda x: x.cumprod(1), lambda x: np.cumprod(x, 1), (A,)),
    "cumprod of zeros": (lambda x: x.cumprod(0), lambda x: np.cumprod(x, 0), (A * MASK,)),
    "aminmax": (lambda x: nn.aminmax(x, dim=1)[0], lambda x: x.min(1), (A,)),
    "std_mean": (lambda x: nn.std_mean(x, 0)[0], lambda x: x.std(0, ddof=1), (A,)),
    "tile": (lambda x: x.tile(2, 1, 2), lambda x: np.tile(x, (2, 1, 2)), (A,)),
    "tile of a row": (lambda x: x.tile(2), lambda x: np.tile(x, 2), (A,)),
    "unfold": (
        lambda x: x.unfold(1, 2, 1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, 1),
        (A,),
    ),
    "roll": (lambda x: nn.roll(x, (1, -1), (0, 1)), lambda x: np.roll(x, (1, -1), (0, 1)), (A,)),
    "roll of all": (lambda x: x.roll(5), lambda x: np.roll(x, 5), (A,)),
    "repeat_interleave": (
        lambda x: x.repeat_interleave(t(np.array([1, 2, 0])), 0),
        lambda x: np.repeat(x, [1, 2, 0], 0),
        (A,),
    ),
    **{
        f"norm {p}": (lambda x, p=p: x.norm(p, 1), lambda x, p=p: np.linalg.norm(x, p, 1), (A,))
        for p in (0, 1, 2, 3.0, math.inf, -math.inf)
    },
    "meshgrid": (
        lambda x, y: nn.meshgrid(x, y)[1],
        lambda x, y: np.meshgrid(x, y, indexing="ij")[1],
        (V, A[0, :3]),
    ),
    "meshgrid of x and y": (
        lambda x, y: nn.meshgrid([x, y], indexing="xy")[0],
        lambda x, y: np.meshgrid(x, y)[0],
        (V, A[0, :3]),
    ),
    "cartesian_prod": (
        lambda x, y: nn.cartesian_prod(x, y)[:, 1],
        lambda x, y: np.tile(y, 4),
        (V, A[0, :3]),
    ),
    "hstack": (lambda x, y: nn.hstack((x, y)), lambda x, y: np.hstack((x, y)), (A, B)),
    "vstack": (lambda x, y: nn.vstack((x, y)), lambda x, y: np.vstack((x, y)), (V, A)),
    "dstack": (lambda x, y: nn.dstack((x, y)), lambda x, y: np.dstack((x, y)), (A, B)),
    "column_stack": (
        lambda x, y: nn.column_stack((x, y)),
        lambda x, y: np.column_stack((x, y)),
        (V, S),
    ),
    "broadcast_tensors": (
        lambda x, y: nn.broadcast_tensors(x, y)[1],
        lambda x, y: np.broadcast_to(y, x.shape),
        (A, V),
    ),
    "tensordot": (
        lambda x, y: nn.tensordot(x, y, dims=([2], [1])),
        lambda x, y: np.tensordot(x, y, ([2], [1])),
        (X, A),
    ),
    "cdist": (
        lambda x, y: nn.cdist(x, y),
        lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(2)),
        (A, S),
    ),
}
ROWS["median"] = (lambda x: x.median(), lambda x: np.sort(x.ravel())[5], (A,))
