"""Measure the time of a training step, layer by layer."""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from pycnn import _core, _html
from pycnn._arguments import positive
from pycnn.autograd import Tensor
from pycnn.autograd.structure import leaves, mapped
from pycnn.layers.module import Module, check_model
from pycnn.layers.parameter import Array, Shape
from pycnn.layers.passes import entry
from pycnn.layers.turns import Turn
from pycnn.training.evaluation import why_not_repeated
from pycnn.training.planner import why_unplanned

Cells: TypeAlias = tuple[str, str, str, str]

PASSES = ("forward", "backward")
# What is shown of a pass.
UNITS: Cells = ("ms", "GFLOP/s", "% peak", "GB/s")

LEAST_STEPS = 5
WARM_UP = 2
PEAK_SLICES = 25
PEAK_SLICE_SECONDS = 2e-3


@dataclass(frozen=True)
class PassProfile:
    """Time and work of one pass of one layer.

    Attributes
    ----------
    seconds : float
        Median over the steps.
    flop : int
        Floating-point operations: 2 for each multiply-add, no others. A backward pass takes those
        of the forward pass once for the gradient of the weights, and once for that of the input.
    traffic : int
        Bytes of the arrays that it must read and write, each counted once: input, output and
        parameters; in a backward pass the input, the parameters, the gradients of both, and that
        of the output.
    """

    seconds: float
    flop: int
    traffic: int

    @property
    def gflops(self) -> float:
        """10**9 floating-point operations a second; Winograd counts as direct convolution."""
        return self.flop / self.seconds / 1e9 if self.seconds else 0.0

    @property
    def gbytes(self) -> float:
        """10**9 bytes a second; above the memory's bandwidth if arrays stay in a cache."""
        return self.traffic / self.seconds / 1e9 if self.seconds else 0.0


@dataclass(frozen=True)
class LayerProfile:
    """One layer: path as in the names of parameters, kind, output shape and both passes."""

    path: str
    kind: str
    output_shape: Shape
    forward: PassProfile
    backward: PassProfile


@dataclass(frozen=True, repr=False)
class Profile:
    """What `profile` measured; it prints as a table.

    Attributes
    ----------
    layers : list of LayerProfile
        In the order of the forward pass.
    forward_seconds, backward_seconds : float
        Medians of whole passes. The difference to the sum of the layers is the time between them;
        it is negative if layers timed one by one run as one op (see `Sequential`).
    peak : float
        Floating-point operations a second that multiply-adds on registers alone reach on this
        machine, with this instruction set and number of threads.
    threads : int
        Number of threads.
    unplanned : str
        Why `fit` would leave its steps to Python, instead of replaying them by one call; empty if
        it replays them.
    unplanned_forward : str
        Likewise, why `predict` and `evaluate` would leave many such batches to Python.
    """

    layers: list[LayerProfile]
    forward_seconds: float
    backward_seconds: float
    peak: float
    threads: int
    unplanned: str
    unplanned_forward: str

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        header = ("layer", "output", *(f"{p} {unit}" for p in PASSES for unit in UNITS))
        rows = [
            (label, shape, *self._cells(layer.forward), *self._cells(layer.backward))
            for layer, label, shape in zip(self.layers, *self._labels(), strict=True)
        ]
        for label, pick in (("between", self._between), ("whole", self._whole)):
            forward, backward = ((f"{1e3 * pick(name):.3f}", "", "", "") for name in PASSES)
            rows.append((label, "", *forward, *backward))
        return _html.table(header, rows, self._conditions())

    def __str__(self) -> str:
        """Return a line a layer: milliseconds, GFLOP/s, % of the peak and GB/s of both passes."""
        labels, shapes = self._labels()
        wide, shape = max(map(len, [*labels, "whole"])), max(map(len, [*shapes, "output"]))
        columns = _aligned(UNITS)
        head = f"{'layer':<{wide}}  {'output':<{shape}}  "
        title = " " * len(head) + f"{'forward':<{len(columns)}}  backward"
        lines = [title, head + f"{columns}  {columns}"]
        for layer, label, size in zip(self.layers, labels, shapes, strict=True):
            passes = "  ".join(_aligned(self._cells(p)) for p in (layer.forward, layer.backward))
            lines.append(f"{label:<{wide}}  {size:<{shape}}  {passes}")
        for label, pick in (("between", self._between), ("whole", self._whole)):
            figures = [f"{1e3 * pick(name):9.3f}" for name in PASSES]
            gap = " " * (len(columns) - 9)
            lines.append(f"{label:<{wide}}  {'':<{shape}}  {figures[0]}{gap}  {figures[1]}")
        lines.append(self._conditions())
        return "\n".join(lines)

    def _labels(self) -> tuple[list[str], list[str]]:
        """Return the name and the output shape of each layer."""
        names = [f"{layer.path} {layer.kind}".strip() for layer in self.layers]
        return names, [str(layer.output_shape) for layer in self.layers]

    def _conditions(self) -> str:
        peak = f"FMA peak {self.peak / 1e9:.0f} GFLOP/s, threads: {self.threads}"
        steps, batches = map(_how_planned, (self.unplanned, self.unplanned_forward))
        return f"{peak}; steps of fit: {steps}; batches of predict: {batches}"

    def _cells(self, one: PassProfile) -> Cells:
        """Return the figures of a pass, in the order of `UNITS`."""
        gflops, peak = "", ""
        if one.flop:
            gflops = f"{one.gflops:.1f}"
            peak = f"{100 * 1e9 * one.gflops / self.peak:.0f}"
        return f"{1e3 * one.seconds:.3f}", gflops, peak, f"{one.gbytes:.1f}"

    def _whole(self, name: str) -> float:
        seconds: float = getattr(self, f"{name}_seconds")
        return seconds

    def _between(self, name: str) -> float:
        layers: float = sum(getattr(layer, name).seconds for layer in self.layers)
        return self._whole(name) - layers


