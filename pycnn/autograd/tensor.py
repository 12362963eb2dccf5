"""Tensor: an array that remembers how it was computed, so that gradients can go back."""

from __future__ import annotations

import operator
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pycnn import backends
from pycnn._arguments import written
from pycnn.autograd import hooks
from pycnn.autograd.algebra import Algebra
from pycnn.autograd.arranging import Arranging
from pycnn.autograd.elementwise import Elementwise
from pycnn.autograd.fused_norm import added_in_place
from pycnn.autograd.graph import add
from pycnn.autograd.indexing import index, replaced
from pycnn.autograd.more_in_place import MoreInPlace
from pycnn.autograd.operators import Operators
from pycnn.autograd.products import matmul
from pycnn.autograd.scattering import Scattering
from pycnn.autograd.statistics import Statistics
from pycnn.autograd.tracked import TrackedArray, plain, tracked
from pycnn.autograd.value import Value, has_changed, new, part_of
from pycnn.backends.recording import refuse_here
from pycnn.devices import Device, device_of, is_array, move

if TYPE_CHECKING:
    from collections.abc import Iterator


class Tensor(Operators, MoreInPlace, Elementwise, Algebra, Scattering, Statistics, Arranging):
    """An array of a back-end, and who made it.

    Tensors come from `pycnn.tensor`, from a batch inside `pycnn.fit`, and from ops on tensors. What
    is computed from one that requires gradients is recorded; `backward` of the result then leaves
    the gradients in `grad` of the leaves. Arithmetic broadcasts as NumPy's does. Methods and
    functions have PyTorch's names.

    Parameters
    ----------
    data : array, list, or int
        The values; those of an array are shared: `pycnn.tensor` copies. Ints are the sizes of a
        tensor of zeros.
    requires_grad : bool
        Whether gradients are wanted.

    Attributes
    ----------
    array : array
        The values, as an array of the back-end. Those that an op has computed must not be changed.
    gradient : array, SparseRows or None
        The gradient that `backward` calls have added up, for leaves, as the back-end made it.
    requires_grad : bool
        Whether gradients are wanted here or at something that this was computed from.

    Examples
    --------
    >>> x = pycnn.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ()
    __array_ufunc__ = None  # NumPy's arrays leave operators with a tensor to the tensor

    def __init__(self, data: Any, *sizes: Any, requires_grad: bool = False) -> None:
        if sizes and isinstance(sizes[0], bool):
            requires_grad, sizes = sizes[0], sizes[1:]
        if sizes or isinstance(data, (int, np.integer)):  # as in PyTorch: sizes
            data = np.zeros(tuple(map(operator.index, (data, *sizes))), np.float32)
        elif isinstance(data, (list, tuple)):
            data = np.array(data, np.float32)
        if not is_array(data):
            raise TypeError(f"[Tensor] data must be an array, got {written(data)}")
        if type(data) is np.ndarray and data.dtype.kind == "f":
            data = data.astype(np.float32, order="C", copy=False)
        if requires_grad and data.dtype.kind != "f":
            raise TypeError(f"[Tensor] only floats can require gradients, not {data.dtype}")
        self.array = data
        self._set_up(requires_grad)

    def _set_up(self, requires_grad: bool) -> None:
        """Begin without a history."""
        self.gradient = self._node = self._later = self._base = self._parts = None
        self._output = self._version = 0
        self.requires_grad = requires_grad

    # What it is ----------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of the axes."""
        return tuple(self.array.shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Kind of the numbers."""
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    @property
    def device(self) -> Device:
        """Where the numbers are: 'cpu', 'cuda', 'cuda_emulated' or 'reference'."""
        return Device(device_of(self.array))

    @property
    def is_cuda(self) -> bool:
        """Whether the numbers are on a GPU."""
        return self.device == "cuda"

    @property
    def is_leaf(self) -> bool:
        """Whether nothing recorded made this: gradients end up in `grad` of leaves."""
        return self._node is None and not (self.requires_grad and self._later is not None)

    @property
    def data(self) -> Any:
        """The values without a history: a tensor that shares them, as in PyTorch."""
        return self.detach()

    @data.setter
    def data(self, values: Any) -> None:
        values = values.array if isinstance(values, Value) else values
        if not is_array(values):
            raise TypeError(f"[Tensor] data must be an array or a tensor, got {written(values)}")
        self.array, self._later = values, None
        self._version += 1
        has_changed(self)

    # Gradients -----------------------------------------------------------------------------

    @property
    def grad(self) -> Any:
        """The gradient that `backward` calls have added up, for leaves; None without one.

        On the CPU it is an array of NumPy's that has the usual methods of PyTorch's tensors as
        well, such as ``zero_`` and ``norm``.
        """
        return tracked(self.gradient)

    @grad.setter
    def grad(self, gradient: Any) -> None:
        gradient = gradient.array if isinstance(gradient, Value) else gradient
        self.gradient = plain(gradient)

    def backward(self, gradient: Any = None, retain_graph: bool = False) -> None:
        """Add the gradients of this to `grad` of every leaf that it was computed from.

        The memory that the tape held is freed on the way.

        Parameters
        ----------
        gradient : array or Tensor, optional
            Gradient of the final value with respect to this; 1 for a single number.
        retain_graph : bool
            Whether to keep the tape, so that backward may be called again.

        Raises
        ------
        RuntimeError
            If nothing that requires gradients was recorded, if the tape was used already or was
            recorded in another process, or if values that gradients depend on were changed since.
        ValueError
            If `gradient` is missing for more than one number, or has another shape.
        """
        data = self.array
        if not self.requires_grad:
            raise RuntimeError(
                "[backward] this tensor does not require gradients: nothing that it was computed "
                "from does, or it was computed in no_grad"
            )
        if gradient is None:
            if data.size != 1:
                raise ValueError(
                    f"[backward] a tensor of shape {self.shape} needs a gradient of that shape; "
                    "only a single number, such as a loss, goes without"
                )
            seed = backends.of(data).from_numpy(np.ones(data.shape, np.float32))
        else:
            seed = gradient.array if isinstance(gradient, Value) else gradient
            if not is_array(seed):
                seed = np.asarray(seed, np.float32)
            seed = move(seed, self.device)
            if seed.dtype != data.dtype:
                seed = backends.of(seed).astype(seed, data.dtype)
            if seed.shape != data.shape:
                raise ValueError(
                    f"[backward] gradient has shape {tuple(seed.shape)}, the tensor {self.shape}"
                )
        root: Any = self if self._node is None else (self._node, self._output)
        hooks.walk([(root, seed)], retain=retain_graph)

    def accumulate(self, grad: Any) -> None:
        """Add to `grad`: where a gradient arrives at a leaf, if that still wants it."""
        if not self.requires_grad:
            return
        if hooks.HOOKED and (grad := hooks.arriving(self, grad)) is None:
            return
        self.gradient = grad if self.gradient is None else add(self.gradient, grad)

    @property
    def place(self) -> Any:
        """Where an op is to write the gradient of a leaf: None for a new array."""
        return None

    def retain_grad(self) -> None:
        """Keep the gradient of this in `grad`, though it is no leaf."""
        if not self.requires_grad:
            raise RuntimeError("[retain_grad] this tensor does not require gradients")
        assert self.array is not None
        if self._node is not None:
            hooks.at_node(self._node).tensors.append((self._output, weakref.ref(self)))

    register_hook = hooks.register_hook

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether gradients are wanted; return self."""
        if not (self.is_leaf or requires_grad):
            raise RuntimeError("[requires_grad_] only a leaf can stop to require gradients: detach")
        if requires_grad and self.array.dtype.kind != "f":
            raise TypeError(f"[requires_grad_] only floats can, not {self.array.dtype}")
        self.requires_grad = bool(requires_grad)
        return self

    def detach(self) -> Tensor:
        """Return a tensor with the same values and no history; a change of one changes both."""
        return part_of(self, new(self.array), Tensor.detach, _rewritten, records=False)

    # Values --------------------------------------------------------------------------------

    def numpy(self) -> npt.NDArray[Any]:
        """Return the values as an array of NumPy.

        On the CPU it is a view, read-only where gradients depend on the values.
        """
        refuse_here("a forward", "reads the numbers of a tensor")
        data = self.array
        array: npt.NDArray[Any] = backends.of(data).to_numpy(data)
        if array is data or array.base is data:
            array = array.view() if isinstance(data, TrackedArray) else array.view(np.ndarray)
            if self.requires_grad and not isinstance(data, TrackedArray):
                array.flags.writeable = False
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.numpy().view(np.ndarray)
        if copy:
            return np.array(array, dtype)
        if array.flags.writeable and not copy:
            array.flags.writeable = False  # np.array(tensor) copies
        return array if dtype is None else array.astype(dtype, copy=False)

    def __dlpack__(self, **options: Any) -> Any:
        return (
            self.detach().array.view(np.ndarray).__dlpack__(**options)
            if self.device == "cpu"
            else self.array.__dlpack__(**options)
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        device: tuple[int, int] = self.array.__dlpack_device__()
        return device

    def item(self) -> Any:
        """Return a single number as Python's."""
        if self.array.size != 1:
            raise ValueError(f"[item] a tensor of shape {self.shape} is not a single number")
        return self.numpy().reshape(()).item()

    def tolist(self) -> Any:
        """Return the values as nested lists."""
        return self.numpy().tolist()

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise TypeError(f"[Tensor] only whole numbers can be an index, not {self.dtype}")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise ValueError(
                f"[Tensor] a tensor of shape {self.shape} is neither true nor false: "
                "use .any() or .all()"
            )
        return bool(self.item())

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("[Tensor] a single number has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("[Tensor] a single number has no parts to iterate over")
        return iter([index(self, i) for i in range(self.shape[0])])

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).numpy().any())

    def __getitem__(self, key: Any) -> Tensor:
        return index(self, key)

    def __matmul__(self, other: Any) -> Tensor:
        return matmul(self, other) if isinstance(other, Value) else NotImplemented

    # Changes in place ----------------------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        self._become(replaced(self, key, value))

    def __iadd__(self, other: Any) -> Tensor:
        return self if added_in_place(self, other) else self._become(self + other)

    def __isub__(self, other: Any) -> Tensor:
        return self._become(self - other)

    def __imul__(self, other: Any) -> Tensor:
        return self._become(self * other)

    def __itruediv__(self, other: Any) -> Tensor:
        return self._become(self / other)

    def __ipow__(self, other: Any) -> Tensor:
        return self._become(self**other)

    def __ifloordiv__(self, other: Any) -> Tensor:
        return self._become(self // other)

    def __imod__(self, other: Any) -> Tensor:
        return self._become(self % other)

    def __iand__(self, other: Any) -> Tensor:
        return self._become(self & other)

    def __ior__(self, other: Any) -> Tensor:
        return self._become(self | other)

    def __ixor__(self, other: Any) -> Tensor:
        return self._become(self ^ other)

    def __getstate__(self) -> Any:
        """Return what copies and pickles hold: values and gradient, but no history."""
        held = {"array": self.array, "gradient": self.gradient, "_output": 0, "_version": 0}
        own = dict.fromkeys(("_node", "_base", "_later", "_parts"))
        return None, {**held, **own, "requires_grad": self.requires_grad and self.is_leaf}

    # Text ----------------------------------------------------------------------------------

    @property
    def grad_fn(self) -> Any:
        """The call on the tape that made this, or None: of a leaf, and of what is not recorded."""
        assert self.array is not None  # a computation that was put off is recorded when it runs
        return self._node

    def __format__(self, form: str) -> str:
        """Format a single number as Python's: ``f"{loss:.3f}"``."""
        if not self.shape or (form and self.array.size == 1):
            return format(self.item(), form)
        return super().__format__(form)

    def __repr__(self) -> str:
        # The lines of an array are indented by the length of "array("; here it is one letter more.
        text = repr(np.asarray(self.numpy()).view(np.ndarray)).removeprefix("array")
        text = text.replace("\n", "\n ")
        history = ""
        if self._node is not None:
            history = f", made_by={self._node.name}"
        elif self.requires_grad:
            history = ", requires_grad=True"
        if self.device != "cpu":
            history = f", device={str(self.device)!r}{history}"
        return f"tensor{text[:-1]}{history})"


Value.made = TrackedArray.tensor = Tensor


def _rewritten(whole: Value, part: Value) -> Tensor:
    """Return a tensor with other values, and with the history that it has."""
    y = new(part.array)
    if whole._node is not None:
        y._node, y._output, y.requires_grad = whole._node, whole._output, whole.requires_grad
    return y
