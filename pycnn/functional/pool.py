"""Pooling as functions."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pycnn import layers
from pycnn.autograd import Tensor
from pycnn.autograd.structure import on_arrays_too
from pycnn.autograd.unpool import unpool2d

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "avg_pool1d",
    "avg_pool2d",
    "lp_pool2d",
    "max_pool1d",
    "max_pool2d",
    "max_unpool2d",
]


# Arguments are checked once; a layer without parameters may be shared by all.
_max_pool2d = lru_cache(maxsize=256)(layers.MaxPool2d)


@on_arrays_too
def max_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor:
    """Keep the largest element of each window; see `pycnn.MaxPool2d`."""
    arguments = (kernel_size, stride, padding, dilation, return_indices, ceil_mode)
    try:
        layer = _max_pool2d(*arguments)
    except TypeError:  # a list cannot be looked up, and a wrong argument says so itself
        layer = layers.MaxPool2d(*arguments)
    y = layer.on_tensors(x)  # what calling the layer comes to, in most cases
    return layer(x) if y is NotImplemented else y  # type: ignore[no-any-return]


@on_arrays_too
def max_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Keep the largest element of each window of a signal; see `pycnn.MaxPool1d`."""
    return layers.MaxPool1d(kernel_size, stride, padding, dilation, return_indices, ceil_mode)(x)


@on_arrays_too
def avg_pool2d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Average each window; see `pycnn.AvgPool2d`."""
    layer = layers.AvgPool2d(
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
    return layer(x)  # type: ignore[no-any-return]


@on_arrays_too
def avg_pool1d(
    x: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Average each window of a signal; see `pycnn.AvgPool1d`."""
    layer = layers.AvgPool1d(kernel_size, stride, padding, ceil_mode, count_include_pad)
    return layer(x)  # type: ignore[no-any-return]


@on_arrays_too
def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """Average windows that cover the image; see `pycnn.AdaptiveAvgPool2d`."""
    return layers.AdaptiveAvgPool2d(output_size)(x)  # type: ignore[no-any-return]


@on_arrays_too
def adaptive_max_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """Keep the largest element of windows that cover the image; see `pycnn.AdaptiveMaxPool2d`."""
    return layers.AdaptiveMaxPool2d(output_size)(x)  # type: ignore[no-any-return]


@on_arrays_too
def adaptive_avg_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """Average windows that cover the signal; see `pycnn.AdaptiveAvgPool1d`."""
    return layers.AdaptiveAvgPool1d(output_size)(x)  # type: ignore[no-any-return]


@on_arrays_too
def adaptive_max_pool1d(x: Tensor, output_size: Any) -> Tensor:
    """Keep the largest element of windows of a signal; see `pycnn.AdaptiveMaxPool1d`."""
    return layers.AdaptiveMaxPool1d(output_size)(x)  # type: ignore[no-any-return]


@on_arrays_too
def lp_pool2d(
    x: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Return the p-norm of each window, ``(sum x^p)^(1/p)``; 0 where the sum is not positive."""
    y = avg_pool2d(x**norm_type, kernel_size, stride, 0, ceil_mode)
    window = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    total: Tensor = y.relu() * (window[0] * window[-1])
    return total.pow(1 / norm_type)


@on_arrays_too
def max_unpool2d(
    x: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put numbers back where maxima came from; see `pycnn.MaxUnpool2d`."""
    return unpool2d(x, indices, kernel_size, stride, padding, output_size)
