"""Batch normalisation on tensors, with an addition and a rectifier that may follow in the same op.

The statistics are computed at once, since running ones follow them. What is left is put off, as are
convolutions (see `pycnn.autograd.fused`): one pass over memory then normalises, adds and limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycnn import backends, ops
from pycnn.autograd.graph import Needs, Node, _nothing, is_recording
from pycnn.autograd.value import Later, Value, put_off, tell
from pycnn.autograd.waiting import Before, PutOff, alive, first_result, later_result

if TYPE_CHECKING:
    from pycnn.autograd.tensor import Tensor


class Normalised(PutOff):
    """A normalisation that is put off, perhaps with something to add.

    Parameters
    ----------
    x : Value
    weight, bias : Value or None
    statistics : tuple of array
        Mean and 1 / std of the batch.
    """

    __slots__ = ("statistics",)

    def __init__(
        self, x: Value, weight: Value | None, bias: Value | None, statistics: tuple[Any, Any]
    ) -> None:
        super().__init__("batch_norm2d", {"x": x, "weight": weight, "bias": bias})
        self.statistics = statistics

    def takes(self, other: Value) -> bool:
        """Whether a tensor can be added in the same op."""
        x, array = self.arrays[0], other.array
        return (
            "residual" not in self.names
            and self.goes_on()
            and (self.records or not (is_recording() and other.requires_grad))
            and array.shape == x.shape
            and array.dtype == x.dtype
            and backends.of(array) is backends.of(x)
            and not (other._base is not None and other._base.foreign)
        )

    def plus(self, other: Value) -> Normalised:
        """Return the same computation, of what its inputs were, with a tensor added."""
        one = object.__new__(Normalised)
        one.op, one.statistics, one.records = self.op, self.statistics, self.records
        one.names, one.inputs = (*self.names, "residual"), (*self.inputs, other)
        one.arrays = [*self.arrays, other.array]
        one.guarded = list(self.guarded)
        if other._node is None:
            one.guarded.append((other, other.array, other.changes()))
        one.node = None
        if (node := self.node) is not None:
            # The gradients depend on no values of what is added.
            one.node = Node(self.op, (other,), _nothing, (None,), node.trained, guards=False)
            one.node.sources[:0] = node.sources
            one.node.guarded = node.guarded
        for value, _, _ in one.guarded:
            tell(value, one)
        return one

    def run(self, y: Value) -> None:
        """Compute without limits."""
        self.compute(y, None, None)

    def compute(self, y: Value, lower: float | None, upper: float | None) -> None:
        """Normalise, add and limit in one pass."""
        found, statistics = self.operands(), self.statistics
        x, weight, bias = found["x"], found.get("weight"), found.get("bias")
        residual, has_limits = found.get("residual"), lower is not None or upper is not None
        y.array = z = ops.batch_norm2d_apply(x, weight, bias, *statistics, residual, lower, upper)
        # The op computes a result that is no sum again: it is not kept for it.
        limited = z if has_limits and residual is not None else None
        names = self.names

        def pull(needs: Needs, dy: Any) -> list[Any]:
            wanted = has_limits and names[-1] == "residual" and needs[-1]
            dx, dweight, dbias, masked = ops.batch_norm2d_clamp_backward(
                dy, limited, x, weight, *statistics, lower, upper, wanted, bias
            )
            grads: dict[str, Any] = {"x": dx, "weight": dweight, "bias": dbias}
            grads["residual"] = masked if has_limits else dy
            return [grads[name] if need else None for name, need in zip(names, needs, strict=True)]

        self.attach(y, self.op, pull)


class Added(Later):
    """A sum of a normalisation and a tensor, put off.

    Parameters
    ----------
    normalised : Normalised
        Both together.
    before : Value or None
        The normalised tensor; None if that is the same object, changed in place.
    """

    __slots__ = ("before", "normalised")

    def __init__(self, normalised: Normalised, before: Value | None) -> None:
        self.normalised = normalised
        self.before = None if before is None else Before(before)

    def run(self, y: Value) -> None:
        """Compute both as one op, or the sum alone where the normalised tensor may be looked at."""
        if (before := alive(self.before)) is None:
            self.normalised.run(y)
            return
        residual = self.normalised.operands()["residual"]
        y.array = before.backend.binary("add", before.array, residual)
        if (whole := self.normalised.node) is not None:
            node = Node("add", (before,), lambda needs, dy: (dy, dy), (y.array,), whole.trained)
            node.sources.append(whole.sources[-1])
            node.guarded = []
            y._node = node


class Limited(Later):
    """Limits of a normalisation or of a sum with one, put off.

    Parameters
    ----------
    of : Normalised or Added
    before : Value or None
        The tensor before; None if that is the same object, changed in place.
    lower, upper : float or None
    """

    __slots__ = ("before", "lower", "of", "upper")

    def __init__(
        self,
        of: Normalised | Added,
        before: Value | None,
        lower: float | None,
        upper: float | None,
    ) -> None:
        self.of, self.lower, self.upper = of, lower, upper
        self.before = None if before is None else Before(before)

    def run(self, y: Value) -> None:
        """Compute all as one op, or the limits alone where what is before may be looked at."""
        normalised, before = _normalised(self.of), alive(self.before)
        if before is None and type(self.of) is Added and alive(self.of.before) is not None:
            before = put_off(self.of, normalised.records)
        if before is not None:
            limit(before, y, self.lower, self.upper, normalised.records)
        else:
            normalised.compute(y, self.lower, self.upper)


def _normalised(later: Normalised | Added) -> Normalised:
    return later if isinstance(later, Normalised) else later.normalised


def limit(x: Value, y: Value, lower: float | None, upper: float | None, records: bool) -> None:
    """Set a tensor to the limited values of another: rectified ones, or between two limits."""
    array = x.array
    if upper is None:
        y.array = z = ops.relu(array)
        if records:
            y._node = Node("relu", (x,), lambda needs, dy: (ops.relu_backward(dy, z),), (z,))
        return
    kind: Any = "hardtanh", lower, upper
    y.array = ops.activation(array, *kind)
    if records:
        y._node = Node(
            "hardtanh",
            (x,),
            lambda needs, dy: (ops.activation_backward(dy, array, *kind),),
            (y.array,),
        )


def normalised(
    x: Value, weight: Value | None, bias: Value | None, statistics: tuple[Any, Any]
) -> Tensor:
    """Put off a normalisation whose arguments are known to fit."""
    return first_result(Normalised(x, weight, bias, statistics), x)


def added(a: Value, b: Any) -> Tensor | None:
    """Put off the sum of a normalisation that is put off and a tensor; None if there is none."""
    if isinstance(b, Value) and a is not b:
        for one, other in ((a, b), (b, a)):
            later = one._later
            if type(later) is Normalised and later.takes(other):
                whole = Added(later.plus(other), one)
                return later_result(whole, whole.normalised.records)
    return None


def added_in_place(a: Value, b: Any) -> bool:
    """Do `added` in place of the first tensor; return whether it could be done."""
    later = a._later
    if type(later) is not Normalised or not isinstance(b, Value) or a is b or not later.takes(b):
        return False
    a._later = Added(later.plus(b), None)
    a._version += 1
    return True


def limited(x: Value, lower: float, upper: float | None, inplace: bool) -> Tensor | None:
    """Put off limits of what is put off here; None if there is nothing."""
    later = x._later
    if not isinstance(later, Normalised | Added) or not _normalised(later).goes_on():
        return None
    if inplace:
        x._later = Limited(later, None, lower, upper)
        x._version += 1
        return x  # type: ignore[return-value]
    return later_result(Limited(later, x, lower, upper), _normalised(later).records)
