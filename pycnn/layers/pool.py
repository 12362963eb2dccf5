"""Pooling of images, and what pooling of signals shares with it."""

from __future__ import annotations

from typing import Any, ClassVar

from pycnn import ops
from pycnn._arguments import flag, integer
from pycnn.autograd import Tensor
from pycnn.autograd.fused import max_pool2d
from pycnn.autograd.unpool import max_pool2d_with_indices
from pycnn.layers.images import ByImages
from pycnn.layers.parameter import Array

_Pair = tuple[int, int]


class Pool(ByImages):
    """A window that slides over images or signals: what the pooling layers share."""

    # Other arguments, with their defaults: shown where they differ.
    _further: ClassVar[tuple[tuple[str, Any], ...]] = ()

    def __init__(self, kernel_size: Any, stride: Any, padding: Any) -> None:
        self.kernel_size = self._numbers("kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else self._numbers("stride", stride, 1)
        self.padding = self._numbers("padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"[{type(self).__name__}] padding {self.padding} must be at most half of "
                f"kernel_size {self.kernel_size}"
            )

    def _windows(self) -> tuple[_Pair, _Pair, _Pair]:
        """Return window, stride and padding as the ops take them."""
        return (
            self._for_images(self.kernel_size, 1),
            self._for_images(self.stride, 1),
            self._for_images(self.padding, 0),
        )

    def _arguments(self) -> str:
        text = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        for name, default in self._further:
            if (value := getattr(self, name)) not in (default, (default,) * self.axes):
                text += f", {name}={value}"
        return text


class MaxPool(Pool):
    """Maximum of each window: what `MaxPool2d` and `MaxPool1d` share."""

    _further = (("dilation", 1), ("return_indices", False), ("ceil_mode", False))

    def __init__(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        return_indices: bool,
        ceil_mode: bool,
    ) -> None:
        owner = type(self).__name__
        self.return_indices = flag(owner, "return_indices", return_indices)
        super().__init__(kernel_size, stride, padding)
        self.dilation = self._numbers("dilation", dilation, 1)
        self.ceil_mode = flag(owner, "ceil_mode", ceil_mode)
        self._geometry = (
            *self._windows(),
            self._for_images(self.dilation, 1),
            self.ceil_mode,
        )
        # Whether whole windows lie side by side, with nothing around or between them.
        window = self._geometry[0]
        self.is_side_by_side = self._geometry == (window, window, (0, 0), (1, 1), False)

    def on_tensors(self, x: Tensor) -> Any:
        """Do `forward` on a tensor: as one op with what comes before, if that is possible."""
        if self.return_indices:
            return self._with_indices(x)
        if self.axes != 2 or (x._later is None and len(x.array.shape) != 4):
            return NotImplemented
        return max_pool2d(x, self._geometry, self.is_side_by_side)

    def _with_indices(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.axes == 2:
            return max_pool2d_with_indices(x, self._geometry)
        row = x.unsqueeze(-2)  # places of a row are those of the signal
        y, places = max_pool2d_with_indices(row, self._geometry)
        return y.squeeze(-2), places.squeeze(-2)

    def _forward(self, x: Array) -> Array:
        if self.return_indices:
            raise ValueError(
                f"[{type(self).__name__}] return_indices works on tensors; for arrays, "
                "pycnn.ops.max_pool2d returns the indices"
            )
        y, indices = ops.max_pool2d(x, *self._geometry)
        self.save_for_backward(indices, x.shape)
        return y

    def _backward(self, dy: Array) -> Array:
        indices, shape = self.saved()
        return ops.max_pool2d_backward(dy, indices, shape)


class AvgPool(Pool):
    """Mean of each window: what `AvgPool2d` and `AvgPool1d` share."""

    _further = (("ceil_mode", False), ("count_include_pad", True), ("divisor_override", None))

    def __init__(
        self,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        ceil_mode: bool,
        count_include_pad: bool,
        divisor_override: int | None = None,
    ) -> None:
        owner = type(self).__name__
        super().__init__(kernel_size, stride, padding)
        self.ceil_mode = flag(owner, "ceil_mode", ceil_mode)
        self.count_include_pad = flag(owner, "count_include_pad", count_include_pad)
        if divisor_override is not None:
            divisor_override = integer(owner, "divisor_override", divisor_override, 1)
        self.divisor_override = divisor_override
        self._geometry: tuple[Any, ...] = (
            *self._windows(),
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def _forward(self, x: Array) -> Array:
        y = ops.avg_pool2d(x, *self._geometry)
        self.save_for_backward(x.shape)
        return y

    def _backward(self, dy: Array) -> Array:
        (shape,) = self.saved()
        return ops.avg_pool2d_backward(dy, shape, *self._geometry)


class MaxPool2d(MaxPool):
    """Maximum of each window of images (N, C, H, W), or (C, H, W); see `pycnn.ops.max_pool2d`.

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
        Whether to return a pair, with the positions ``h * W + w`` of the maxima for `MaxUnpool2d`:
        of tensors only. On arrays, `pycnn.ops.max_pool2d` returns them.
    ceil_mode : bool
        Whether a last, incomplete window counts.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, dilation, return_indices, ceil_mode)


class AvgPool2d(AvgPool):
    """Mean of each window of images (N, C, H, W), or (C, H, W); see `pycnn.ops.avg_pool2d`.

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
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(
            kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
        )


def no_indices(owner: str, return_indices: bool, op: str) -> None:
    """Refuse to return the positions of the maxima."""
    if flag(owner, "return_indices", return_indices):
        raise ValueError(
            f"[{owner}] return_indices must be False: a layer has one output "
            f"({op} returns the indices)"
        )
