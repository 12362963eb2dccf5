"""Patches of images as columns, and columns added up to images."""

from __future__ import annotations

from typing import Any

import numpy as np

from pycnn._arguments import pair
from pycnn.autograd.indexing import index
from pycnn.autograd.scattering import added
from pycnn.autograd.shaping import reshape
from pycnn.autograd.value import new
from pycnn.backends.recording import constant_here
from pycnn.layers.module import Module
from pycnn.layers.pad import ZeroPad2d


def _geometry(owner: str, *numbers: Any) -> list[tuple[int, int]]:
    """Return kernel size, dilation, padding and stride."""
    names = ("kernel_size", "dilation", "padding", "stride")
    least = (1, 1, 0, 1)
    return [pair(owner, *one) for one in zip(names, numbers, least, strict=True)]


def _places(owner: str, size: tuple[int, ...], geometry: Any) -> tuple[Any, Any]:
    """Return row and column, in the padded image, of each place in a window (R S, P Q)."""
    kernel, dilation, padding, stride = geometry
    axes = []
    for n, r, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True):
        count = (n + 2 * p - d * (r - 1) - 1) // s + 1
        if count < 1:
            raise ValueError(
                f"[{owner}] windows of {kernel} with dilation {dilation} do not fit images of "
                f"{tuple(size)} with padding {padding}"
            )
        axes.append(np.arange(r)[:, np.newaxis] * d + np.arange(count) * s)
    (r, p), (s, q) = axes[0].shape, axes[1].shape
    whole = (r, s, p, q)
    rows = np.broadcast_to(axes[0].reshape(r, 1, p, 1), whole)
    columns = np.broadcast_to(axes[1].reshape(1, s, 1, q), whole)
    flat = (rows.reshape(r * s, p * q), columns.reshape(r * s, p * q))
    return constant_here(flat[0]), constant_here(flat[1])


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Return the patches that windows of images (N, C, H, W) show: (N, C R S, P Q)."""
    geometry = _geometry("unfold", kernel_size, dilation, padding, stride)
    if x.ndim == 3:
        return unfold(x.unsqueeze(0), *geometry).squeeze(0)
    if x.ndim != 4:
        raise ValueError(f"[unfold] expects (N, C, H, W) or (C, H, W), got {x.shape}")
    rows, columns = _places("unfold", x.shape[2:], geometry)
    down, across = geometry[2]
    wide = ZeroPad2d((across, across, down, down))(x) if down or across else x
    patches = index(wide, (slice(None), slice(None), rows, columns))
    return reshape(patches, x.shape[0], x.shape[1] * rows.shape[0], rows.shape[1])


def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Return images (N, C, H, W) in which each patch of (N, C R S, P Q) is added at its place."""
    size = pair("fold", "output_size", output_size, 1)
    geometry = _geometry("fold", kernel_size, dilation, padding, stride)
    if x.ndim == 2:
        return fold(x.unsqueeze(0), size, *geometry).squeeze(0)
    rows, columns = _places("fold", size, geometry)
    if x.ndim != 3 or x.shape[1] % rows.shape[0] or x.shape[2] != rows.shape[1]:
        raise ValueError(
            f"[fold] images of {size} have {rows.shape[1]} patches of {rows.shape[0]} numbers for "
            f"each channel: expects (N, C {rows.shape[0]}, {rows.shape[1]}), got {x.shape}"
        )
    (down, across), channels = geometry[2], x.shape[1] // rows.shape[0]
    whole = (x.shape[0], channels, size[0] + 2 * down, size[1] + 2 * across)
    zeros = new(x.backend.zeros(whole, x.dtype))
    patches = reshape(x, x.shape[0], channels, *rows.shape)
    y = added(zeros, (slice(None), slice(None), rows, columns), patches)
    return y[:, :, down : down + size[0], across : across + size[1]]


class Unfold(Module):
    """Patches of images (N, C, H, W) as columns: (N, C R S, P Q).

    Row ``c R S + r S + s`` of column ``p Q + q`` is ``x[c, p stride + r dilation - padding, ...]``.

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or (int, int)
        The windows; as those of a `Conv2d`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above; in `forward`, if no window fits.
    """

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        self.kernel_size, self.dilation, self.padding, self.stride = _geometry(
            type(self).__name__, kernel_size, dilation, padding, stride
        )

    def forward(self, x: Any) -> Any:
        """Take the patches out."""
        return unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def _arguments(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Unfold):
    """Columns of `Unfold` (N, C R S, P Q) added up to images (N, C, H, W).

    Parameters
    ----------
    output_size : int or (int, int)
        Height and width of the images.
    kernel_size, dilation, padding, stride : int or (int, int)
        Those of the `Unfold`.
    """

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = pair("Fold", "output_size", output_size, 1)

    def forward(self, x: Any) -> Any:
        """Add the patches up."""
        geometry = (self.kernel_size, self.dilation, self.padding, self.stride)
        return fold(x, self.output_size, *geometry)

    def _arguments(self) -> str:
        return f"output_size={self.output_size}, {super()._arguments()}"
