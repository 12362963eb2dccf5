"""How PyTorch runs a case: the ATen op that its autograd would call, without the tape's cost.

PyTorch is imported by name, so that neither the type check nor pycnn's own bench needs it.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np
import torch_networks
from case import Array, Arrays, Bound, Case
from memory_cases import STEPS
from networks import NETWORKS

torch: Any = importlib.import_module("torch")
aten: Any = torch.ops.aten
Tensors = dict[str, Any]

_FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}

# Holds inference mode, PyTorch's fastest, from one `bind` to the next: entering it costs
# microseconds, which a user pays once rather than per call.
_mode = ExitStack()


def setup(threads: int | None) -> dict[str, Any]:
    """Set the number of threads; return a description of this library and process."""
    if threads is not None:
        torch.set_num_threads(threads)
    return {
        "library": f"PyTorch {torch.__version__}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "threads": torch.get_num_threads(),
        "config": {
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "onednn": torch.backends.mkldnn.is_available(),
        },
    }


def bind(case: Case, layout: str) -> Bound:
    """Prepare a case with images and filters in the memory format `layout`."""
    _mode.close()
    arrays = case.arrays()
    run: Callable[[], Any]
    if case.op == "train":
        return _train_network(case, arrays, layout)
    if case.op in ("sgd_step", "adam_step"):
        return _optimizer_step(case, arrays)
    if case.op == "local_response_norm_backward":
        run = _lrn_backward(case, {name: _tensor(array, layout) for name, array in arrays.items()})
        return Bound(run, lambda: _as_list(run()))
    _mode.enter_context(torch.inference_mode())
    tensors = {name: _tensor(array, layout) for name, array in arrays.items()}
    if case.op == "infer":
        run = partial(_build(case, arrays, layout).eval(), tensors["x"])
    else:
        run = _op(case, tensors, layout)
    return Bound(run, lambda: _as_list(run()))


def _tensor(array: Array, layout: str) -> Any:
    tensor = torch.from_numpy(array.copy())
    return tensor.contiguous(memory_format=_FORMATS[layout]) if tensor.ndim == 4 else tensor


def _as_list(result: Any) -> list[Array]:
    tensors = result if isinstance(result, tuple) else (result,)
    return [t.detach().contiguous().numpy() for t in tensors if t is not None]


def _op(case: Case, t: Tensors, layout: str) -> Callable[[], Any]:
    if case.op.startswith("conv2d"):
        return _conv(case, t, layout)
    if "pool2d" in case.op:
        return _pool(case, t, layout)
    if case.op.startswith("softmax"):
        return _softmax_loss(case, t)
    if case.op == "local_response_norm":
        return _lrn(case, t["x"])
    if case.op.startswith("batch_norm2d"):
        return _batch_norm(case, t)
    if case.op.startswith("dropout"):
        return _dropout(case, t)
    if case.op == "relu":
        return partial(torch.relu, t["x"])
    if case.op == "relu_backward":
        return partial(aten.threshold_backward, t["dy"], torch.relu(t["x"]), 0)
    if case.op.startswith("activation"):
        return _silu(case, t)
    if case.op.startswith("pointwise_loss"):
        return _huber_loss(case, t)
    if case.op == "linear":
        return partial(torch.nn.functional.linear, t["x"], t["w"], t["b"])
    if case.op == "linear_backward_input":
        return partial(torch.mm, t["dy"], t["w"])
    if case.op == "linear_backward_weight":
        dy, x = t["dy"], t["x"]
        return lambda: (torch.mm(dy.t(), x), dy.sum(0))
    raise ValueError(f"no PyTorch version of {case.op}")


def _silu(case: Case, t: Tensors) -> Callable[[], Any]:
    if case.op == "activation":
        return partial(torch.nn.functional.silu, t["x"])
    return partial(aten.silu_backward, t["dy"], t["x"])


def _huber_loss(case: Case, t: Tensors) -> Callable[[], Any]:
    x, y, delta = t["x"], t["y"], case.options["a"]
    if case.op == "pointwise_loss":
        return partial(torch.nn.functional.huber_loss, x, y, delta=delta)
    return partial(aten.huber_loss_backward, torch.ones(()), x, y, 1, delta)


def _conv(case: Case, t: Tensors, layout: str) -> Callable[[], Any]:
    stride, padding, groups = (case.options[name] for name in ("stride", "padding", "groups"))
    if case.op == "conv2d":
        return partial(torch.conv2d, t["x"], t["w"], t["b"], stride, padding, 1, groups)
    # For the gradient of one operand the other's values do not matter, but its shape does.
    x, w = (
        t[name] if name in t else _tensor(np.zeros(case.shapes[name], np.float32), layout)
        for name in ("x", "w")
    )
    to_input = case.op == "conv2d_backward_input"
    wanted = [to_input, not to_input, not to_input]
    backward = aten.convolution_backward
    sizes = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups)
    return partial(backward, t["dy"], x, w, [w.shape[0]], *sizes, wanted)


def _pool(case: Case, t: Tensors, layout: str) -> Callable[[], Any]:
    kernel, stride = [case.options["kernel_size"]] * 2, [case.options["stride"]] * 2
    if case.op == "max_pool2d":
        return partial(aten.max_pool2d_with_indices, t["x"], kernel, stride)
    if case.op == "max_pool2d_backward":
        _, indices = aten.max_pool2d_with_indices(t["x"], kernel, stride)
        geometry = (kernel, stride, [0, 0], [1, 1], False)
        return partial(aten.max_pool2d_with_indices_backward, t["dy"], t["x"], *geometry, indices)
    if case.op == "avg_pool2d":
        return partial(aten.avg_pool2d, t["x"], kernel, stride)
    x = _tensor(np.zeros(case.shapes["x"], np.float32), layout)
    return partial(aten.avg_pool2d_backward, t["dy"], x, kernel, stride, [0, 0], False, True, None)


def _lrn(case: Case, x: Any) -> Callable[[], Any]:
    size, alpha, beta, k = (case.options[name] for name in ("size", "alpha", "beta", "k"))
    # PyTorch divides alpha by the size; the paper does not.
    return partial(torch.nn.functional.local_response_norm, x, size, alpha * size, beta, k)


def _lrn_backward(case: Case, t: Tensors) -> Callable[[], Any]:
    """Prepare LRN's backward pass, several ops: autograd has to run it, outside inference mode."""
    x = t["x"].requires_grad_()
    y = _lrn(case, x)()
    return lambda: torch.autograd.grad(y, x, t["dy"], retain_graph=True)[0]


