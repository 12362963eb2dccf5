"""How pycnn runs a case."""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pycnn_networks
from case import Array, Arrays, Bound, Case
from memory_cases import STEPS
from pycnn_networks import array

import pycnn
from pycnn import _core, devices, ops
from pycnn.layers import Parameter

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
    bound = _captured(case, arrays) if graph else _bind(case, arrays, eager=device != "cpu")
    if device == "cpu":
        return bound
    module = devices.extension(device)

    def run() -> None:
        bound.run()
        module.synchronize()  # a call returns once its kernels are queued

    return Bound(run, bound.outputs, bound.how)


def _bind(case: Case, arrays: Arrays, eager: bool) -> Bound:
    if case.op == "train":
        return pycnn_networks.train(case, arrays, eager)
    if case.op == "infer":
        return pycnn_networks.infer(case, arrays, eager)
    if case.op in ("sgd_step", "adam_step"):
        return _optimizer_step(case, arrays)
    run = _op(case, arrays)
    return Bound(run, lambda: _as_list(run()))


def _as_list(result: Any) -> list[Array]:
    return [array(r) for r in (result if isinstance(result, tuple) else (result,))]


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
        arrays = [array(value) for value in state.values() if devices.is_array(value)]
        return [array(parameter.data), *arrays]

    return Bound(optimizer.step, outputs)


def _captured(case: Case, arrays: Arrays) -> Bound:
    """Prepare training steps in a CUDA graph."""
    bound = pycnn_networks.train(case, arrays)
    if bound.how != "captured":
        raise RuntimeError(f"{case.name} cannot be captured: {bound.how}")
    return bound
