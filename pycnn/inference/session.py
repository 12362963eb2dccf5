"""InferenceSession: a trained model made ready to run, and nothing else."""

from __future__ import annotations

from math import prod
from typing import Any, NoReturn

import numpy as np

from pycnn import _html
from pycnn._arguments import LARGEST, integer, sizes
from pycnn._printable import printable
from pycnn.arrays import take
from pycnn.devices import on_cpu
from pycnn.inference.engine import Engine
from pycnn.inference.graph import FloatArray, Graph
from pycnn.inference.running import runner_of
from pycnn.inference.simplify import simplify
from pycnn.inference.trace import Example, difference, line_of, traced
from pycnn.inference.traced import Untraceable
from pycnn.layers.module import Module, check_model

# Enough samples that every lane and core has work; more would take more memory and no less time.
MAX_BATCH = 32

# Share of the largest output by which a session may differ from its model. Weights with a batch
# norm folded in are rounded once more, and a plan may add in another order: each layer's results
# are then off by some 2^-22 of their largest, which grows a little from layer to layer. ResNet-18
# and MobileNetV2 differ by less than 2^-20; 2^-10 is what no rounding reaches, and every mistake.
ALIKE = 2.0**-10

_OWNER = "InferenceSession"


class InferenceSession:
    """A model in evaluation mode, made ready to run on the CPU as fast as it can.

    The forward pass is run once and written down as a graph; batch norms are folded into the
    weights, activations and shortcuts into the convolutions, and what is left is made a plan whose
    filters are packed and whose memory is assigned once. An op that has no plan is called by
    itself, between plans of what is before and after it; ``print(session)`` says which it is.

    A session never changes: it has copies of the parameters, so training the model afterwards needs
    a new one. Any number of threads may run it at the same time.

    Parameters
    ----------
    model : Module
        The model, on the CPU, for one input of images, signals or other floats, and with one
        output. Its mode, parameters and buffers stay as they are. Its forward pass is called a few
        times with random numbers, while no other thread trains the model.
    input_shape : tuple of int
        Shape of one sample, without the axis of the batch, such as (3, 32, 32).
    max_batch : int
        Samples that are computed at once; `run` cuts larger batches.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shapes of one sample.
    max_batch : int
        As given.
    memory : int
        Bytes that a run of `max_batch` samples takes besides its input, its output and the weights.
    is_planned : bool
        Whether it runs as one plan, and no op by itself.
    classes : tuple of str
        Names of the classes, if the metadata of the model had some when the session was made.
    gives_logarithms : bool
        Whether the outputs are logarithms of probabilities: a `LogSoftmax` is last.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If a sample of this shape does not fit the model, the model is not on the CPU, or its
        forward pass cannot be written down: it reads numbers that depend on the input, combines
        samples, draws random numbers, or calls NumPy. The text names the layer.

    Notes
    -----
    Results differ from those of the model by roundings, as `pycnn.ops.conv2d` does from algorithm
    to algorithm: by less than 2^-10 of the largest output, in most networks by less than 2^-18.
    A session whose results differ by more on the batches it is tried with is refused.

    What the Python of a forward pass of your own does by itself is done once, when the session is
    made: a counter, a branch that depends on an attribute, and hooks are not run again. The mode of
    `pycnn.set_convolution` is that of the time when the session was made.

    Examples
    --------
    >>> model = pycnn.models.lenet5(rng=0)
    >>> session = pycnn.InferenceSession(model, (1, 28, 28))
    >>> session.run(np.zeros((5, 1, 28, 28), np.float32)).shape
    (5, 10)
    """

    def __init__(self, model: Module, input_shape: Any, *, max_batch: int = MAX_BATCH) -> None:
        check_model(_OWNER, model)
        self._input_shape = _shape(input_shape)
        self._max_batch = integer(_OWNER, "max_batch", max_batch, 1)
        if (device := model._placed()) != "cpu":
            raise ValueError(
                f"[{_OWNER}] runs on the CPU, and the model is on {device!r}: move a copy of it, "
                "copy.deepcopy(model).to('cpu')"
            )
        traced_graph, examples = _traced(model, self._input_shape)
        graph = simplify(traced_graph)
        self._ending = graph.nodes[-1].op if graph.nodes else ""
        self._sign = _sign_of_scores(model, examples[0].y)
        self._classes = tuple(model.metadata.get("classes", ()))
        self._output_shape = graph.shape(graph.output)
        self._runner, self._how = runner_of(graph, self._max_batch)
        self._try(examples)

    def _try(self, examples: list[Example]) -> None:
        """Raise if the results are not the model's."""
        for x, y in examples:
            if (how := difference(self.run(x), y, ALIKE)) is not None:
                raise ValueError(
                    f"[{_OWNER}] the results of a batch of {len(x)} random samples are not those "
                    f"of the model ({how}): its numbers may be too large or too close to each "
                    "other for float32; pycnn.predict runs the model itself"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self._input_shape

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the output for one sample."""
        return self._output_shape

    @property
    def max_batch(self) -> int:
        """Samples that are computed at once."""
        return self._max_batch

    @property
    def memory(self) -> int:
        """Bytes of a run besides its input, its output and the weights."""
        return self._runner.memory

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the metadata of the model."""
        return self._classes

    @property
    def gives_logarithms(self) -> bool:
        """Whether the outputs are logarithms of probabilities: a `LogSoftmax` is last."""
        return self._ending == "log_softmax"

    @property
    def is_planned(self) -> bool:
        """Whether it runs as one plan, and no op by itself."""
        return isinstance(self._runner, Engine)

    def run(self, x: Any) -> FloatArray:
        """Compute the outputs for samples.

        Parameters
        ----------
        x : (N, ...) array-like
            Samples of the input shape, as `pycnn.predict` takes them: uint8 are pixels, which
            become 0 to 1, other numbers become float32. N may be 0, and larger than `max_batch`.

        Returns
        -------
        (N, ...) float32 array
            Outputs, as `pycnn.predict` returns them; NaN and infinities pass without a warning.

        Raises
        ------
        TypeError
            If `x` holds no numbers.
        ValueError
            If the samples have another shape, with both.
        """
        array = self._taken(x)
        count, step = len(array), self._max_batch
        if 0 < count <= step:
            return self._runner.run(array)
        y = np.empty((count, *self._output_shape), np.float32)
        for start in range(0, count, step):
            y[start : start + step] = self._runner.run(array[start : start + step])
        return y

    __call__ = run

    def scores(self, outputs: FloatArray) -> FloatArray:
        """Turn outputs into scores, as `Module.scores` of the model did when this was made.

        Raises
        ------
        ValueError
            If the scores were neither the outputs nor these with the opposite sign.
        """
        if not self._sign:
            raise ValueError(
                f"[{_OWNER}] scores of this model are computed by a function of its own: apply "
                "model.scores to the outputs"
            )
        return outputs if self._sign > 0 else -outputs

    def profile(self, x: Any = None) -> str:
        """Measure the steps, and return the page that ``print`` shows, with their times.

        Parameters
        ----------
        x : (N, ...) array-like, optional
            Samples, at most `max_batch`; a whole batch of zeros by default.

        Returns
        -------
        str
            A line for each step, which begins with its median time in microseconds.

        Raises
        ------
        ValueError
            If ops are called one by one (`is_planned` is False), or `x` does not fit.
        """
        if not isinstance(self._runner, Engine):
            raise ValueError(f"[{_OWNER}] is {self._how}: pycnn.profile measures the model itself")
        zeros = np.zeros((self._max_batch, *self._input_shape), np.float32)
        array = zeros if x is None else self._taken(x)
        if not 0 < len(array) <= self._max_batch:
            raise ValueError(
                f"[{_OWNER}] x must hold 1 to {self._max_batch} samples, holds {len(array)}"
            )
        return printable(f"{self._head()}\n{self._runner.describe(array)}", keep="\n")

    def _head(self) -> str:
        return f"{_OWNER}: {self._input_shape} -> {self._output_shape}, {self._how}"

    def _taken(self, x: Any) -> FloatArray:
        if isinstance(x, tuple):
            raise TypeError(f"[{_OWNER}] x must be one array, got a tuple of {len(x)}")
        array = on_cpu(take.batch(_OWNER, "x", x, np.float32, words=False))
        if array.shape[1:] != self._input_shape:
            wanted = ", ".join(map(str, ("N", *self._input_shape)))
            alone = array.shape == self._input_shape
            hint = ": a single sample needs a batch axis, x[np.newaxis]" if alone else ""
            raise ValueError(f"[{_OWNER}] x must have shape ({wanted}), has {array.shape}{hint}")
        return array

    # Copies -------------------------------------------------------------------------------

    def __copy__(self) -> InferenceSession:
        return self

    def __deepcopy__(self, memory: Any) -> InferenceSession:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(
            f"[{_OWNER}] is not pickled: store the model with pycnn.save, and make a session of it "
            "where it is to run"
        )

    # Text ---------------------------------------------------------------------------------

    def __str__(self) -> str:
        """Return a page: a line for each step, and what a run takes."""
        foot = f"{self.memory:,} bytes for a batch of {self._max_batch}"
        return printable("\n".join((self._head(), self._runner.describe(), foot)), keep="\n")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        return f"<pre>{_html.escape(self)}</pre>"


def _sign_of_scores(model: Module, outputs: FloatArray) -> int:
    """Return 1 if the scores are the outputs, -1 if they are the opposite; 0 if neither."""
    scores = model.scores(outputs)
    found = [sign for sign in (1, -1) if np.array_equal(scores, sign * outputs, equal_nan=True)]
    return found[0] if found else 0


def _shape(input_shape: Any) -> tuple[int, ...]:
    shape = sizes(_OWNER, "input_shape", input_shape)
    if not shape or 4 * prod(shape) > LARGEST:
        what = "at least one size" if not shape else "smaller sizes"
        raise ValueError(f"[{_OWNER}] input_shape needs {what}, got {shape}")
    return shape


def _traced(model: Module, shape: tuple[int, ...]) -> tuple[Graph, list[Example]]:
    try:
        return traced(model, shape)
    except Untraceable as error:
        line = line_of(error)
        where = f"{line}; " if line else ""
        raise ValueError(
            f"[{_OWNER}] the model cannot be made ready: {error} ({where}pycnn.predict runs it as "
            "it is)"
        ) from error.__cause__
    except (TypeError, ValueError) as error:
        text = error.args[0] if error.args else ""
        error.args = (f"[{_OWNER}] input_shape {shape}, of one sample: {text}",)
        raise
