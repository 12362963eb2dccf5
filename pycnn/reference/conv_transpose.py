r"""Two-dimensional transposed convolution and its three gradients.

With strides (u, v), dilations (d, e) and padding (t, l), input pixel (h, i) of channel c adds its
share to the output pixels under its window:

.. math:: y_{n,k,\,hu + rd - t,\,iv + se - l} \mathrel{+}= x_{nchi}\; w_{ckrs}.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pycnn.reference.geometry import Array, Axis, IntOrPair, pad_image, pair, windows

__all__ = [
    "conv_transpose2d",
    "conv_transpose2d_backward_input",
    "conv_transpose2d_backward_weight",
]


def _axes(
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: IntOrPair,
    padding: IntOrPair,
    output_padding: IntOrPair,
    dilation: IntOrPair,
    groups: int,
) -> tuple[Axis, Axis]:
    """Check that the channels fit together; the windows lie in the output, one for each input."""
    if weight_shape[0] != input_shape[1] or input_shape[1] % groups:
        raise ValueError(
            f"[conv_transpose2d] weight has {weight_shape[0]} input channels, x has "
            f"{input_shape[1]}, in {groups} groups (x: {input_shape}, weight: {weight_shape})"
        )
    axes = []
    for size, taps, step, pad, extra, spread in zip(
        input_shape[2:],
        weight_shape[2:],
        pair(stride),
        pair(padding),
        pair(output_padding),
        pair(dilation),
        strict=True,
    ):
        if not 0 <= extra < max(step, spread):
            raise ValueError(
                f"[conv_transpose2d] output_padding must be at least 0 and less than the stride "
                f"or the dilation, got {extra}"
            )
        out = (size - 1) * step - 2 * pad + spread * (taps - 1) + 1 + extra
        if out < 1:
            raise ValueError(f"[conv_transpose2d] padding {pad} leaves no output: {out}")
        axes.append(Axis(out, taps, step, spread, pad, 0, size))
    return axes[0], axes[1]


def _groups(inputs: int, outputs: int, groups: int) -> Iterator[tuple[slice, slice]]:
    """Input and output channels of each group."""
    for g in range(groups):
        yield (
            slice(g * inputs // groups, (g + 1) * inputs // groups),
            slice(g * outputs // groups, (g + 1) * outputs // groups),
        )


def conv_transpose2d(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """Spread images with filters: see the formula at the top of this file.

    Parameters, results and errors are those of `pycnn.ops.conv_transpose2d`.
    """
    height, width = _axes(x.shape, w.shape, stride, padding, output_padding, dilation, groups)
    outputs = w.shape[1] * groups
    y = pad_image(np.zeros((len(x), outputs, height.size, width.size), x.dtype), height, width)
    for c, k in _groups(w.shape[0], outputs, groups):
        for r in range(height.kernel):
            for s in range(width.kernel):
                y[:, k, height.tap(r), width.tap(s)] += np.einsum(
                    "nchi,ck->nkhi", x[:, c], w[c, :, r, s], optimize=True
                )
    y = np.ascontiguousarray(y[:, :, height.inside(), width.inside()])
    return y if b is None else y + b[:, np.newaxis, np.newaxis]


def conv_transpose2d_backward_input(
    dy: Array,
    w: Array,
    input_shape: tuple[int, ...],
    *,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> Array:
    """Gradient of `conv_transpose2d` with respect to `x`.

    Each pixel collects what its window of `dy` holds, with zeros outside the output:
    ``dx[n, c, h, i] = sum_krs dy[n, k, hu + rd - t, iv + se - l] w[c, k, r, s]``.
    Parameters, results and errors are those of `pycnn.ops.conv_transpose2d_backward_input`.
    """
    height, width = _axes(input_shape, w.shape, stride, padding, output_padding, dilation, groups)
    patches = windows(pad_image(dy, height, width), height, width)
    dx = np.empty(input_shape, dy.dtype)
    for c, k in _groups(w.shape[0], w.shape[1] * groups, groups):
        dx[:, c] = np.einsum("nkhirs,ckrs->nchi", patches[:, k], w[c], optimize=True)
    return dx


def conv_transpose2d_backward_weight(
    dy: Array,
    x: Array,
    weight_shape: tuple[int, ...],
    *,
    stride: IntOrPair = 1,
    padding: IntOrPair = 0,
    output_padding: IntOrPair = 0,
    dilation: IntOrPair = 1,
    groups: int = 1,
) -> tuple[Array, Array]:
    """Gradients of `conv_transpose2d` with respect to the filters and the bias.

    ``dw[c, k, r, s] = sum_nhi x[n, c, h, i] dy[n, k, hu + rd - t, iv + se - l]`` and
    ``db[k] = sum_npq dy[n, k, p, q]``.
    Parameters, results and errors are those of `pycnn.ops.conv_transpose2d_backward_weight`.
    """
    height, width = _axes(x.shape, weight_shape, stride, padding, output_padding, dilation, groups)
    patches = windows(pad_image(dy, height, width), height, width)
    dw = np.empty(weight_shape, dy.dtype)
    for c, k in _groups(weight_shape[0], weight_shape[1] * groups, groups):
        dw[c] = np.einsum("nchi,nkhirs->ckrs", x[:, c], patches[:, k], optimize=True)
    return dw, np.asarray(dy.sum(axis=(0, 2, 3)))