def _batch_norm(case: Case, t: Tensors) -> Callable[[], Any]:
    eps = case.options["eps"]
    forward = partial(
        aten.native_batch_norm, t["x"], t["w"], t.get("b"), None, None, True, 0.1, eps
    )
    if case.op == "batch_norm2d":
        return lambda: forward()[0]
    _, *saved = forward()
    backward = aten.native_batch_norm_backward
    return partial(backward, t["dy"], t["x"], t["w"], None, None, *saved, True, eps, [True] * 3)


def _dropout(case: Case, t: Tensors) -> Callable[[], Any]:
    """Prepare what `torch.nn.Dropout` runs on a CPU: a product with noise, in both directions."""
    drop = partial(torch.nn.functional.dropout, p=case.options["p"], training=True)
    if case.op == "dropout":
        return partial(drop, t["x"])
    return partial(torch.mul, t["dy"], drop(torch.ones_like(t["dy"])))


def _optimizer_step(case: Case, a: Arrays) -> Bound:
    w, grad = _tensor(a["w"], "contiguous"), _tensor(a["grad"], "contiguous")
    parameter = torch.nn.Parameter(w)
    parameter.grad = grad
    kind = torch.optim.SGD if case.op == "sgd_step" else torch.optim.Adam
    # Not fused: PyTorch's own choice.
    optimizer = kind([parameter], **{**case.options, "fused": case.options["fused"] or None})

    def outputs() -> list[Array]:
        for _ in range(STEPS):
            optimizer.step()
        state = optimizer.state[parameter]
        return _as_list((parameter, *(value for value in state.values() if value.ndim)))

    return Bound(optimizer.step, outputs)


def _softmax_loss(case: Case, t: Tensors) -> Callable[[], Any]:
    x, target = t["x"], t["target"]

    def forward() -> Any:
        log_p = aten._log_softmax(x, 1, False)
        loss, total_weight = aten.nll_loss_forward(log_p, target, None, 1, -100)
        return loss, log_p, total_weight

    if case.op == "softmax_cross_entropy":
        return lambda: forward()[0]
    _, log_p, total_weight = forward()
    one = torch.ones(())

    def backward() -> Any:
        d = aten.nll_loss_backward(one, log_p, target, None, 1, -100, total_weight)
        return aten._log_softmax_backward_data(d, log_p, 1, torch.float32)

    return backward


def _build(case: Case, a: Arrays, layout: str) -> Any:
    model = torch_networks.build(NETWORKS[case.options["network"]], a)
    return model.to(memory_format=_FORMATS[layout])


def _train_network(case: Case, a: Arrays, layout: str) -> Bound:
    model = _build(case, a, layout).train()
    criterion = torch.nn.CrossEntropyLoss()
    o = case.options
    network = NETWORKS[o["network"]]
    parameters = torch_networks.parameters(network, model)
    if o["frozen"]:
        for name in set(parameters) - set(network.last):
            parameters.pop(name).requires_grad_(False)
    if network.optimizer == "adam":
        optimizer = torch.optim.Adam(parameters.values(), lr=o["lr"])
    else:
        optimizer = torch.optim.SGD(parameters.values(), lr=o["lr"], momentum=o["momentum"])
    dropouts = [layer for layer in model.modules() if isinstance(layer, torch.nn.Dropout)]
    x, target = _tensor(a["x"], layout), _tensor(a["target"], layout)

    def step() -> Any:
        optimizer.zero_grad()
        loss = criterion(model(x), target)
        loss.backward()
        optimizer.step()
        return loss

    def outputs() -> list[Array]:
        for layer in dropouts:
            layer.eval()
        loss = step()
        for layer in dropouts:
            layer.train()
        gradients = [parameter.grad for parameter in parameters.values()]
        return _as_list((loss, *gradients, *parameters.values()))

    return Bound(step, outputs)
