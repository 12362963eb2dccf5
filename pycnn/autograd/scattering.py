"""Methods of tensors that write to places which other tensors name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn.autograd import indexing, shaping
from pycnn.autograd.value import Value, record

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Scattering(Value):
    """Numbers put to, added at or taken from places."""

    __slots__ = ()

    def scatter(self, dim: int, index: Value, src: Any = None, *, value: Any = None) -> Tensor:
        """Return a copy with numbers put at places: ``y[index[i, j], j] = src[i, j]`` for dim 0.

        Of several numbers for one place, the last one counts.
        """
        places = _places("scatter", self, dim, index)
        numbers = value if src is None else src
        if isinstance(numbers, Value):
            numbers = _corner(numbers, index)
            if numbers.requires_grad:
                _check_once(self, places)
        return indexing.replaced(self, places, numbers)

    def scatter_add(self, dim: int, index: Value, src: Value) -> Tensor:
        """Return a copy with numbers added: ``y[index[i, j], j] += src[i, j]`` for dim 0."""
        places = _places("scatter_add", self, dim, index)
        return added(self, places, _corner(src, index))

    def index_add(self, dim: int, index: Value, source: Any, *, alpha: Any = 1) -> Tensor:
        """Return a copy with slices of another tensor added to the slices of these numbers."""
        axis = shaping.axis_of("index_add", dim, len(self.array.shape))
        source = source if alpha == 1 else source * alpha
        return added(self, (*(slice(None),) * axis, _numbers(index)), source)

    def index_fill(self, dim: int, index: Value, value: Any) -> Tensor:
        """Return a copy with a value in the slices of these numbers."""
        axis = shaping.axis_of("index_fill", dim, len(self.array.shape))
        return indexing.replaced(self, (*(slice(None),) * axis, _numbers(index)), value)

    def index_copy(self, dim: int, index: Value, source: Value) -> Tensor:
        """Return a copy with slices of another tensor in the place of those of these numbers."""
        axis = shaping.axis_of("index_copy", dim, len(self.array.shape))
        return indexing.replaced(self, (*(slice(None),) * axis, _numbers(index)), source)

    def masked_select(self, mask: Value) -> Tensor:
        """Return the numbers where the mask holds, in a row."""
        shape = np.broadcast_shapes(tuple(self.array.shape), tuple(mask.array.shape))
        chosen = np.broadcast_to(_numbers(mask), shape)
        return indexing.index(shaping.expand(self, shape), chosen)

    def masked_scatter(self, mask: Value, source: Value) -> Tensor:
        """Return a copy with the numbers of another tensor, in order, where the mask holds."""
        shape = tuple(self.array.shape)
        chosen = np.broadcast_to(_numbers(mask), shape)
        taken = indexing.index(shaping.reshape(source, -1), slice(0, int(chosen.sum())))
        return indexing.replaced(self, chosen, taken)

    def take_along_dim(self, indices: Value, dim: int | None = None) -> Tensor:
        """Pick numbers along an axis, as `gather` does; of the flattened tensor without one."""
        x: Any = self
        if dim is None:
            return x.reshape(-1).gather(0, shaping.reshape(indices, -1))  # type: ignore[no-any-return]
        return x.gather(dim, indices)  # type: ignore[no-any-return]

    def take(self, index: Value) -> Tensor:
        """Return numbers of the flattened tensor, in the shape of their places."""
        return indexing.index(shaping.reshape(self, -1), index)


def added(x: Value, key: Any, source: Value) -> Tensor:
    """Return a copy of x with the numbers of a source added at ``[key]``, in the key's order."""
    k = x.backend
    shape = tuple(np.empty(tuple(x.array.shape), bool)[key].shape)
    wide = shaping.expand(source, shape)
    y = k.binary("add", x.array, k.put(tuple(x.array.shape), key, wide.array))
    return record("add_at", (x, wide), y, lambda needs, g: (g, k.index(g, key)))


def _numbers(index: Value) -> Any:
    found = index.backend.to_numpy(index.array)
    return found if found.dtype == bool else found.astype(np.int64, copy=False)


def _places(name: str, x: Value, dim: int, index: Value) -> tuple[Any, ...]:
    """Return the key of the places along an axis that an index names."""
    axis = shaping.axis_of(name, dim, len(x.array.shape))
    if len(index.array.shape) != len(x.array.shape):
        raise ValueError(
            f"[{name}] index needs the {len(x.array.shape)} dimensions of the tensor, has shape "
            f"{tuple(index.array.shape)}"
        )
    places: list[Any] = list(np.indices(tuple(index.array.shape), sparse=True))
    places[axis] = _numbers(index)
    return tuple(places)


def _corner(source: Value, index: Value) -> Value:
    """Return the part of a source that an index of a smaller shape goes through."""
    sizes = tuple(index.array.shape)
    if tuple(source.array.shape) == sizes:
        return source
    return indexing.index(source, tuple(slice(0, n) for n in sizes))


def _check_once(x: Value, places: Any) -> None:
    """Raise ValueError if two numbers would go to one place: the gradient of one is 0 then."""
    count = np.zeros(tuple(x.array.shape), np.int64)
    np.add.at(count, places, 1)
    if count.max(initial=0) > 1 and x.array.size:
        raise ValueError(
            "[scatter] two numbers go to one place, so their gradients are not defined: "
            "scatter_add adds them"
        )
