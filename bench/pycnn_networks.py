"""How pycnn runs the networks of `networks.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from case import Array, Arrays, Bound, Case
from networks import NETWORKS, Network
from running import eager_step, inference, training
from small_cifar import small_cifar

import pycnn
from pycnn import devices


def build(network: Network, a: Mapping[str, Any]) -> pycnn.Module:
    """Make a network with the parameters and running statistics of a case, of any float dtype."""
    arguments = dict(network.arguments)
    if network.words:
        arguments["vocabulary"] = ["<pad>", "<unk>", *map(str, range(network.words - 2))]
    if network.model == "small_cifar":
        model: pycnn.Module = small_cifar()
    else:
        model = pycnn.models.create(network.model, **arguments)
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for name, shape in network.state.items():
        assert tensors[name].shape == shape, name
        # Running statistics stay on the CPU.
        tensors[name].data = (array(a[name]) if ".running_" in name else a[name]).copy()
    return model


def infer(case: Case, a: Arrays, eager: bool = False) -> Bound:
    """Prepare a forward pass in evaluation mode."""
    model = build(NETWORKS[case.options["network"]], a).eval()
    if eager:
        return Bound(lambda: model(a["x"]), lambda: [array(model(a["x"]))], "eager")
    run, how = inference(model, a["x"])
    return Bound(run, lambda: [array(run())], how)


def train(case: Case, a: Arrays, eager: bool = False) -> Bound:
    """Prepare training steps; the step that is checked is that of a model without dropout."""
    timed, how = _step(case, a, eager, *_trained(case, a))

    def outputs() -> list[Array]:
        model, criterion, optimizer = _trained(case, a)
        for layer in model.modules():
            if isinstance(layer, pycnn.Dropout):
                layer.p = 0.0
        step, _ = _step(case, a, eager, model, criterion, optimizer)
        return _after_step(step(), NETWORKS[case.options["network"]], model)

    return Bound(timed, outputs, how)


def _step(
    case: Case, a: Arrays, eager: bool, model: pycnn.Module, criterion: Any, optimizer: Any
) -> tuple[Any, str]:
    x, target = a["x"], a["target"]
    if eager:
        return eager_step(model, criterion, optimizer, x, target), "eager"
    return training(model, criterion, optimizer, x, target)


def _trained(case: Case, a: Arrays) -> tuple[pycnn.Module, Any, Any]:
    """Make the network of a case, its loss and its optimizer."""
    network, o = NETWORKS[case.options["network"]], case.options
    model = build(network, a).train()
    if o["frozen"]:
        model.freeze()
        for name, parameter in model.named_parameters():
            if name in network.last:
                parameter.requires_grad = True
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer: pycnn.optim.Optimizer
    if network.optimizer == "adam":
        optimizer = pycnn.optim.Adam(parameters, lr=o["lr"])
    else:
        optimizer = pycnn.optim.SGD(parameters, lr=o["lr"], momentum=o["momentum"])
    return model, pycnn.CrossEntropyLoss(), optimizer


def _after_step(loss: float, network: Network, model: pycnn.Module) -> list[Array]:
    """Return the results of a step: the loss, the gradients, the new parameters."""
    named = dict(model.named_parameters())
    trained = [named[name] for name in network.trained if named[name].requires_grad]
    gradients = [_dense(parameter.grad) for parameter in trained]
    return [np.asarray(loss), *gradients, *(array(p.data) for p in trained)]


def _dense(grad: pycnn.layers.SparseRows | Array | None) -> Array:
    if not isinstance(grad, pycnn.layers.SparseRows):
        return array(grad)
    rows, values = array(grad.rows), array(grad.values)
    return pycnn.layers.SparseRows(rows, values, grad.shape).to_dense()


def array(value: Any) -> Array:
    """Return an array of a device, or a tensor, as NumPy's."""
    return np.asarray(devices.on_cpu(value))
