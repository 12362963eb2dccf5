"""Convolutions and linear layers on tensors, with what may follow them in the same op.

A rectifier after either, and a pooling with windows side by side after a rectified convolution, run
as one op with it: the same bits in less time. What a forward pass says next is not known, so each
of these is put off until somebody looks at its result. If by then the tensor before it is gone,
nobody can ever look at that one, and one op does both; if it is still there, it is computed.

What is put off computes with what its inputs were when it was called. Where nothing is recorded, it
waits no longer than until the next convolution or linear layer: results that are kept for later
would keep all inputs as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycnn import ops
from pycnn.autograd.fused_norm import limit, limited
from pycnn.autograd.graph import Needs, Node
from pycnn.autograd.value import Later, Value, put_off, record
from pycnn.autograd.waiting import Before, PutOff, alive, first_result, later_result

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Affine(PutOff):
    """A convolution or a linear layer that is put off.

    Parameters
    ----------
    op : {'conv2d', 'linear'}
    x, weight : Value
    bias : Value or None
    geometry : dict
        The other arguments of the op.
    """

    __slots__ = ("geometry",)

    def __init__(
        self, op: str, x: Value, weight: Value, bias: Value | None, geometry: dict[str, Any]
    ) -> None:
        super().__init__(op, {"x": x, "weight": weight, "bias": bias})
        self.geometry = geometry

    def arguments(self) -> tuple[Any, Any, Any]:
        """Return the arrays of x, weight and bias."""
        found = self.operands()
        return found["x"], found["weight"], found.get("bias")

    def run(self, y: Value) -> None:
        """Compute the op alone."""
        x, w, b = self.arguments()
        op = ops.conv2d if self.op == "conv2d" else ops.linear
        y.array = op(x, w, b, **self.geometry)
        self.attach(y, self.op, lambda needs, dy: self.gradients(needs, dy, x, w))

    def gradients(self, needs: Needs, dy: Any, x: Any, w: Any) -> list[Any]:
        """Return the gradients of the inputs."""
        dx = dw = db = None
        of_weight = needs[1]
        of_bias = len(needs) == 3 and needs[2]
        if self.op == "conv2d":
            if needs[0]:
                dx = ops.conv2d_backward_input(dy, w, x.shape, **self.geometry)
            if of_weight:
                out = self.places()
                dw, db = ops.conv2d_backward_weight(dy, x, w.shape, **self.geometry, out=out)
        else:
            if needs[0]:
                dx = ops.linear_backward_input(dy, w)
            if of_weight:
                dw, db = ops.linear_backward_weight(dy, x, out=self.places())
        if of_bias and not of_weight:
            k = self.inputs[2].backend
            axes = tuple(i for i in range(len(dy.shape)) if i != 1)
            db = k.reduce("sum", dy, axes).reshape(-1)
        return [dx, dw, db][: len(needs)]

    def places(self) -> Any:
        """Return where the op is to write the gradients of weight and bias; None for new arrays."""
        weight, *bias = [one.place for one in self.inputs[1:]]
        found = (weight, bias[0] if bias else None)
        return None if found == (None, None) else found

    @property
    def trains_weights(self) -> bool:
        """Whether the gradient of the weight is wanted, or nothing is recorded at all."""
        return self.node is None or self.node.sources[1] is not None


class Rectified(Later):
    """A rectifier after an affine op, put off.

    Parameters
    ----------
    affine : Affine
        What it follows.
    before : Value or None
        The tensor that it was applied to; None if that is the same object, changed in place.
    """

    __slots__ = ("affine", "before")

    def __init__(self, affine: Affine, before: Value | None) -> None:
        self.affine = affine
        self.before = None if before is None else Before(before)

    def run(self, y: Value) -> None:
        """Compute both as one op, or the rectifier alone where its input may be looked at."""
        if (before := alive(self.before)) is not None:
            limit(before, y, 0.0, None, self.affine.records)
            return
        affine = self.affine
        x, w, b = affine.arguments()
        op = ops.conv2d_relu if affine.op == "conv2d" else ops.linear_relu
        y.array = z = op(x, w, b, **affine.geometry)
        affine.attach(
            y,
            f"{affine.op}_relu",
            lambda needs, dy: affine.gradients(needs, ops.relu_backward(dy, z), x, w),
        )


class Pooled(Later):
    """A max pooling with windows side by side after a rectified convolution, put off."""

    __slots__ = ("before", "rectified", "window")

    def __init__(self, rectified: Rectified, before: Value, window: tuple[int, int]) -> None:
        self.rectified, self.window = rectified, window
        self.before = Before(before)

    def run(self, y: Value) -> None:
        """Compute all three as one op, or the pooling alone where its input may be looked at."""
        before = alive(self.before)
        affine = self.rectified.affine
        if before is None and (
            alive(self.rectified.before) is not None or not affine.trains_weights
        ):
            before = put_off(self.rectified, affine.records)
        if before is not None:
            _pool(before, y, (self.window, self.window, (0, 0), (1, 1), False), affine.records)
            return
        x, w, b = affine.arguments()
        y.array, winners = ops.conv2d_relu_max_pool2d(
            x, w, b, window=self.window, **affine.geometry
        )

        def pull(needs: Needs, dy: Any) -> list[Any]:
            dx, dw, db = ops.conv2d_relu_max_pool2d_backward(
                dy, winners, x, w, window=self.window, input_gradient=needs[0],
                out=affine.places(), **affine.geometry,
            )  # fmt: skip
            return [dx, dw, db][: len(needs)]

        affine.attach(y, "conv2d_relu_max_pool2d", pull)


def _pool(x: Value, y: Value, geometry: tuple[Any, ...], records: bool) -> None:
    shape = x.array.shape
    y.array, places = ops.max_pool2d(x.array, *geometry)
    if records:
        y._node = Node(
            "max_pool2d",
            (x,),
            lambda needs, dy: (ops.max_pool2d_backward(dy, places, shape),),
            (y.array,),
        )


def affine(
    op: str, x: Value, weight: Value, bias: Value | None, geometry: dict[str, Any]
) -> Tensor:
    """Put off a convolution or a linear layer whose arguments are known to fit."""
    x.array  # noqa: B018 - computes it now: what it was put off for does not include this op
    return first_result(Affine(op, x, weight, bias, geometry), x)


def relu(x: Value, inplace: bool = False) -> Tensor:
    """Set negative numbers to 0; NaN passes."""
    later = x._later
    if type(later) is Affine and later.goes_on():
        if inplace:
            x._later = Rectified(later, None)
            x._version += 1
            return x  # type: ignore[return-value]
        return later_result(Rectified(later, x), later.records)
    if (rectified := limited(x, 0.0, None, inplace)) is not None:
        return rectified
    z = ops.relu(x.array)
    y = record("relu", (x,), z, lambda needs, dy: (ops.relu_backward(dy, z),))
    return x._become(y) if inplace else y


def max_pool2d(x: Value, geometry: tuple[Any, ...], side_by_side: bool) -> Tensor:
    """Keep the largest element of each window.

    Parameters
    ----------
    x : Value
    geometry : tuple
        The arguments of `pycnn.ops.max_pool2d` after the first.
    side_by_side : bool
        Whether the windows lie side by side, without padding.
    """
    later = x._later
    if (
        side_by_side
        and type(later) is Rectified
        and later.affine.op == "conv2d"
        and later.affine.goes_on()
    ):
        window = geometry[0]
        return later_result(Pooled(later, x, window), later.affine.records)
    array, places = ops.max_pool2d(x.array, *geometry)
    shape = x.array.shape
    return record(
        "max_pool2d", (x,), array, lambda needs, dy: (ops.max_pool2d_backward(dy, places, shape),)
    )
