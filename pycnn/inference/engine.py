"""Plans of inference: the steps of a graph, with layouts and memory assigned, run by one call."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from pycnn import _core
from pycnn.inference.buffers import Images, Rows, place
from pycnn.inference.graph import FloatArray, Graph
from pycnn.inference.lower import lower
from pycnn.inference.steps import Step, Unsupported
from pycnn.inference.stretches import described, shared_out, stretches

__all__ = ["Engine", "Unsupported", "compile_graph"]

RUNS = 9  # whose median time is shown


class Engine:
    """A compiled graph, which any number of threads may run at the same time.

    Parameters
    ----------
    graph : Graph
    max_batch : int
        The most images of a run; algorithms are chosen for that many.

    Attributes
    ----------
    steps : list of Step
        The steps, in their order.
    stretches : list of range
        Those that go image by image.
    """

    def __init__(self, graph: Graph, max_batch: int) -> None:
        self.input_shape, self.output_shape = graph.input_shape, graph.shape(graph.output)
        self.max_batch = max_batch
        self.steps: list[Step]
        self.steps, lifetimes = lower(graph, max_batch)
        self.stretches = stretches(self.steps, max_batch)
        kept, passing = map(place, shared_out(lifetimes, self.stretches))
        self._plan: Any = _core.InferencePlan(
            kept, passing, prod(self.input_shape), prod(self.output_shape)
        )
        begins, ends = (
            {getattr(row, end): row for row in self.stretches} for end in ("start", "stop")
        )
        for number, step in enumerate(self.steps):
            if number in ends:
                self._plan.end_image_by_image()
            if number in begins:
                self._plan.begin_image_by_image(sum(self.steps[i].work for i in begins[number]))
            getattr(self._plan, step.call)(*map(_resolved, step.arguments))

    @property
    def memory(self) -> int:
        """Bytes that a run of `max_batch` images takes for all values in between.

        Images that pass from step to step one by one take the memory of one for each thread.
        """
        floats: int = self._plan.floats(self.max_batch)
        return 4 * floats

    def run(self, x: FloatArray) -> FloatArray:
        """Compute the outputs for images x of shape (N, *input_shape)."""
        y = np.empty((len(x), *self.output_shape), np.float32)
        self._plan.run(x, y)
        return y

    def seconds(self, x: FloatArray) -> list[float]:
        """Run, and return the time of each step."""
        times: list[float] = self._plan.times(x, np.empty((len(x), *self.output_shape), np.float32))
        return times

    def describe(self, x: FloatArray | None = None) -> str:
        """Return a page: a line for each step, with layouts and work.

        With images `x`, lines begin with the median time of a step in `RUNS` runs, in microseconds.
        """
        lines = [step.line() for step in self.steps]
        if x is not None:
            times = np.median([self.seconds(x) for _ in range(RUNS)], axis=0) * 1e6
            lines = [f"{time:9.1f} us  {line}" for time, line in zip(times, lines, strict=True)]
            lines.append(f"{times.sum():9.1f} us for {len(x)} images")
        work = sum(step.work for step in self.steps)
        steps = f"{len(self.steps)} steps{described(self.stretches)}"
        lines.append(f"{steps}, {work / 1e6:,.1f} M multiply-adds an image")
        return "\n".join(lines)


def compile_graph(graph: Graph, max_batch: int) -> Engine:
    """Return the graph as a plan; raise Unsupported with the reason if a plan cannot run it."""
    return Engine(graph, max_batch)


def _resolved(argument: Any) -> Any:
    return argument.place if isinstance(argument, (Rows, Images)) else argument
