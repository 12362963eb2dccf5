"""Module: the base class of every layer and every model."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from pycnn._arguments import seeds
from pycnn._memory import evaluating
from pycnn._printable import printable
from pycnn.autograd import Tensor, tracked
from pycnn.autograd.structure import holds, leaves
from pycnn.devices import device_of, extension, is_array, move, needs_extension
from pycnn.layers.building import Building, device_given
from pycnn.layers.hooks import Hookable
from pycnn.layers.making import Making
from pycnn.layers.model_table import model_table
from pycnn.layers.modes import Modes
from pycnn.layers.parameter import Array, Buffer, Parameter, Shape
from pycnn.layers.passes import backward_of, direct_of, is_ours, on_either, saves, watched, watching
from pycnn.layers.saving import Saving
from pycnn.layers.state import State
from pycnn.layers.summary import summary
from pycnn.layers.tree import each_once
from pycnn.layers.turns import Turn

Self = TypeVar("Self", bound="Module")
Trace = Generator[tuple[str, "Module", Array], None, Array]


class ModelSpec(NamedTuple):
    """How `pycnn.models.create` made a model: enough to make it again."""

    name: str
    arguments: dict[str, Any]


class Module(Building, Hookable, Making, Modes, State, Saving):
    """Base class of layers and models: a forward pass, its backward pass, and parameters.

    A subclass assigns its `Parameter`, `Buffer` and `Module` objects to attributes, which names
    them (attributes of a class and slots count; lists and whatever else holds one do not, and are
    refused where they hold what is not found elsewhere below the module), and defines ``forward``.

    ``forward`` calls modules, functions of `pycnn.functional` and operators on `Tensor` objects.
    What it does is recorded, and gradients follow from that. It may take several inputs and return
    several outputs. Call the module with tensors for tensors, or with arrays for arrays: then
    ``backward(dy)`` walks back along what was recorded.

    A layer may define both passes itself, on arrays, which costs least:

    - ``y = forward(x)`` passes whatever the gradients depend on to ``save_for_backward``,
    - ``dL/dx = backward(dL/dy)`` takes it with ``saved``, in the same thread, adds ``dL/dw`` to the
      gradient of each parameter w with ``w.accumulate``, and returns ``dL/dx``.

    They do so in both modes, so that layers in evaluation mode can stand in a network that is
    trained; within `evaluation_mode` nothing is saved.

    Attributes
    ----------
    training : bool
        Whether `forward` does what belongs to training alone: dropout drops, batch normalisation
        uses the statistics of the batch. Set by `train`, `eval`; False within `evaluation_mode`.
        `pycnn.fit` does not see what another thread sets meanwhile.
    children_share_input : bool
        Whether the input of the module is that of each of its children, as of branches side by
        side, and not of the first one only. `summary` then counts their operations right.
    spec : ModelSpec or None
        Set by `pycnn.models` on the models it makes; stored in checkpoints.
    metadata : mapping of str to JSON values
        What belongs to a trained model besides its parameters, such as the names of its classes;
        stored in checkpoints.

    Examples
    --------
    A network with a branch:

    >>> import numpy as np
    >>> import pycnn as nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.conv = nn.Conv2d(1, 4, 3, padding=1)
    ...         self.skip = nn.Conv2d(1, 4, 1)
    ...
    ...     def forward(self, x):
    ...         return nn.functional.relu(self.conv(x)) + self.skip(x)
    >>> Net()(np.zeros((2, 1, 8, 8), np.float32)).shape
    (2, 4, 8, 8)

    A layer with passes of its own, ``y = x^2`` and ``dL/dx = 2 x dL/dy``:

    >>> class Square(nn.Module):
    ...     def forward(self, x):
    ...         self.save_for_backward(x)
    ...         return x * x
    ...
    ...     def backward(self, dy):
    ...         (x,) = self.saved()
    ...         return 2 * x * dy
    >>> layer = Square()
    >>> layer(np.float32([1, 2, 3]))
    array([1., 4., 9.], dtype=float32)
    >>> layer.backward(np.float32([1, 1, 1]))
    array([2., 4., 6.], dtype=float32)
    """

    children_share_input = False
    spec: ModelSpec | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the forward pass of a class take arrays and tensors."""
        super().__init_subclass__(**options)
        forward = vars(cls).get("forward")
        if forward is None:
            return
        if backward_of(cls, cls) is None and saves(forward):
            cls.backward = cls.backward  # type: ignore[method-assign]  # of the base class, for both
        elif backward_of(cls, cls) is None:  # that of a base class is for another forward pass
            cls.backward = Module.backward  # type: ignore[method-assign]
            cls.backward_parameters = Module.backward_parameters  # type: ignore[method-assign]
        cls.forward = on_either(forward, cls)  # type: ignore[method-assign]

    def forward(self, *inputs: Any) -> Any:
        """Compute the output for the inputs.

        Raises
        ------
        NotImplementedError
            If the class does not define it.
        """
        raise NotImplementedError(f"[{type(self).__name__}] the class defines no forward")

    def backward(self, dy: Any) -> Any:
        """Return the gradient of the input for that of the output; accumulate the parameters'.

        By default this walks back along what the last forward pass on arrays recorded.

        Parameters
        ----------
        dy : array, or as many as there are outputs
            Gradient of the loss with respect to what `forward` returned.

        Returns
        -------
        array, or a tuple with one for each input array of floats

        Raises
        ------
        RuntimeError
            If no forward pass came before (one within `evaluation_mode` does not count), or it
            was used already.
        """
        (recorded,) = self.saved()
        return recorded.backward(dy, True)

    def backward_parameters(self, dy: Any) -> None:
        """Do `backward` without the gradient of the input.

        The first layer of a network does not need it, and for a convolution it is half of the work.
        Override this in a subclass where it saves time.
        """
        if type(self).backward is Module.backward:
            (recorded,) = self.saved()
            recorded.backward(dy, False)
            return
        self.backward(dy)

    backward.walks_the_tape = True  # type: ignore[attr-defined]

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Check that there is an input that `forward` can take, and call it."""
        if len(inputs) == 1 and isinstance(x := inputs[0], Tensor):
            direct = direct_of(type(self))  # type: ignore[arg-type]
            if direct is not None and not (options or "forward" in vars(self) or watched()):
                y = direct(self, x)
                if y is not NotImplemented:
                    return y
        elif len(inputs) == 1:
            # A forward of one's own may take anything.
            own = type(self).backward is not Module.backward or is_ours(type(self))
            if not is_array(x) and (own or x is None) and not holds(Tensor, x):
                name = type(self).__name__
                raise TypeError(f"[{name}] x must be an array, got {type(x).__name__}")
        try:
            return self.forward(*inputs, **options)
        except (TypeError, ValueError) as error:
            put_name(type(self).__name__, error)
            raise

    def forget(self) -> None:
        """Free what forward passes of this thread saved for a backward pass that will not come."""
        for module in self.modules():
            module._memory = None

    def _check_gradient(self, dy: Array, shape: Shape) -> None:
        """Raise unless a gradient has the output's `shape`: NumPy would stretch another one."""
        if not is_array(dy):
            raise TypeError(f"the gradient must be an array, got {type(dy).__name__}")
        if dy.dtype.kind != "f":
            raise TypeError(f"the gradient must hold floats, is {dy.dtype}")
        if dy.shape != shape:
            raise ValueError(f"the gradient must have shape {shape}, has {dy.shape}")

    @property
    def device(self) -> Any:
        """Device of the parameters: 'cpu', or that given to `to`; or an attribute of one's own."""
        return vars(self)["device"] if "device" in vars(self) else self._placed()

    @device.setter
    def device(self, value: Any) -> None:
        vars(self)["device"] = value

    def _placed(self) -> str:
        """Return the device of the parameters, whatever a class of one's own keeps as `device`."""
        return next((device_of(value.data) for value in self._movable()), "cpu")

    def _movable(self) -> Iterator[Parameter | Buffer]:
        """Return what `to` moves: the parameters, and the buffers with ``moves``."""
        for _, value in each_once(self._named_state()):
            if isinstance(value, Parameter) or value.moves:
                yield value

    def to(self: Self, device: Any = None, dtype: Any = None) -> Self:
        """Move the parameters to a device, and return self; gradients are forgotten.

        Buffers with ``moves`` go with them, such as a frozen table of word vectors. Other buffers,
        such as running means, hold a few numbers for each channel and stay on the CPU.

        Parameters
        ----------
        device : {'cpu', 'cuda', 'reference'}
            The CPU or the GPU, or `pycnn.reference`, which computes in float64 with NumPy, to
            compare with; 'cuda_emulated' is the emulation of a GPU that tests use. An optimizer
            that has taken steps does not move: make a new one and load the state into it. A
            tensor stands for its device.
        dtype : dtype, optional
            Only float32, which parameters are; it may come first, as in PyTorch.

        Raises
        ------
        TypeError
            If it is another dtype, or no device.
        ValueError
            If there is no device of this name.
        RuntimeError
            If the machine has no such device, or pycnn was built without it.
        """
        device = device_given(device, dtype)
        if device is None:
            return self
        if needs_extension(device):
            extension(device)
        with Turn(self, alone=True).taken():
            moved = [(value, move(value.data, device)) for value in self._movable()]
            for value, data in moved:  # only now: a failure leaves the model where it was
                if isinstance(value, Parameter) and data is not value.data:
                    value.home = None  # its array has stayed behind
                value.data = tracked(data)
        self.zero_grad()
        self.forget()
        return self

    def reseed(self, seed: int | Sequence[int]) -> None:
        """Restart the random numbers of every random layer from `seed`, each on its own stream.

        Raises
        ------
        TypeError, ValueError
            If it is not an int, or a list of ints, that are at least 0.
        """
        seed = seeds(type(self).__name__, seed)
        for index, (_, child) in enumerate(self.named_children()):
            child.reseed([*seed, index])

    def trace(self, x: Array, path: str = "") -> Trace:
        """Run forward one layer at a time: yields (path, layer, output), returns the output.

        The path is that of the parameter names: ``"6"`` for the layer of ``6.weight``. Of a
        ``forward`` that calls modules as it likes, each call is one step, and one of several
        outputs counts as its first; what functions do in between is no step. `x` may be a tuple:
        the inputs of a model that takes several.
        """
        calls: list[tuple[Module, Array]] = []
        with watching(lambda module, _, y: calls.append((module, y))):
            y: Array = self.forward(*x) if isinstance(x, tuple) else self.forward(x)
        names = {id(module): name for name, module in self.named_modules()}
        for module, output in calls:
            if module is not self and id(module) in names:
                name = names[id(module)]
                yield f"{path}.{name}" if path else name, module, _first(output)
        yield path, self, _first(y)
        return y

    @property
    def input_dtype(self) -> type[np.generic]:
        """Kind of numbers that `forward` takes: float32; int64 for words."""
        return np.float32

    def scores(self, outputs: Array) -> Array:
        """Turn outputs of `forward` into numbers of which the largest in a row is the answer.

        By default these are the outputs themselves. A layer whose smallest output wins, such as one
        of distances, returns them with the opposite sign.
        """
        return outputs

    @property
    def outputs_are_scores(self) -> bool:
        """Whether the largest output wins, because `scores` returns the outputs as they are."""
        outputs = np.zeros((1, 1), np.float32)
        return self.scores(outputs) is outputs

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Floating-point operations of one forward pass: 2 for each multiply-add, no others."""
        return 0

    def summary(self, input_shape: Shape) -> str:
        """Table of layers, shapes, neurons, parameters and FLOP; see `pycnn.layers.summary`.

        For a model of several inputs, `input_shape` is a tuple of their shapes.
        """
        return summary(self, input_shape)

    # Text ----------------------------------------------------------------------------------

    def _arguments(self) -> str:
        """Arguments shown by repr."""
        return ""

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        return model_table(self)

    def __repr__(self) -> str:
        children = [f"({printable(name)}): {child!r}" for name, child in self.named_children()]
        extra = self.extra_repr()
        if not children:
            return f"{type(self).__name__}({extra})"
        body = "\n".join([extra, *children] if extra else children).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"


def put_name(name: str, error: Exception) -> None:
    """Put the name of a layer in front of the text of an error, unless it is there already."""
    if len(error.args) != 1 or not isinstance(text := error.args[0], str):
        return
    if not text.startswith((f"{name}: ", f"{name}[", f"{name}.", f"[{name}]")):
        error.args = (f"{name}: {text}",)


def _first(output: Any) -> Array:
    """Return the array of an output, or of the first of several."""
    first = next(iter(leaves(output)))
    array: Array = first.array if isinstance(first, Tensor) else first
    return array


def check_model(owner: str, model: Any, hint: str = "") -> None:
    """Raise TypeError unless `model` is an instance of Module."""
    if not isinstance(model, Module):
        raise TypeError(
            f"[{owner}] model must be an instance of Module, got {type(model).__name__}{hint}"
        )


@contextmanager
def evaluation_mode(model: Module) -> Iterator[None]:
    """Put a model in evaluation mode for this thread, as long as the block lasts.

    Nothing is written to the model: other threads see each layer in its own mode, and so does this
    thread afterwards. Forward passes in the block save nothing for a backward pass, so that no
    memory is held, and the first of them frees what this thread's last pass saved (`pycnn.predict`
    and `pycnn.evaluate` keep it).

    Notes
    -----
    The mode belongs to the thread, or where a thread runs several tasks to the task (its
    ``contextvars`` context). A generator that yields inside the block leaves the thread in this
    mode until the generator goes on.

    A thread that is started in the block is not in the mode, because it begins with a context of
    its own: start it with ``contextvars.copy_context().run``, or enter the block in it.

    The block does not wait for a thread that trains the model, as `pycnn.predict` and
    `pycnn.evaluate` do.
    """
    with evaluating(model.modules(), forget=True):
        yield
