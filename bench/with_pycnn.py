"""How pycnn runs a case."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from case import Array, Arrays, Bound, Case
from memory_cases import STEPS
from networks import NETWORKS, Network

import pycnn
from pycnn import _core, backends, devices, ops
from pycnn.layers import Parameter
from pycnn.training import CapturedStep

_SLICE_SECONDS = 2e-3


def setup(threads: int | None) -> dict[str, Any]:
    """Set the number of threads; return a description of this library and process."""
    if threads is not None:
        pycnn.set_num_threads(threads)
    return {
        "library": f"pycnn {pycnn.__version__}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "threads": pycnn.get_num_threads(),
        "config": pycnn.show_config(),
    }


def fma_peak(seconds: float) -> float:
    """Measure the peak of the chosen instruction set and threads, in FLOP/s.

    The best of short slices counts: other programs only ever lower a slice's figure.
    """
    slices = max(1, round(seconds / _SLICE_SECONDS))
    threads = pycnn.get_num_threads()
    return 1e9 * max(_core.fma_peak(threads, _SLICE_SECONDS) for _ in range(slices))


def bind(case: Case, layout: str) -> Bound:
    """Prepare a case; pycnn has one layout: any other names a device, or "DEVICE+graph".

    With "+graph", `case.captured` must hold: measure.py leaves out other cases.
    """
    device, _, graph = layout.partition("+")
    if device not in devices.EXTENSIONS:
        device = "cpu"
    arrays = {name: devices.move(array, device) for name, array in case.arrays().items()}
    bound = _captured(case, arrays) if graph else _bind(case, arrays)
    if device == "cpu":
        return bound
    module = devices.extension(device)

    def run() -> None:
        bound.run()
        module.synchronize()  # a call returns once its kernels are queued

    return Bound(run, bound.outputs)


def _bind(case: Case, arrays: Arrays) -> Bound:
    if case.op == "train":
        return train_network(case, arrays)
    if case.op in ("sgd_step", "adam_step"):
        return _optimizer_step(case, arrays)
    run = infer_network(case, arrays) if case.op == "infer" else _op(case, arrays)
    return Bound(run, lambda: _as_list(run()))


def _as_list(result: Any) -> list[Array]:
    return [_array(r) for r in (result if isinstance(result, tuple) else (result,))]


def _array(value: Any) -> Array:
    return np.asarray(devices.on_cpu(value))


def _op(case: Case, a: Arrays) -> Callable[[], Any]:
    o = case.options
    op = getattr(ops, case.op)
    if case.op in ("conv2d", "linear"):
        return partial(op, a["x"], a["w"], a["b"], **o)
    if case.op == "conv2d_backward_input":
        return partial(op, a["dy"], a["w"], case.shapes["x"], **o)
    if case.op == "conv2d_backward_weight":
        return partial(op, a["dy"], a["x"], case.shapes["w"], **o)
    if case.op == "linear_backward_input":
        return partial(op, a["dy"], a["w"])
    if case.op == "linear_backward_weight":
        return partial(op, a["dy"], a["x"])
    if case.op == "max_pool2d_backward":
        _, indices = ops.max_pool2d(a["x"], **o)
        return partial(op, a["dy"], indices, case.shapes["x"])
    if case.op == "avg_pool2d_backward":
        return partial(op, a["dy"], case.shapes["x"], **o)
    if case.op == "relu_backward":
        return partial(op, a["dy"], ops.relu(a["x"]))
    if case.op == "dropout_backward":
        _, kept = ops.dropout(a["x"], **o)
        return partial(op, a["dy"], kept, o["p"])
    if case.op == "local_response_norm_backward":
        y, scale = ops.local_response_norm(a["x"], **o)
        rest = {name: value for name, value in o.items() if name != "k"}
        return partial(op, a["dy"], a["x"], y, scale, **rest)
    if case.op == "batch_norm2d":
        return partial(op, a["x"], a["w"], a["b"], **o)
    if case.op == "batch_norm2d_backward":
        _, mean, _, inv_std = ops.batch_norm2d(a["x"], a["w"], None, **o)
        return partial(op, a["dy"], a["x"], a["w"], mean, inv_std)
    if case.op == "softmax_cross_entropy":
        return partial(op, a["x"], a["target"])
    if case.op == "softmax_cross_entropy_backward":
        _, probs = ops.softmax_cross_entropy(a["x"], a["target"])
        return partial(op, probs, a["target"])
    return partial(op, *(a[name] for name in case.inputs), **o)


def _optimizer_step(case: Case, a: Arrays) -> Bound:
    """Prepare steps with one gradient; the parameter drifts, which does not affect the time."""
    parameter = Parameter(a["w"].copy())
    parameter.grad = a["grad"]
    o = {name: value for name, value in case.options.items() if name != "fused"}
    kind = pycnn.optim.SGD if case.op == "sgd_step" else pycnn.optim.Adam
    optimizer = kind([parameter], **o)

    def outputs() -> list[Array]:
        for _ in range(STEPS):
            optimizer.step()
        state = optimizer.state_dict()["state"][0]
        arrays = [_array(value) for value in state.values() if devices.is_array(value)]
        return [_array(parameter.data), *arrays]

    return Bound(optimizer.step, outputs)


def build_network(network: Network, a: Arrays) -> pycnn.Module:
    """Make a network with the parameters of a case."""
    arguments = dict(network.arguments)
    if network.words:
        arguments["vocabulary"] = ["<pad>", "<unk>", *map(str, range(network.words - 2))]
    model = pycnn.models.create(network.model, **arguments)
    for parameter, name in zip(model.parameters(), network.names, strict=True):
        assert parameter.shape == a[name].shape
        parameter.data = a[name].copy()
    return model


def infer_network(case: Case, a: Arrays) -> Callable[[], Any]:
    """Prepare a forward pass in evaluation mode."""
    return partial(build_network(NETWORKS[case.options["network"]], a).eval(), a["x"])


def _captured(case: Case, a: Arrays) -> Bound:
    """Prepare training steps in a CUDA graph; those of a model without dropout are checked."""
    x, target = a["x"], a["target"]
    timed = CapturedStep(*_trained(case, a))
    for _ in range(2):  # the second step is captured
        timed(x, target)

    def outputs() -> list[Array]:
        model, criterion, optimizer = _trained(case, a)
        for layer in _dropouts(model):
            layer.p = 0.0
        step = CapturedStep(model, criterion, optimizer)
        rate, optimizer.lr = optimizer.lr, 0.0
        for _ in range(2):
            step(x, target)
        # The captured step becomes the first one: without momentum, from the case's parameters.
        for state in optimizer.state_dict()["state"].values():
            momentum = state["momentum_buffer"]
            backends.of(momentum).write(momentum, np.zeros_like(_array(momentum)))
        optimizer.lr = rate
        return _after_step(step(x, target), model)

    return Bound(lambda: timed(x, target), outputs)


def _trained(case: Case, a: Arrays) -> tuple[pycnn.Module, Any, pycnn.optim.Optimizer]:
    """Make the network of a case, its loss and its optimizer."""
    network, o = NETWORKS[case.options["network"]], case.options
    model = build_network(network, a).train()
    criterion = pycnn.CrossEntropyLoss()
    parameters = list(model.parameters())
    optimizer: pycnn.optim.Optimizer
    if network.optimizer == "adam":
        optimizer = pycnn.optim.Adam(parameters, lr=o["lr"])
    else:
        optimizer = pycnn.optim.SGD(parameters, lr=o["lr"], momentum=o["momentum"])
    return model, criterion, optimizer


def train_network(case: Case, a: Arrays) -> Bound:
    """Prepare training steps; the step that is checked runs without dropout."""
    model, criterion, optimizer = _trained(case, a)
    x, target = a["x"], a["target"]

    def step() -> float:
        model.zero_grad()
        loss: float = criterion(model(x), target)
        model.backward_parameters(criterion.backward())
        optimizer.step()
        return loss

    def outputs() -> list[Array]:
        dropouts = _dropouts(model)
        rates = [layer.p for layer in dropouts]
        for layer in dropouts:
            layer.p = 0.0
        loss = step()
        for layer, rate in zip(dropouts, rates, strict=True):
            layer.p = rate
        return _after_step(loss, model)

    return Bound(step, outputs)


def _dropouts(model: pycnn.Module) -> list[pycnn.Dropout]:
    return [layer for layer in model.modules() if isinstance(layer, pycnn.Dropout)]


def _after_step(loss: float, model: pycnn.Module) -> list[Array]:
    """Return the results of a step: the loss, the gradients, the new parameters."""
    parameters = list(model.parameters())
    gradients = [_dense(parameter.grad) for parameter in parameters]
    return [np.asarray(loss), *gradients, *(_array(p.data) for p in parameters)]


def _dense(grad: pycnn.layers.SparseRows | Array | None) -> Array:
    if not isinstance(grad, pycnn.layers.SparseRows):
        return _array(grad)
    rows, values = _array(grad.rows), _array(grad.values)
    return pycnn.layers.SparseRows(rows, values, grad.shape).to_dense()
