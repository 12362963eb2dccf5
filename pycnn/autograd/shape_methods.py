"""The methods of tensors that give them another shape, kind of numbers or place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import shaping
from pycnn.autograd.indexing import index as part
from pycnn.autograd.keywords import numpy_names_of_methods
from pycnn.autograd.value import Value, new, record
from pycnn.backends.recording import computed_here
from pycnn.devices import move, needs_extension

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


@numpy_names_of_methods
class ShapeMethods(Value):
    """What tensors can be asked for by name; see the functions of the same names."""

    __slots__ = ()

    # Shape ---------------------------------------------------------------------------------

    def size(self, dim: int | None = None) -> Any:
        """Return the shape, or one extent of it."""
        shape = tuple(self.array.shape)
        return shape if dim is None else shape[shaping.axis_of("size", dim, len(shape))]

    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.array.shape)

    def numel(self) -> int:
        """Return how many numbers there are."""
        return int(self.array.size)

    nelement = numel

    def reshape(self, *sizes: Any) -> Tensor:
        """Give the same numbers another shape; one size may be -1."""
        return shaping.reshape(self, *sizes)

    def view(self, *sizes: Any) -> Tensor:
        """Do what `reshape` does; a dtype in place of sizes converts nothing and is refused."""
        if len(sizes) == 1 and not isinstance(sizes[0], (int, tuple, list, np.integer, Value)):
            raise TypeError(f"[view] sizes must be ints, got {type(sizes[0]).__name__}")
        return shaping.view(self, *sizes)

    def view_as(self, other: Value) -> Tensor:
        """Return this with the shape of another tensor."""
        return shaping.view(self, other.array.shape)

    def reshape_as(self, other: Value) -> Tensor:
        """Do `reshape` to the shape of another tensor."""
        return shaping.reshape(self, other.array.shape)

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
        if len(self.array.shape) > 2:
            raise ValueError(f"[t] needs at most 2 dimensions, got shape {tuple(self.array.shape)}")
        return self.T

    @property
    def T(self) -> Tensor:
        """The axes in reverse order."""
        return shaping.permute(self, tuple(range(len(self.array.shape)))[::-1])

    def expand(self, *sizes: Any) -> Tensor:
        """Repeat along axes of extent 1."""
        return shaping.expand(self, *sizes)

    def expand_as(self, other: Value) -> Tensor:
        """Repeat to the shape of another tensor."""
        return shaping.expand(self, other.array.shape)

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
        axis = shaping.axis_of("narrow", dim, len(self.array.shape))
        size = self.array.shape[axis] if self.array.shape else 1
        start = start + size if start < 0 else start
        if not 0 <= start <= start + length <= size:
            raise ValueError(
                f"[narrow] {length} from {start} is not within the {size} of axis {axis}"
            )
        return part(self, (*(slice(None),) * axis, slice(start, start + length)))

    def select(self, dim: int, index: int) -> Tensor:
        """Return one slice along an axis, without the axis."""
        axis = shaping.axis_of("select", dim, len(self.array.shape))
        return part(self, (*(slice(None),) * axis, index))

    def index_select(self, dim: int, index: Value) -> Tensor:
        """Return the slices with these numbers along an axis."""
        axis = shaping.axis_of("index_select", dim, len(self.array.shape))
        return part(self, (*(slice(None),) * axis, index))

    def gather(self, dim: int, index: Value) -> Tensor:
        """Pick numbers along an axis: ``y[i, j] = x[index[i, j], j]`` for axis 0."""
        axis = shaping.axis_of("gather", dim, len(self.array.shape))
        if not self.array.shape:
            return self.clone()
        places: list[Any] = list(np.indices(tuple(index.array.shape), sparse=True))
        places[axis] = index
        return part(self, tuple(places))

    def flip(self, *dims: Any) -> Tensor:
        """Reverse the order along axes."""
        return shaping.flip(self, *dims)

    def contiguous(self) -> Tensor:
        """Return self, which is contiguous; but where PyTorch's would be a copy, no part of it."""
        if self._base is None or self._base.dense:
            return self  # type: ignore[return-value]
        return shaping.reshape(self, self.array.shape)

    def clone(self) -> Tensor:
        """Return a copy; gradients go through it."""
        data = self.array
        copied = data
        if isinstance(data, np.ndarray):
            copied = computed_here("clone", lambda one: one.copy(), data)
        elif hasattr(data, "copy"):
            copied = data.copy()
        if isinstance(copied, np.ndarray) and type(copied) is not type(
            self.backend.zeros((), "f4")
        ):
            copied = copied.view(np.ndarray)
        return record("clone", (self,), copied, lambda needs, g: (g,))

    # Kinds of numbers, and places ----------------------------------------------------------

    def float(self) -> Tensor:
        """Convert to float32."""
        return shaping.astype(self, np.float32)

    def double(self) -> Tensor:
        """Do what `float` does: only ``.to("reference")`` computes in float64."""
        return self.float()

    def long(self) -> Tensor:
        """Convert to int64."""
        return shaping.astype(self, np.int64)

    def int(self) -> Tensor:
        """Convert to int32."""
        return shaping.astype(self, np.int32)

    def byte(self) -> Tensor:
        """Convert to uint8."""
        return shaping.astype(self, np.uint8)

    def bool(self) -> Tensor:
        """Convert to bool."""
        return shaping.astype(self, np.bool_)

    def type(self, dtype: Any = None) -> Any:
        """Convert to a dtype, or a kind such as `FloatTensor`; without one, return its name."""
        if dtype is None:
            return f"{self.array.dtype.name}"
        if not (isinstance(dtype, type) and issubclass(dtype, np.generic)):
            dtype = getattr(dtype, "dtype", dtype)
        return shaping.astype(self, dtype)

    def type_as(self, other: Value) -> Tensor:
        """Convert to the dtype of another tensor."""
        return shaping.astype(self, other.array.dtype)

    def to(self, *target: Any, **options: Any) -> Tensor:
        """Move to a device, or convert to a dtype, or both; or follow another tensor.

        Gradients come back the same way.
        """
        y: Any = self
        for one in (*target, *options.values()):
            if isinstance(one, Value):
                y = y.to(y.backend.name if one.array is None else one.backend.name, one.array.dtype)
            elif (
                isinstance(one, str)
                and (one in ("cpu", "reference") or needs_extension(one))
                and not _is_dtype(one)
            ):
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
        return new(self.backend.zeros(shaping.sizes_of(size), self.array.dtype))


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
    return record("to", (x,), move(x.array, device), lambda needs, g: (move(g, here),))
