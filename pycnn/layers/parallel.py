"""Branches side by side."""

from __future__ import annotations

from collections.abc import Mapping

from pycnn import backends
from pycnn._arguments import integer
from pycnn.autograd import Tensor
from pycnn.autograd.shaping import cat
from pycnn.layers.container import Container, named
from pycnn.layers.module import Module, Trace
from pycnn.layers.parameter import Array


class Parallel(Container):
    """Branches that see the same input; their outputs are joined: ``y = [f_1(x), ..., f_n(x)]``.

    Parameters
    ----------
    *branches : Module, or one mapping of str to Module
        The branches, in the order of their outputs, named by their positions or by the mapping.
    axis : int
        Axis along which the outputs are joined: 1 is that of the channels of (N, C, H, W) and of
        the features of (N, C). Not 0, the batch.

    Raises
    ------
    TypeError
        If a branch is not a Module, or `axis` not an int.
    ValueError
        If there is no branch, one is there twice, or `axis` is negative or 0; in `forward`, if
        the outputs differ in another axis.

    Notes
    -----
    The gradient of x is the sum of the gradients of the branches, added first to last.

    Examples
    --------
    >>> features = pycnn.Parallel(pycnn.Conv2d(3, 8, 1), pycnn.Conv2d(3, 8, 3, padding=1))
    >>> features(np.zeros((1, 3, 28, 28), np.float32)).shape
    (1, 16, 28, 28)
    """

    children_share_input = True
    _options = ("axis",)

    def __init__(self, *branches: Module | Mapping[str, Module], axis: int = 1) -> None:
        super().__init__(named("Parallel", "branch", branches))
        if not len(self):
            raise ValueError("[Parallel] needs at least one branch")
        self.axis = integer("Parallel", "axis", axis, 1)

    def forward(self, x: Array) -> Array:
        """Run every branch on x and join the outputs."""
        return self._join([self._call(name, f.forward, x) for name, f in self._named.items()])

    def on_tensors(self, x: Tensor) -> Tensor:
        """Do `forward` on tensors."""
        return cat([self._call(name, f, x) for name, f in self._named.items()], self.axis)

    def _join(self, outputs: list[Array]) -> Array:
        shapes = [y.shape for y in outputs]
        if any(len(shape) <= self.axis for shape in shapes):
            raise ValueError(f"Parallel: outputs need an axis {self.axis}, have shapes {shapes}")
        if len({(*shape[: self.axis], *shape[self.axis + 1 :]) for shape in shapes}) > 1:
            raise ValueError(
                f"Parallel: outputs must agree in all axes but {self.axis}, have shapes {shapes}"
            )
        self.save_for_backward([shape[self.axis] for shape in shapes])
        joined: Array = backends.of(outputs[0]).concatenate(outputs, self.axis)
        return joined

    def _parts(self, dy: Array) -> list[Array]:
        """Split the gradient into those of the branches' outputs."""
        (sizes,) = self.saved()
        if dy.shape[self.axis : self.axis + 1] != (sum(sizes),):
            raise ValueError(
                f"Parallel: gradient must have size {sum(sizes)} in axis {self.axis} "
                f"(dy: {dy.shape})"
            )
        return backends.of(dy).split(dy, sizes, self.axis)

    def backward(self, dy: Array) -> Array:
        """Run each branch on its part of the gradient, and add up the gradients of the input."""
        total: Array | None = None
        for (name, branch), part in zip(self._named.items(), self._parts(dy), strict=True):
            dx = self._call(name, branch.backward, part)
            # Not in place: a branch may return an array that is not its own.
            total = dx if total is None else backends.of(dx).binary("add", total, dx)
        assert total is not None  # there is a branch
        return total

    def backward_parameters(self, dy: Array) -> None:
        """Do `backward` without the gradient of the input."""
        for (name, branch), part in zip(self._named.items(), self._parts(dy), strict=True):
            self._call(name, branch.backward_parameters, part)

    def trace(self, x: Array, path: str = "") -> Trace:
        """Run forward one layer at a time: the branches' layers, then the joined output."""
        outputs: list[Array] = []
        for name in self._named:
            outputs.append((yield from self._trace(name, x, path)))
        y = self._join(outputs)
        yield path, self, y
        return y