def _aligned(cells: Cells) -> str:
    """Write the figures of a pass, or their units, below each other."""
    milliseconds, gflops, peak, gbytes = cells
    return f"{milliseconds:>9} {gflops:>8} {peak:>6} {gbytes:>6}"


@dataclass
class _Pass:
    """Times of one method of one layer, one for each step; nested calls count for the outer one."""

    seconds: list[float] = field(default_factory=list)
    flop: int = 0
    traffic: int = 0
    running: bool = False

    def profile(self) -> PassProfile:
        return PassProfile(statistics.median(self.seconds), self.flop, self.traffic)


class _Probe:
    """Wraps the passes of a layer and times them."""

    def __init__(self, path: str, layer: Module) -> None:
        self.path, self.layer = path, layer
        self.output_shape: Shape = ()
        self.forward, self.backward = _Pass(), _Pass()
        # A forward pass that calls functions records them: its own part of a backward pass
        # cannot be told from others'.
        self._records = type(layer).backward is Module.backward
        self._x_bytes = self._flop = 0
        self._parameters = sum(p.data.nbytes for p in layer.parameters())
        self._methods = {"forward": self._timed(self.forward, layer.forward, self._after_forward)}
        for name in ("backward", "backward_parameters"):
            method = getattr(layer, name)
            self._methods[name] = self._timed(self.backward, method, self._after_backward)

    def __enter__(self) -> None:
        """Begin to time a step, in which a layer that is used twice counts twice."""
        self._own = {name: m for name, m in vars(self.layer).items() if name in self._methods}
        vars(self.layer).update(self._methods)
        for one in (self.forward, self.backward):
            one.seconds.append(0.0)
            one.flop = one.traffic = 0

    def __exit__(self, *_: object) -> None:
        """Restore the layer."""
        for name in self._methods:
            del vars(self.layer)[name]
        vars(self.layer).update(self._own)

    def _timed(
        self, one: _Pass, method: Callable[..., Any], after: Callable[[Array, Any], None]
    ) -> Callable[..., Any]:
        def call(argument: Any, *rest: Any) -> Any:
            if one.running:
                return method(argument, *rest)
            if isinstance(argument, Tensor) and not self._records:
                # By itself: work that is put off, as for a fused op, would be another's time.
                backward = type(self.layer).backward
                return entry(self.layer, lambda _, *x: call(*x), backward, (argument, *rest), {})
            one.running = True
            start = perf_counter()
            try:
                result = method(argument, *rest)
            finally:
                one.running = False
            one.seconds[-1] += perf_counter() - start
            after(_first(argument), _first(result))
            return result

        return call

    def _after_forward(self, x: Array, y: Array) -> None:
        self.output_shape, self._x_bytes = y.shape, x.nbytes
        self._flop = self.layer.flop(x.shape, y.shape)
        self.forward.flop += self._flop
        self.forward.traffic += x.nbytes + y.nbytes + self._parameters

    def _after_backward(self, dy: Array, dx: Array | None) -> None:
        gradients = (self._parameters > 0) + (dx is not None)
        self.backward.flop += gradients * self._flop
        of_input = self._x_bytes if dx is None else 2 * self._x_bytes
        self.backward.traffic += dy.nbytes + of_input + 2 * self._parameters

    def profile(self) -> LayerProfile:
        kind = type(self.layer).__name__
        passes = self.forward.profile(), self.backward.profile()
        return LayerProfile(self.path, kind, self.output_shape, *passes)


