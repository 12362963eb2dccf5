"""The graph of a model: its forward pass in evaluation mode, run once and written down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from pycnn.autograd.graph import recording
from pycnn.inference.evaluate import evaluate
from pycnn.inference.graph import FloatArray, Graph
from pycnn.inference.traced import Groups, TracedArray, Tracer, Untraceable
from pycnn.layers.module import Module
from pycnn.layers.sequential import Sequential
from pycnn.layers.turns import between_steps

# Samples in the batch that is traced. An axis of another number of rows is not that of samples.
_COUNT = 2

# A graph computes with the ops that the model computes with, so both have the same bits, but where
# the model runs neighbours as one op and weights are not finite. 2^-16 of the largest output leaves
# room for an op that adds in another order, and none for a number that is drawn anew at each call.
SAME = 2.0**-16


class Example(NamedTuple):
    """A batch of samples, and what the model makes of it."""

    x: FloatArray
    y: FloatArray


def trace(model: Module, input_shape: tuple[int, ...]) -> Graph:
    """Return the graph of a model in evaluation mode, for samples of one shape.

    The forward pass runs once on an array that writes down what is computed with it, and twice to
    see that the graph does the same for other samples, and other numbers of them. Nothing of the
    library's is written to the model; constants of the graph are copies.

    Parameters
    ----------
    model : Module
    input_shape : tuple of int
        Shape of a sample, without the axis of the batch.

    Returns
    -------
    Graph

    Raises
    ------
    Untraceable
        If it does what a graph cannot say: reads numbers that depend on the input, writes them in
        place, combines samples, draws random numbers, takes or returns several arrays.
    TypeError, ValueError
        As from the model, if it does not take samples of this shape.

    Notes
    -----
    What the Python of a forward pass of one's own does by itself is done once: a counter, a number
    that it draws and a branch that it takes are in the graph as they were.
    """
    return traced(model, input_shape)[0]


def traced(model: Module, input_shape: tuple[int, ...]) -> tuple[Graph, list[Example]]:
    """Return the graph of a model, as `trace` does, and the batches that it was tried with."""
    kinds: set[Any] = {module.input_dtype for module in model.modules()}
    if model.input_dtype is not np.float32 or np.int64 in kinds:
        raise Untraceable("takes words or several inputs, and a graph one array of floats")
    rng = np.random.default_rng(0)
    with between_steps(model), recording(False):
        first = rng.standard_normal((_COUNT, *input_shape), np.float32)
        graph = _written_down(model, first)
        examples = [
            _example(model, rng.standard_normal((1, *input_shape), np.float32)),
            _example(model, rng.random((3, *input_shape), np.float32)),
        ]
    for x, y in examples:
        if (how := difference(evaluate(graph, x), y, SAME)) is not None:
            raise Untraceable(
                f"computes otherwise when it is called again, with a batch of {len(x)}: {how}. A "
                "forward pass may depend on its input alone, and on each sample by itself"
            )
    return graph, examples


def difference(found: FloatArray, expected: FloatArray, bound: float) -> str | None:
    """Say how results differ by more than a share of the largest; None if they do not."""
    if found.shape != expected.shape:
        return f"shape {found.shape} for {expected.shape}"
    finite = np.isfinite(expected)
    if not np.array_equal(found[~finite], expected[~finite], equal_nan=True):
        return "other numbers that are not finite"
    if not finite.any():
        return None
    largest = float(np.abs(expected[finite]).max())
    off = float(np.abs(found[finite] - expected[finite]).max())
    return None if off <= bound * largest else f"off by {off:.2g}, the largest is {largest:.2g}"


def _written_down(model: Module, x: FloatArray) -> Graph:
    names = _names(model)
    tracer = Tracer(names, len(x))
    try:
        y: Any = model.forward(TracedArray(tracer, x, 0))
    except Untraceable as error:
        refusal = error
    except Exception as error:
        refusal = Untraceable(f"{type(error).__name__}: {error}", _place(error, names))
        refusal.__cause__ = error
    else:
        return _graph(tracer, x, y)
    # What the model itself cannot do, such as take this shape, it says in its own words. Otherwise
    # this leaves what a forward pass keeps in attributes as arrays.
    model.forward(x)
    raise refusal


def _names(model: Module) -> dict[int, str]:
    """Return the path and class of each layer; of layers that run as one op, those of the first."""
    names = {
        id(module): f"{name or 'model'} ({type(module).__name__})"
        for name, module in model.named_modules()
    }
    for module in model.modules():
        steps = module._steps if isinstance(module, Sequential) else []
        for step in steps:
            if step.layers:
                names[id(step.forward)] = names[id(step.layers[0].forward)]
    return names


def _graph(tracer: Tracer, x: FloatArray, y: Any) -> Graph:
    if isinstance(y, (tuple, list, dict)):
        raise Untraceable(f"returns a {type(y).__name__}, and a graph one array")
    if isinstance(y, Groups):
        y.array.tracer.refuse(f"returns {y.shape}: an axis in front of that of samples")
    if not isinstance(y, TracedArray):
        raise Untraceable(
            f"returns what does not depend on its input, as far as that was written down (an "
            f"object of {type(y).__name__})"
        )
    if y.rows != 1:
        raise Untraceable(f"returns {y.shape}: the axis of samples joined with another one")
    if y.dtype != np.float32:
        raise Untraceable(f"returns {y.dtype}, and a graph float32")
    return Graph(x.shape[1:], tuple(tracer.nodes), y.number)


def _example(model: Module, x: FloatArray) -> Example:
    y = model.forward(x.copy())  # which a forward pass may write
    if not isinstance(y, np.ndarray) or y.dtype != np.float32:
        raise Untraceable("returns other kinds of results at other calls")
    return Example(x, y.copy())


def _place(error: BaseException, names: dict[int, str]) -> str:
    """Return the path of the innermost layer that an error came from."""
    found = [names.get(id(frame.tb_frame.f_locals.get("self"))) for frame in _frames(error)]
    return next((name for name in reversed(found) if name is not None), "")


def line_of(error: BaseException) -> str:
    """Return file and line of the user's code that an error came from; empty if there is none."""
    lines = [
        f"{PurePath(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}"
        for frame in _frames(error)
        if frame.tb_frame.f_globals.get("__name__", "").partition(".")[0] not in ("numpy", "pycnn")
    ]
    return lines[-1] if lines else ""


def _frames(error: BaseException) -> Iterator[TracebackType]:
    here = error.__traceback__
    while here is not None:
        yield here
        here = here.tb_next
