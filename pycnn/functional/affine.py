"""Convolutions, linear layers and look-ups as functions of their weights."""

from __future__ import annotations

from typing import Any

from pycnn import layers, ops
from pycnn.autograd import Tensor
from pycnn.autograd.fused import affine
from pycnn.autograd.graph import Needs
from pycnn.autograd.structure import on_arrays_too
from pycnn.autograd.value import new, record, same_backend

__all__ = [
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "embedding",
    "linear",
]


@on_arrays_too
def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve images (N, C, H, W) or (C, H, W) with filters; see `pycnn.ops.conv2d`."""
    if x.ndim == 3:
        batch = conv2d(x.unsqueeze(0), weight, bias, stride, padding, dilation, groups)
        return batch.squeeze(0)
    geometry = {
        "stride": _plain(stride),
        "padding": padding if isinstance(padding, str) else _plain(padding),
        "dilation": _plain(dilation),
        "groups": groups,
    }
    return _computed("conv2d", x, weight, bias, geometry)


@on_arrays_too
def conv1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    """Convolve signals (N, C, L) or (C, L) with filters: images of one row. See `pycnn.Conv1d`."""
    sides = padding if isinstance(padding, str) else (0, _plain(padding))
    y = conv2d(
        x.unsqueeze(-2),
        weight.unsqueeze(-2),
        bias,
        (1, _plain(stride)),
        sides,
        (1, _plain(dilation)),
        groups,
    )
    return y.squeeze(-2)


@on_arrays_too
def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply the last axis by a matrix: ``y = x weight^T + bias``; see `pycnn.ops.linear`."""
    if x.ndim == 2:
        return _computed("linear", x, weight, bias, {})
    rows = x.reshape(-1, x.shape[-1]) if x.ndim else x
    y = _computed("linear", rows, weight, bias, {})
    return y.reshape(*x.shape[:-1], weight.shape[0])


def _computed(
    op: str, x: Tensor, weight: Tensor, bias: Tensor | None, geometry: dict[str, Any]
) -> Tensor:
    """Compute now, so that an error comes from here; a layer's arguments are known to fit."""
    backend = same_backend(op, *((x, weight) if bias is None else (x, weight, bias)))
    if backend.traces:  # what is put off would be written down late, or refused elsewhere
        call = ops.conv2d if op == "conv2d" else ops.linear
        return new(call(x.array, weight.array, None if bias is None else bias.array, **geometry))
    y = affine(op, x, weight, bias, geometry)
    if geometry.get("padding", 0) != 0 or op == "linear" or not _covers(x, weight, bias, geometry):
        y.array  # noqa: B018 - computes
    return y


def _covers(x: Tensor, weight: Tensor, bias: Tensor | None, geometry: dict[str, Any]) -> bool:
    """Whether images without padding surely fit the filters."""
    return (
        x.ndim == weight.ndim == 4
        and x.shape[1] == weight.shape[1] * geometry["groups"]
        and weight.shape[0] % geometry["groups"] == 0
        and geometry["dilation"] == 1
        and (geometry["stride"] in (1, 2) or geometry["stride"] in ((1, 1), (2, 2)))
        and (bias is None or (bias.shape == weight.shape[:1] and bias.dtype == weight.dtype))
        and all(n >= taps for n, taps in zip(x.shape[2:], weight.shape[2:], strict=True))
        and x.dtype == weight.dtype
    )


def _plain(value: Any) -> Any:
    """Return a single number that was given as a tuple of one."""
    return value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value


@on_arrays_too
def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Enlarge images by a transposed convolution; see `pycnn.ops.conv_transpose2d`."""
    if x.ndim == 3:
        batch = conv_transpose2d(
            x.unsqueeze(0), weight, bias, stride, padding, output_padding, groups, dilation
        )
        return batch.squeeze(0)
    geometry = {
        "stride": _plain(stride),
        "padding": _plain(padding),
        "output_padding": _plain(output_padding),
        "dilation": _plain(dilation),
        "groups": groups,
    }
    inputs = (x, weight) if bias is None else (x, weight, bias)
    same_backend("conv_transpose2d", *inputs)
    array, w, b = x.array, weight.array, None if bias is None else bias.array

    def pull(needs: Needs, dy: Any) -> list[Any]:
        dx = dw = db = None
        if needs[0]:
            dx = ops.conv_transpose2d_backward_input(dy, w, array.shape, **geometry)
        if any(needs[1:]):
            dw, db = ops.conv_transpose2d_backward_weight(dy, array, w.shape, **geometry)
        return [dx, dw, db][: len(needs)]

    return record("conv_transpose2d", inputs, ops.conv_transpose2d(array, w, b, **geometry), pull)


@on_arrays_too
def conv_transpose1d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    """Lengthen signals by a transposed convolution; see `pycnn.ConvTranspose1d`."""
    y = conv_transpose2d(
        x.unsqueeze(-2),
        weight.unsqueeze(-2),
        bias,
        (1, _plain(stride)),
        (0, _plain(padding)),
        (0, _plain(output_padding)),
        groups,
        (1, _plain(dilation)),
    )
    return y.squeeze(-2)


@on_arrays_too
def embedding(x: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """Look up rows of a table; the row `padding_idx` gets no gradient. See `pycnn.Embedding`.

    A negative `padding_idx` counts from the end.
    """
    words, table = x.array, weight.array
    if padding_idx is not None:
        rows = len(table)
        if not -rows <= padding_idx < rows:
            raise ValueError(
                f"[embedding] padding_idx {padding_idx} is none of the {rows} rows of weight"
            )
        padding_idx %= rows

    def pull(needs: Needs, dy: Any) -> list[Any]:
        rows, values = ops.embedding_backward(dy, words, padding_idx)
        return [None, layers.SparseRows(rows, values, table.shape).to_dense()]

    return record("embedding", (x, weight), ops.embedding(table, words), pull)