def _how_planned(reason: str) -> str:
    return f"left to Python ({reason})" if reason else "replayed by one call"


def _first(value: Any) -> Any:
    """Return the array of a value, or of the first of several."""
    first = next(iter(leaves(value)), None)
    return first.array if isinstance(first, Tensor) else first


def _leaves(module: Module, path: str = "") -> Iterator[tuple[str, Module]]:
    """Yield the layers without layers below them, with their paths."""
    children = list(module.named_children())
    if not children:
        yield path, module
    for name, child in children:
        yield from _leaves(child, f"{path}.{name}" if path else name)


def _step(model: Module, inputs: tuple[Array, ...]) -> tuple[float, float]:
    """Take a training step without an optimizer; return the seconds of its two passes."""
    model.zero_grad()
    start = perf_counter()
    y = model(*inputs)
    middle = perf_counter()
    dy = mapped(np.ones_like, y)
    turn = perf_counter()
    model.backward_parameters(dy)
    return middle - start, perf_counter() - turn


def profile(
    model: Module, x: Array | Tensor | tuple[Array | Tensor, ...], seconds: float = 1.0
) -> Profile:
    """Measure forward and backward pass of every layer of a model.

    The model itself stays as it is: a copy takes training steps on `x` as `fit` does (in training
    mode, the first layer without the gradient of its input, gradients accumulated and cleared),
    with ones for the gradient of the loss and without an optimizer. Steps timed layer by layer
    alternate with steps timed as a whole.

    Parameters
    ----------
    model : Module
        Any model.
    x : ndarray or Tensor, or tuple of them
        A batch of samples that fits it, with the batch axis; the batches of a model that takes
        several inputs. Of tensors the arrays are taken.
    seconds : float
        How long to repeat the steps, after two to warm up; at least five are done.

    Returns
    -------
    Profile
        Milliseconds, GFLOP/s, per cent of the measured peak and GB/s of each layer;
        ``print(profile)`` shows them as a table.

    Raises
    ------
    TypeError
        If `model` is not a model or `seconds` not a number.
    ValueError
        If `seconds` is not above 0, the model is not on the CPU, or `x` does not fit a layer.

    Notes
    -----
    Functions in a ``forward`` have no line: their time is in "between". So is the backward pass of
    a module without layers below it whose ``forward`` calls functions. Where layers run as one op
    in a whole step, such as convolution, rectifier and pooling, "between" is negative: what that
    saves.

    The time of a layer includes its Python code. Arrays that the previous layer has left in a cache
    are read from there, so GB/s may exceed the bandwidth of the memory. Other programs on the same
    cores make all figures worse.
    """
    check_model("profile", model)
    batch: Any = mapped(lambda one: one.array if isinstance(one, Tensor) else one, x)
    if model._placed() != "cpu":
        raise ValueError(f"[profile] measures on the CPU, the model is on {model._placed()!r}")
    limit = positive("profile", "seconds", seconds)
    with Turn(model).taken():
        copied = copy.deepcopy(model).train()
    probes: list[_Probe] = []
    for path, layer in _leaves(copied):
        if all(layer is not probe.layer for probe in probes):
            probes.append(_Probe(path, layer))
    inputs = batch if isinstance(batch, tuple) else (batch,)
    passes: list[tuple[float, float]] = []
    begin = perf_counter()
    while len(passes) < LEAST_STEPS + WARM_UP or perf_counter() - begin < limit:
        with ExitStack() as timed:
            for probe in probes:
                timed.enter_context(probe)
            _step(copied, inputs)
        passes.append(_step(copied, inputs))
    for probe in probes:
        for one in (probe.forward, probe.backward):
            del one.seconds[:WARM_UP]
    threads = _core.get_num_threads()
    peak = max(_core.fma_peak(threads, PEAK_SLICE_SECONDS) for _ in range(PEAK_SLICES))
    return Profile(
        [probe.profile() for probe in probes],
        statistics.median(forward for forward, _ in passes[WARM_UP:]),
        statistics.median(backward for _, backward in passes[WARM_UP:]),
        1e9 * peak,
        threads,
        why_unplanned(copied, batch),
        why_not_repeated(copied, batch),
    )
