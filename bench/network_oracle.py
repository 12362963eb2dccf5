"""Whole networks in float64: the steps of a sketch on `pycnn.reference`, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from case import Array, Arrays, Case
from networks import NETWORKS, Network
from sketch import Step

from pycnn import reference as ref

# Returns the gradient of each input, and that of each parameter in the order of the step.
Pull = Callable[[Array], tuple[list[Array], list[Array]]]

_RESPONSE: dict[str, Any] = {"size": 5, "alpha": 1e-4, "beta": 0.75, "form": "paper"}
_EPS = 1e-5


def network_results(case: Case, arrays: Arrays) -> list[Array]:
    """Return the outputs of the network, or of a training step: loss, gradients, new parameters.

    Dropout keeps everything.
    """
    a = {n: x.astype(np.float64) if x.dtype == np.float32 else x for n, x in arrays.items()}
    network = NETWORKS[case.options["network"]]
    train = case.op == "train"
    values, pulls = _forward(network, a, train)
    if not train:
        return [values[-1]]
    loss, probs = ref.softmax_cross_entropy(values[-1], a["target"])
    dy = ref.softmax_cross_entropy_backward(probs, a["target"])
    trained = network.last if case.options["frozen"] else network.trained
    gradients = _backward(network, pulls, dy)
    updated = [_updated(case, network, a[name], gradients[name]) for name in trained]
    return [np.asarray(loss), *(gradients[name] for name in trained), *updated]


def _forward(network: Network, a: Arrays, train: bool) -> tuple[list[Array], list[Pull]]:
    values, pulls = [a["x"]], []
    for step in network.steps:
        weights = [a[name] for name in step.parameters]
        value, pull = _apply(step, [values[i] for i in step.inputs], weights, train)
        values.append(value)
        pulls.append(pull)
    return values, pulls


def _backward(network: Network, pulls: list[Pull], dy: Array) -> Arrays:
    """Return the gradient of each parameter."""
    waiting: dict[int, Array] = {len(pulls): dy}
    gradients: Arrays = {}
    for number in range(len(pulls), 0, -1):
        step = network.steps[number - 1]
        inputs, weights = pulls[number - 1](waiting.pop(number))
        gradients.update(zip(step.parameters, weights, strict=False))
        for value, dx in zip(step.inputs, inputs, strict=True):
            waiting[value] = waiting[value] + dx if value in waiting else dx
    return gradients


def _updated(case: Case, network: Network, parameter: Array, gradient: Array) -> Array:
    """Take the first step of the optimizer, in which SGD has no momentum yet and Adam's means are
    the gradient and its square.
    """
    rate = case.options["lr"]
    step = gradient / (np.abs(gradient) + 1e-8) if network.optimizer == "adam" else gradient
    updated: Array = parameter - rate * step
    return updated


def _apply(step: Step, inputs: list[Array], w: list[Array], train: bool) -> tuple[Array, Pull]:
    """Return the result of a step, and its backward pass."""
    x, o = inputs[0], step.options
    match step.op:
        case "conv":
            return _conv(x, w, {name: o[name] for name in ("stride", "padding", "groups")})
        case "linear":
            y = ref.linear(x, *w)
            return y, lambda dy: (
                [ref.linear_backward_input(dy, w[0])],
                [*ref.linear_backward_weight(dy, x)],
            )
        case "norm":
            return _norm(x, w, train)
        case "relu":
            y = ref.relu(x)
            return y, lambda dy: ([ref.relu_backward(dy, y)], [])
        case "relu6":
            return np.clip(x, 0, 6), lambda dy: ([dy * ((x > 0) & (x < 6))], [])
        case "response_norm":
            y, scale = ref.local_response_norm(x, k=2.0, **_RESPONSE)
            pull = partial(ref.local_response_norm_backward, x=x, y=y, scale=scale, **_RESPONSE)
            return y, lambda dy: ([pull(dy)], [])
        case "max_pool":
            y, indices = ref.max_pool2d(x, o["size"], o["stride"])
            return y, lambda dy: ([ref.max_pool2d_backward(dy, indices, x.shape)], [])
        case "maximum":
            y, indices = ref.max_pool2d(x, x.shape[2:])
            shape = y.shape
            back = partial(ref.max_pool2d_backward, indices=indices, input_shape=x.shape)
            return y.reshape(shape[:2]), lambda dy: ([back(dy.reshape(shape))], [])
        case "mean":
            area = x[0, 0].size
            spread = np.ones(x.shape) / area
            return x.mean((2, 3)), lambda dy: ([dy[:, :, np.newaxis, np.newaxis] * spread], [])
        case "flatten":
            return x.reshape(len(x), -1), lambda dy: ([dy.reshape(x.shape)], [])
        case "embedding":
            rows = w[0][x]
            table = np.zeros_like(w[0])
            return rows[:, np.newaxis], lambda dy: ([x], [_added(table, x, dy[:, 0])])
        case "dropout":
            return x, lambda dy: ([dy], [])
        case "add":
            return inputs[0] + inputs[1], lambda dy: ([dy, dy], [])
        case "concatenate":
            ends = np.cumsum([value.shape[1] for value in inputs])[:-1]
            return np.concatenate(inputs, 1), lambda dy: (np.split(dy, ends, 1), [])
    raise ValueError(f"no reference of {step.op}")


def _conv(x: Array, w: list[Array], o: dict[str, Any]) -> tuple[Array, Pull]:
    def pull(dy: Array) -> tuple[list[Array], list[Array]]:
        dx = ref.conv2d_backward_input(dy, w[0], x.shape, **o)
        return [dx], list(ref.conv2d_backward_weight(dy, x, w[0].shape, **o))

    return ref.conv2d(x, *w, **o), pull


def _norm(x: Array, w: list[Array], train: bool) -> tuple[Array, Pull]:
    weight, bias, mean, variance = w
    if not train:
        scale = weight / np.sqrt(variance + _EPS)
        return ref.channel_affine(x, scale, bias - mean * scale), lambda dy: ([dy], [])
    y, mean, _, inv_std = ref.batch_norm2d(x, weight, bias, _EPS)

    def pull(dy: Array) -> tuple[list[Array], list[Array]]:
        dx, *gradients = ref.batch_norm2d_backward(dy, x, weight, mean, inv_std)
        return [dx], gradients

    return y, pull


def _added(table: Array, x: Array, dy: Array) -> Array:
    np.add.at(table, x, dy)
    return table
