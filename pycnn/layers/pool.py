"""Pooling layers."""

from __future__ import annotations

from typing import Any

from pycnn import ops
from pycnn._arguments import flag, integer, pair
from pycnn.autograd import Tensor
from pycnn.autograd.fused import max_pool2d
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array

_Pair = tuple[int, int]


class _Pool2d(Module):
    """A window that slides over images: what the pooling layers share."""

    def __init__(
        self, kernel_size: int | _Pair, stride: int | _Pair | None, padding: int | _Pair
    ) -> None:
        layer = type(self).__name__
        self.kernel_size = pair(layer, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else pair(layer, "stride", stride, 1)
        self.padding = pair(layer, "padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"[{layer}] padding {self.padding} must be at most half of kernel_size "
                f"{self.kernel_size}"
            )

    def _arguments(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxPool2d(_Pool2d):
    """Maximum of each window; see `pycnn.ops.max_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step between windows; the window itself by default.
    padding : int or (int, int)
        Border that never wins; at most half of the window.
    dilation : int or (int, int)
        Distance between the elements of a window.
    return_indices : bool
        Only False: the layer keeps the positions for backward itself. `pycnn.ops.max_pool2d`
        returns them.
    ceil_mode : bool
        Whether a last, incomplete window counts.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        kernel_size: int | _Pair,
        stride: int | _Pair | None = None,
        padding: int | _Pair = 0,
        dilation: int | _Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        if flag("MaxPool2d", "return_indices", return_indices):
            raise ValueError(
                "[MaxPool2d] return_indices must be False: a layer has one output "
                "(pycnn.ops.max_pool2d returns the indices)"
            )
        super().__init__(kernel_size, stride, padding)
        self.dilation = pair("MaxPool2d", "dilation", dilation, 1)
        self.ceil_mode = flag("MaxPool2d", "ceil_mode", ceil_mode)
        self._geometry = (
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            self.ceil_mode,
        )

    @property
    def is_side_by_side(self) -> bool:
        """Whether whole windows lie side by side, with nothing around or between them."""
        window = self.kernel_size
        return self._geometry == (window, window, (0, 0), (1, 1), False)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor: as one op with what comes before, if that is possible."""
        if x.is_leaf and len(x.data.shape) != 4:
            return NotImplemented
        return max_pool2d(x, self._geometry, self.is_side_by_side)

    def forward(self, x: Array) -> Array:
        """Pool: (N, C, H, W) to (N, C, P, Q)."""
        y, indices = ops.max_pool2d(x, *self._geometry)
        self.save_for_backward(indices, x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Pass each gradient to the element that was the maximum."""
        indices, shape = self.saved()
        return ops.max_pool2d_backward(dy, indices, shape)


class AvgPool2d(_Pool2d):
    """Mean of each window; see `pycnn.ops.avg_pool2d`.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window.
    stride : int or (int, int), optional
        Step between windows; the window itself by default.
    padding : int or (int, int)
        Border of zeros; at most half of the window.
    ceil_mode : bool
        Whether a last, incomplete window counts.
    count_include_pad : bool
        Whether the border counts in the number to divide by.
    divisor_override : int, optional
        Number to divide by instead.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        kernel_size: int | _Pair,
        stride: int | _Pair | None = None,
        padding: int | _Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding)
        self.ceil_mode = flag("AvgPool2d", "ceil_mode", ceil_mode)
        self.count_include_pad = flag("AvgPool2d", "count_include_pad", count_include_pad)
        if divisor_override is not None:
            divisor_override = integer("AvgPool2d", "divisor_override", divisor_override, 1)
        self.divisor_override = divisor_override
        self._geometry: tuple[Any, ...] = (
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def forward(self, x: Array) -> Array:
        """Pool: (N, C, H, W) to (N, C, P, Q)."""
        y = ops.avg_pool2d(x, *self._geometry)
        self.save_for_backward(x.shape)
        return y

    def backward(self, dy: Array) -> Array:
        """Divide each gradient among the elements of its window."""
        (shape,) = self.saved()
        return ops.avg_pool2d_backward(dy, shape, *self._geometry)
