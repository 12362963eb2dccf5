"""The arrays of a model: parameters with their gradients, and buffers, which are not trained."""

from __future__ import annotations

import math
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pycnn import backends
from pycnn._arguments import flag
from pycnn._budget import take
from pycnn._locks import Lock
from pycnn._memory import slots_of
from pycnn.autograd import Tensor, tracked
from pycnn.autograd.hooks import HOOKED, arriving
from pycnn.devices import is_array
from pycnn.layers.factored_gradient import (
    FactoredGradient,
    dense_gradient,
    keep_gradient,
    kept_gradient,
)
from pycnn.layers.sparse_rows import ANY, FLOAT, Kinds, SparseRows, check_kind

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

Gradient = Array | SparseRows


# Held while a pass adds to what several threads share: gradients, running statistics.
sums = Lock()


def gradient_values(grad: Gradient) -> Array:
    """Return the numbers of a gradient that are not known to be zero, to read or to scale."""
    return grad.values if isinstance(grad, SparseRows) else grad


class Home(Protocol):
    """The place of a parameter's gradient, such as its part of a buffer that many share."""

    @property
    def view(self) -> Array:
        """An array of the shape and dtype of the parameter, for its gradient."""

    def add(self, own: Gradient | None, grad: Gradient) -> Gradient:
        """Return the sum of two gradients; `own` may be None, `grad` is often `view` itself."""


def _set_values(owner: Tensor, values: Any) -> None:
    """Replace the values of a parameter or buffer, and count their changes from now on."""
    owner.array = tracked(values.array if isinstance(values, Tensor) else values)


class Parameter(Tensor):
    """A trainable array and its gradient: a `Tensor` that a module finds among its attributes.

    Parameters
    ----------
    data : float array or Tensor, C-contiguous
        The values. The optimizers update this array in place.
    requires_grad : bool
        Whether it is trained. Backward passes do no work for one that is not.

    Attributes
    ----------
    data : array
        The values; an array of NumPy's counts its changes (`TrackedArray`). `array` is the same.
    grad : array, SparseRows or None
        Gradient of the loss, of the shape of `data`; None until a backward pass.
    home : Home or None
        The place of the gradient; None, as at first, for an array of its own. With a home, train
        the model in one thread only: a first gradient overwrites what `home.view` holds, so each
        backward pass after `Module.zero_grad` changes the `grad` of the pass before. Copies of a
        parameter have no home, and moving it to another device with `Module.to` removes it.
    requires_grad : bool
        Whether it is trained.

    Raises
    ------
    TypeError
        If `data` is not a float array of a dtype that a checkpoint can hold: 16 to 64 bits, in the
        byte order of the machine.
    ValueError
        If `data` is not C-contiguous.
    """

    __slots__ = ("home",)

    def __init__(self, data: Array | Tensor, requires_grad: bool = True) -> None:
        _hold(self, data, FLOAT, flag("Parameter", "requires_grad", requires_grad))
        self.home: Home | None = None

    data = property(attrgetter("array"), _set_values, doc="The values: an array.")

    @property
    def place(self) -> Array | None:
        """Place for a first gradient: ``home.view``, or None without a home.

        Also None if there is a gradient already, to which `accumulate` adds.
        """
        home = self.home
        return None if home is None or self.gradient is not None else home.view

    gradient = property(dense_gradient, keep_gradient, doc="The gradient; see `FactoredGradient`.")

    def accumulate_factored(self, grad: FactoredGradient) -> None:
        """Do `accumulate`, but compute a first gradient only when somebody looks at it."""
        with sums.held:
            is_first = kept_gradient(self) is None
            if is_first and grad.shape == self.shape and self.requires_grad and not HOOKED:
                keep_gradient(self, grad)
                return
        self.accumulate(grad.to_dense())

    def accumulate(self, grad: Gradient) -> None:
        """Add to the gradient; the first one after `Module.zero_grad` is kept, not copied.

        Later ones are not added in place, since others may hold the first one, too. A `home` does
        its own keeping and adding.

        If several threads add at once, none of the gradients is lost; their order, and with it the
        rounding, is not fixed.

        Raises
        ------
        TypeError
            If `grad` is neither an array nor SparseRows, or not of the dtype of `data`.
        ValueError
            If `grad` does not have the shape of `data`.
        """
        if type(grad) is not np.ndarray and not (is_array(grad) or isinstance(grad, SparseRows)):
            found = type(grad).__name__
            raise TypeError(f"[Parameter] gradient must be an array or SparseRows, got {found}")
        data = self.array
        if (dtype := gradient_values(grad).dtype) != data.dtype:
            raise TypeError(f"[Parameter] gradient is {dtype}, data {data.dtype}")
        if grad.shape != data.shape:
            raise ValueError(f"[Parameter] gradient has shape {grad.shape}, data {self.shape}")
        if not self.requires_grad:
            return
        if HOOKED and (grad := arriving(self, grad)) is None:
            return
        with sums.held:
            own = self.gradient
            if self.home is not None:
                self.gradient = self.home.add(own, grad)
            else:
                self.gradient = grad if own is None else sum_of(own, grad)

    def __getstate__(self) -> Any:
        """Return what copies and pickles hold: everything but the home, which is not shared."""
        return _state(self, home=None)

    def __repr__(self) -> str:
        frozen = "" if self.requires_grad else ", requires_grad=False"
        return f"Parameter(shape={self.shape}, dtype={self.data.dtype}{frozen})"


