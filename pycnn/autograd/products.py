"""Products of matrices, and sums of products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd.arithmetic import unbroadcast
from pycnn.autograd.graph import Needs
from pycnn.autograd.value import Value, record, same_backend

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


def matmul(a: Value, b: Value) -> Tensor:
    """Multiply matrices, or vectors, with broadcasting of the axes in front (as NumPy's ``@``)."""
    k = same_backend("matmul", a, b)
    first, second = a.array, b.array
    _check_dtypes("matmul", first, second)
    if not first.shape or not second.shape:
        raise ValueError("[matmul] needs at least one dimension on both sides, got a scalar")
    row, column = len(first.shape) == 1, len(second.shape) == 1
    x = first.reshape((1, *first.shape)) if row else first
    z = second.reshape((*second.shape, 1)) if column else second
    if x.shape[-1] != z.shape[-2]:
        raise ValueError(
            f"[matmul] shapes {tuple(first.shape)} and {tuple(second.shape)} do not fit: "
            f"{x.shape[-1]} columns meet {z.shape[-2]} rows"
        )
    y = k.matmul(x, z)
    full = y.shape

    def flipped(array: Any) -> Any:
        n = len(array.shape)
        return k.transpose(array, (*range(n - 2), n - 1, n - 2))

    def pull(needs: Needs, g: Any) -> tuple[Any, Any]:
        g = g.reshape(full)
        dx = dz = None
        if needs[0]:
            dx = unbroadcast(k, k.matmul(g, flipped(z)), x.shape).reshape(first.shape)
        if needs[1]:
            dz = unbroadcast(k, k.matmul(flipped(x), g), z.shape).reshape(second.shape)
        return dx, dz

    shape = tuple(full[:-2]) + (() if row else (full[-2],)) + (() if column else (full[-1],))
    return record("matmul", (a, b), y.reshape(shape), pull)


def _check_dtypes(name: str, *arrays: Any) -> None:
    if len({array.dtype for array in arrays}) > 1:
        found = " and ".join(str(array.dtype) for array in arrays)
        raise TypeError(f"[{name}] needs tensors of one dtype, got {found}: convert with .to(...)")


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum products as the letters of an equation say: see `numpy.einsum` (without '...').

    Gradients come from the same equation with an operand and the result exchanged.
    """
    if not isinstance(equation, str):
        raise TypeError(f"[einsum] the equation must be a str, got {type(equation).__name__}")
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in equation or len(terms) != len(operands):
        raise ValueError(
            f"[einsum] {equation!r} must name the axes of {len(operands)} operands by letters"
        )
    if not arrow:
        right = "".join(sorted(c for c in set(left) if c.isalpha() and left.count(c) == 1))
    k = same_backend("einsum", *operands)
    arrays = [k.to_numpy(x.array) for x in operands]
    _check_dtypes("einsum", *arrays)
    sizes = [dict(zip(term, x.shape, strict=False)) for term, x in zip(terms, arrays, strict=True)]
    extents = {c: max(size.get(c, 1) for size in sizes) for c in left if c.isalpha()}
    try:
        y = np.einsum(f"{left}->{right}", *arrays)
    except ValueError as error:
        shapes = " and ".join(str(array.shape) for array in arrays)
        raise ValueError(f"[einsum] {equation!r} for shapes {shapes}: {error}") from None

    def pull(needs: Needs, g: Any) -> list[Any]:
        dy = k.to_numpy(g)
        grads: list[Any] = []
        for i, need in enumerate(needs):
            if not need:
                grads.append(None)
                continue
            own = terms[i]
            if len(set(own)) < len(own):
                raise ValueError(f"[einsum] no gradient for an axis named twice, as in {own!r}")
            rest = [j for j in range(len(terms)) if j != i]
            seen = set(right).union(*[terms[j] for j in rest])
            common = "".join(c for c in own if c in seen)
            text = ",".join([right, *[terms[j] for j in rest]]) + "->" + common
            found = np.einsum(text, dy, *[arrays[j] for j in rest])
            shape = [n if c in seen else 1 for c, n in zip(own, arrays[i].shape, strict=True)]
            once = tuple(a for a, c in enumerate(common) if extents[c] > 1 == sizes[i][c])
            found = found.sum(once, keepdims=True)
            wide = np.broadcast_to(found.reshape(shape), arrays[i].shape)
            grads.append(k.from_numpy(np.asarray(wide, order="C")))
        return grads

    return record("einsum", operands, k.from_numpy(np.asarray(y, order="C")), pull)
