"""The methods of tensors, under PyTorch's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import activation, arithmetic, fused, reducing, shaping
from pycnn.autograd.value import Value, new, record
from pycnn.devices import move, needs_extension

if TYPE_CHECKING:
    from pycnn.autograd.reducing import Dims, Extremes
    from pycnn.autograd.tensor import Tensor


class Methods(Value):
    """What tensors can be asked for by name; see the functions of the same names."""

    __slots__ = ()

    # Shape ---------------------------------------------------------------------------------

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or one extent of it."""
        shape = tuple(self.data.shape)
        return shape if dim is None else shape[shaping.axis_of("size", dim, len(shape))]

    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.data.shape)

    def numel(self) -> int:
        """Return how many numbers there are."""
        return int(self.data.size)

    def reshape(self, *sizes: Any) -> Tensor:
        """Give the same numbers another shape; one size may be -1."""
        return shaping.reshape(self, *sizes)

    def view(self, *sizes: Any) -> Tensor:
        """Do what `reshape` does; a dtype in place of sizes converts nothing and is refused."""
        if len(sizes) == 1 and not isinstance(sizes[0], (int, tuple, list, np.integer, Value)):
            raise TypeError(f"[view] sizes must be ints, got {type(sizes[0]).__name__}")
        return shaping.reshape(self, *sizes)

    def view_as(self, other: Value) -> Tensor:
        """Return this with the shape of another tensor."""
        return shaping.reshape(self, other.data.shape)

    reshape_as = view_as

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Join axes into one."""
        return shaping.flatten(self, start_dim, end_dim)

    def squeeze(self, dim: Any = None) -> Tensor:
        """Drop axes of extent 1."""
        return shaping.squeeze(self, dim)

    def unsqueeze(self, dim: int) -> Tensor:
        """Insert an axis of extent 1."""
        return shaping.unsqueeze(self, dim)

    def transpose(self, dim0: int, dim1: int) -> Tensor:
        """Exchange two axes."""
        return shaping.transpose(self, dim0, dim1)

    def permute(self, *dims: Any) -> Tensor:
        """Reorder the axes."""
        return shaping.permute(self, *dims)

    def t(self) -> Tensor:
        """Exchange the axes of a matrix."""
        if len(self.data.shape) > 2:
            raise ValueError(f"[t] needs at most 2 dimensions, got shape {tuple(self.data.shape)}")
        return self.T

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The axes in reverse order."""
        return shaping.permute(self, tuple(range(len(self.data.shape)))[::-1])

    def expand(self, *sizes: Any) -> Tensor:
        """Repeat along axes of extent 1."""
        return shaping.expand(self, *sizes)

    def expand_as(self, other: Value) -> Tensor:
        """Repeat to the shape of another tensor."""
        return shaping.expand(self, other.data.shape)

    def repeat(self, *times: Any) -> Tensor:
        """Repeat the whole along each axis."""
        return shaping.repeat(self, *times)

    def split(self, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
        """Take apart along an axis."""
        return shaping.split(self, split_size, dim)

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
        """Take apart into a number of parts."""
        return shaping.chunk(self, chunks, dim)

    def unbind(self, dim: int = 0) -> tuple[Tensor, ...]:
        """Return the slices along an axis."""
        return shaping.unbind(self, dim)

    def narrow(self, dim: int, start: int, length: int) -> Tensor:
        """Return a range along an axis."""
        axis = shaping.axis_of("narrow", dim, len(self.data.shape))
        return shaping.index(self, (*(slice(None),) * axis, slice(start, start + length)))

    def select(self, dim: int, index: int) -> Tensor:
        """Return one slice along an axis, without the axis."""
        axis = shaping.axis_of("select", dim, len(self.data.shape))
        return shaping.index(self, (*(slice(None),) * axis, index))

    def index_select(self, dim: int, index: Value) -> Tensor:
        """Return the slices with these numbers along an axis."""
        axis = shaping.axis_of("index_select", dim, len(self.data.shape))
        return shaping.index(self, (*(slice(None),) * axis, index))

    def gather(self, dim: int, index: Value) -> Tensor:
        """Pick numbers along an axis: ``y[i, j] = x[index[i, j], j]`` for axis 0."""
        axis = shaping.axis_of("gather", dim, len(self.data.shape))
        places: list[Any] = list(np.indices(tuple(index.data.shape), sparse=True))
        places[axis] = index
        return shaping.index(self, tuple(places))

    def flip(self, *dims: Any) -> Tensor:
        """Reverse the order along axes."""
        return shaping.flip(self, *dims)

    def contiguous(self) -> Tensor:
        """Return self: every tensor is contiguous."""
        return self  # type: ignore[return-value]

    def clone(self) -> Tensor:
        """Return a copy; gradients go through it."""
        data = self.data
        copied = data.copy() if hasattr(data, "copy") else data
        if isinstance(copied, np.ndarray) and type(copied) is not type(self.backend.zeros((), "f4")):
            copied = copied.view(np.ndarray)
        return record("clone", (self,), copied, lambda needs, g: (g,))

    # Kinds of numbers, and places ----------------------------------------------------------

    def float(self) -> Tensor:
        """Convert to float32."""
        return shaping.astype(self, np.float32)

    def long(self) -> Tensor:
        """Convert to int64."""
        return shaping.astype(self, np.int64)

    def int(self) -> Tensor:
        """Convert to int32."""
        return shaping.astype(self, np.int32)

    def bool(self) -> Tensor:
        """Convert to bool."""
        return shaping.astype(self, np.bool_)

    def type_as(self, other: Value) -> Tensor:
        """Convert to the dtype of another tensor."""
        return shaping.astype(self, other.data.dtype)

    def to(self, *target: Any, **options: Any) -> Tensor:
        """Move to a device, or convert to a dtype, or both; or follow another tensor.

        Gradients come back the same way.
        """
        y: Any = self
        for one in (*target, *options.values()):
            if isinstance(one, Value):
                y = y.to(y.backend.name if one.data is None else one.backend.name, one.data.dtype)
            elif isinstance(one, str) and (one in ("cpu", "reference") or needs_extension(one)) and not _is_dtype(one):
                y = moved(y, one)
            elif isinstance(one, bool) or one is None:
                continue  # non_blocking, copy
            else:
                y = shaping.astype(y, one)
        return y  # type: ignore[no-any-return]

    def cpu(self) -> Tensor:
        """Move to the CPU."""
        return moved(self, "cpu")

    def cuda(self, *_: Any, **__: Any) -> Tensor:
        """Move to the GPU."""
        return moved(self, "cuda")

    def new_zeros(self, *size: Any) -> Tensor:
        """Return zeros of the same dtype, on the same device."""
        return new(self.backend.zeros(shaping.sizes_of(size), self.data.dtype))

    # Arithmetic ----------------------------------------------------------------------------

    def add(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """Return ``self + alpha * other``."""
        return self + (other if alpha == 1 else other * alpha)  # type: ignore[operator,no-any-return]

    def sub(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """Return ``self - alpha * other``."""
        return self - (other if alpha == 1 else other * alpha)  # type: ignore[operator,no-any-return]

    def mul(self, other: Any) -> Tensor:
        """Return ``self * other``."""
        return self * other  # type: ignore[operator,no-any-return]

    def div(self, other: Any) -> Tensor:
        """Return ``self / other``."""
        return self / other  # type: ignore[operator,no-any-return]

    def pow(self, exponent: Any) -> Tensor:
        """Return ``self ** exponent``."""
        return self**exponent  # type: ignore[operator,no-any-return]

    def matmul(self, other: Value) -> Tensor:
        """Multiply matrices."""
        return reducing.matmul(self, other)

    mm = bmm = matmul

    def exp(self) -> Tensor:
        """Return e to the power of each number."""
        return arithmetic.unary("exp", self)

    def log(self) -> Tensor:
        """Return the natural logarithm."""
        return arithmetic.unary("log", self)

    def sqrt(self) -> Tensor:
        """Return the square root."""
        return arithmetic.unary("sqrt", self)

    def rsqrt(self) -> Tensor:
        """Return 1 over the square root."""
        return arithmetic.unary("reciprocal", self.sqrt())

    def abs(self) -> Tensor:
        """Return the absolute value."""
        return arithmetic.unary("abs", self)

    def square(self) -> Tensor:
        """Return the square."""
        return arithmetic.unary("square", self)

    def reciprocal(self) -> Tensor:
        """Return 1 over each number."""
        return arithmetic.unary("reciprocal", self)

    def neg(self) -> Tensor:
        """Return the number with the other sign."""
        return arithmetic.unary("neg", self)

    def sign(self) -> Tensor:
        """Return -1, 0 or 1."""
        return arithmetic.unary("sign", self)

    def sin(self) -> Tensor:
        """Return the sine."""
        return arithmetic.unary("sin", self)

    def cos(self) -> Tensor:
        """Return the cosine."""
        return arithmetic.unary("cos", self)

    def floor(self) -> Tensor:
        """Round down."""
        return arithmetic.unary("floor", self)

    def ceil(self) -> Tensor:
        """Round up."""
        return arithmetic.unary("ceil", self)

    def round(self) -> Tensor:
        """Round to the nearest whole number, halves to even ones."""
        return arithmetic.unary("round", self)

    def clamp(self, min: Any = None, max: Any = None) -> Tensor:
        """Limit to min..max."""
        return arithmetic.clamp(self, min, max)

    clip = clamp

    def maximum(self, other: Any) -> Tensor:
        """Return the larger of two numbers."""
        return arithmetic.binary("maximum", self, other)

    def minimum(self, other: Any) -> Tensor:
        """Return the smaller of two numbers."""
        return arithmetic.binary("minimum", self, other)

    def masked_fill(self, mask: Value, value: Any) -> Tensor:
        """Put a value where the mask holds."""
        return arithmetic.where(mask, value, self)

    def eq(self, other: Any) -> Tensor:
        """Return whether numbers are equal."""
        return self == other  # type: ignore[return-value]

    def ne(self, other: Any) -> Tensor:
        """Return whether numbers differ."""
        return self != other  # type: ignore[return-value]

    def gt(self, other: Any) -> Tensor:
        """Return whether numbers are greater."""
        return self > other  # type: ignore[operator,no-any-return]

    def ge(self, other: Any) -> Tensor:
        """Return whether numbers are greater or equal."""
        return self >= other  # type: ignore[operator,no-any-return]

    def lt(self, other: Any) -> Tensor:
        """Return whether numbers are less."""
        return self < other  # type: ignore[operator,no-any-return]

    def le(self, other: Any) -> Tensor:
        """Return whether numbers are less or equal."""
        return self <= other  # type: ignore[operator,no-any-return]

    def relu(self) -> Tensor:
        """Set negative numbers to 0."""
        return fused.relu(self)

    def sigmoid(self) -> Tensor:
        """Return ``1 / (1 + exp(-x))``."""
        return activation.sigmoid(self)

    def tanh(self) -> Tensor:
        """Return the hyperbolic tangent."""
        return activation.tanh(self)

    def softmax(self, dim: Any) -> Tensor:
        """Turn scores along an axis into probabilities."""
        return activation.softmax(self, dim)

    def log_softmax(self, dim: Any) -> Tensor:
        """Return the logarithm of `softmax`."""
        return activation.softmax(self, dim, log=True)

    # Reductions ----------------------------------------------------------------------------

    def sum(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Add up along axes."""
        return reducing.sum_(self, dim, keepdim)

    def mean(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the mean along axes."""
        return reducing.mean(self, dim, keepdim)

    def var(self, dim: Dims = None, unbiased: Any = True, keepdim: Any = False) -> Tensor:
        """Return the variance along axes."""
        if isinstance(dim, (bool, np.bool_)):
            dim, unbiased = None, dim
        return reducing.var(self, dim, unbiased, keepdim)

    def std(self, dim: Dims = None, unbiased: Any = True, keepdim: Any = False) -> Tensor:
        """Return the standard deviation along axes."""
        return arithmetic.unary("sqrt", Methods.var(self, dim, unbiased, keepdim))

    def prod(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Multiply along an axis."""
        return reducing.prod(self, dim, keepdim)

    def norm(self, p: Any = 2, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the p-norm along axes."""
        return reducing.norm(self, p, dim, keepdim)

    def amax(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the largest number along axes."""
        return reducing.amax("max", self, dim, keepdim)

    def amin(self, dim: Dims = None, keepdim: Any = False) -> Tensor:
        """Return the smallest number along axes."""
        return reducing.amax("min", self, dim, keepdim)

    def max(self, dim: Any = None, keepdim: Any = False) -> Tensor | Extremes:
        """Return the largest number; along an axis, also where it is."""
        return _extreme("max", self, dim, keepdim)

    def min(self, dim: Any = None, keepdim: Any = False) -> Tensor | Extremes:
        """Return the smallest number; along an axis, also where it is."""
        return _extreme("min", self, dim, keepdim)

    def argmax(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return where the largest number is."""
        return reducing.argextreme("max", self, dim, keepdim)

    def argmin(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return where the smallest number is."""
        return reducing.argextreme("min", self, dim, keepdim)

    def cumsum(self, dim: Any) -> Tensor:
        """Add up what has come so far along an axis."""
        return reducing.cumsum(self, dim)

    def any(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return whether a number is not 0."""
        mask = shaping.astype(self, np.bool_)
        count = reducing.sum_(shaping.astype(mask, np.int64), dim, keepdim)
        return count > 0  # type: ignore[no-any-return]

    def all(self, dim: Any = None, keepdim: Any = False) -> Tensor:
        """Return whether no number is 0."""
        return ~Methods.any(~shaping.astype(self, np.bool_), dim, keepdim)


def _extreme(name: str, x: Value, dim: Any, keepdim: Any) -> Any:
    if dim is None:
        return reducing.amax(name, x)
    if isinstance(dim, Value):
        return arithmetic.binary(f"{name}imum", x, dim)
    return reducing.extreme(name, x, dim, keepdim)


def _is_dtype(text: str) -> bool:
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True


def moved(x: Value, device: str) -> Tensor:
    """Return a tensor on a device; gradients are moved back."""
    here = x.backend.name
    if here == device:
        return x  # type: ignore[return-value]
    return record("to", (x,), move(x.data, device), lambda needs, g: (move(g, here),))