def sum_of(own: Gradient, grad: Gradient) -> Gradient:
    """Return the sum of two gradients of a parameter, a new one."""
    if isinstance(own, SparseRows):
        return own + grad if isinstance(grad, SparseRows) else _add_rows(grad, own)
    if isinstance(grad, SparseRows):
        return _add_rows(own, grad)
    # Not in place, as another parameter may have been given it; and of single numbers an array
    # again, which NumPy's sum is not.
    total: Array = backends.of(own).binary("add", own, grad)
    return total


def forget_gradient(parameter: Tensor, to_none: bool = True) -> None:
    """Let go of a gradient; without `to_none`, zeros take the place of one."""
    if parameter.gradient is None or to_none:
        parameter.gradient = None
    else:
        parameter.gradient = parameter.backend.zeros(parameter.shape, parameter.dtype)


def _add_rows(dense: Array, sparse: SparseRows) -> Array:
    """Add some rows to a gradient: a new array."""
    total: Array = backends.of(dense).add_rows(dense, sparse.rows, sparse.values)
    return total


def _hold(value: Tensor, data: Array | Tensor, kinds: Kinds, requires_grad: bool) -> None:
    """Give a parameter or buffer its values."""
    owner = type(value).__name__
    array: Array = data.array if isinstance(data, Tensor) else data
    check_kind(owner, "data", array, kinds)
    check_contiguous(owner, "data", array)
    take(array.shape)
    value.array = tracked(array)
    value._set_up(requires_grad)


def _state(value: Tensor, **instead: Any) -> Any:
    """Return what copies and pickles of a parameter or buffer hold: no history."""
    names = [name for kind in type(value).__mro__ for name in slots_of(kind)]
    slots = {name: getattr(value, name) for name in names if hasattr(value, name)}
    own = {"_node": None, "_base": None, "_later": None, "_parts": None, **instead}
    return getattr(value, "__dict__", None), {**slots, **own}


class Buffer(Tensor):
    """An array that belongs to a model but is not trained, such as a running mean.

    It is saved, loaded and copied with the parameters, under its own name. Optimizers do not see
    it.

    Parameters
    ----------
    data : array of numbers or bool, C-contiguous
        The values. A layer updates this array in place.
    moves : bool
        Whether `Module.to` moves it with the parameters, as an op needs that reads it together with
        its inputs, such as a table of word vectors. Otherwise it stays on the CPU.

    Attributes
    ----------
    data : array
        The values.
    moves : bool
        As above.

    Raises
    ------
    TypeError
        If `data` is not an array, or not of a dtype that a checkpoint can hold: bool, integers and
        floats of 16 to 64 bits, in the byte order of the machine.
    ValueError
        If `data` is not C-contiguous.
    """

    __slots__ = ("moves",)

    data = property(attrgetter("array"), _set_values, doc="The values: an array.")

    def __init__(self, data: Array | Tensor, *, moves: bool = False) -> None:
        _hold(self, data, ANY, False)
        self.moves = moves

    def __getstate__(self) -> Any:
        """Return what copies and pickles hold."""
        return _state(self)

    def __repr__(self) -> str:
        return f"Buffer(shape={self.shape}, dtype={self.data.dtype})"


Places = tuple[Array | None, Array | None]


def places(weight: Parameter, bias: Parameter | None) -> Places | None:
    """Return the arrays into which an op writes first gradients of weight and bias: its `out`."""
    if weight.home is None and (bias is None or bias.home is None):
        return None
    return weight.place, None if bias is None else bias.place


def add_bias_gradient(bias: Parameter | None, dy: Array) -> None:
    """Add the gradient of a bias alone, where the weight is not trained: sums of each channel."""
    if bias is not None and bias.requires_grad:
        axes = tuple(axis for axis in range(dy.ndim) if axis != 1)
        bias.accumulate(backends.of(dy).reduce("sum", dy, axes).reshape(bias.shape))


def check_gradient(dy: Any, size: int | None = None) -> None:
    """Raise unless a gradient is an array, and of this many numbers."""
    if not is_array(dy):
        raise TypeError(f"[backward] the gradient must be an array, got {type(dy).__name__}")
    if size is not None and dy.size != size:
        raise ValueError(f"[backward] the gradient must hold {size} numbers, has {dy.shape}")


def shaped(owner: str, data: Array, shape: Shape) -> Array:
    """Return the values of a weight in the shape that an op takes them in."""
    if data.size != math.prod(shape):
        raise ValueError(f"[{owner}] weight has shape {data.shape}, which is not one of {shape}")
    found: Array = data.reshape(shape)
    return found


def check_contiguous(owner: str, name: str, array: Array) -> None:
    """Raise ValueError unless an array is C-contiguous; arrays on a device always are."""
    if isinstance(array, np.ndarray) and not array.flags.c_contiguous:
        raise ValueError(f"[{owner}] {name} must be C-contiguous ({name}: {array.shape})")


def is_trainable_leaf(value: Any) -> bool:
    """Whether this is a tensor of one's own that can be trained as a parameter is."""
    return isinstance(value, Tensor) and value.requires_grad and value.is_leaf


def list_of_parameters(owner: str, name: str, values: Any) -> list[Parameter]:
    """Return parameters as a list; refuse a single Parameter, and anything but Parameters."""
    if isinstance(values, Parameter) or not isinstance(values, Iterable):
        raise TypeError(
            f"[{owner}] {name} must be an iterable of Parameters such as model.parameters(), "
            f"got {type(values).__name__}"
        )
    parameters = []
    try:
        for value in values:  # one by one: an iterable of something else may be endless
            if not isinstance(value, Parameter) and not is_trainable_leaf(value):
                kind = type(value).__name__
                raise TypeError(f"[{owner}] {name} must hold Parameters, got {kind}")
            parameters.append(value)
    except TypeError as error:
        text = str(error)
        raise TypeError(text if text.startswith("[") else f"[{owner}] {name}: {text}") from None
    return parameters
