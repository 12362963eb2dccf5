"""Check results against the float64 reference, on a part of the work that is cheap enough.

Every check returns the largest error as a fraction of the bound for its op, see `errors.py`: up to
1 is right. `memory_oracle.py` has the checks of the ops that hardly compute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Array, Arrays, Case
from errors import ends, gamma, products, worst
from memory_oracle import MEMORY_CHECKS
from network_oracle import network_results
from networks import NETWORKS

from pycnn import reference

# A network is a chain of ops, and the product of their bounds is useless; its errors are compared
# with the largest value of their array instead. LeNet-5 measures 1e-6 (logits, gradients).
_NETWORK_TOLERANCE = 2e-5
# A unit whose input is zero up to rounding may pass ReLU, or win a pooling, in one library and not
# in the other. Behind a batch norm, which weighs all inputs of a channel, all gradients then differ
# by the share of that unit. In the L2 norm pycnn and PyTorch measure 4e-3 (small CIFAR net), 5e-3
# (ResNet-18), 1e-2 (MobileNetV2), and 1e-5 where there is no such unit (VGG-11).
_TOLERANCE_OF_NORMALISED = 0.05


def check(case: Case, outputs: list[Array]) -> float:
    """Compare the outputs of a case with the reference; return the error over its bound."""
    return _CHECKS.get(case.op, _elementwise)(case, case.arrays(), outputs)


def difference(case: Case, mine: list[Array], theirs: list[Array]) -> float:
    """Compare two libraries; return the largest difference over the size of its array."""
    return float(np.max(_relative(case, mine, theirs)))


def _some_channels(case: Case, c: int, k: int) -> tuple[Array, Array, dict[str, Any]]:
    """Pick at most c input channels and k filters; the same ones if each has its own group."""
    options = dict(case.options)
    picks = ends(case.shapes["x"][1], c), ends(case.shapes["w"][0], k)
    if options["groups"] == 1:
        return *picks, options
    options["groups"] = len(picks[1])
    return picks[1], picks[1], options


def _conv_forward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["x"]), 1)
    c, k, options = _some_channels(case, len(a["x"][0]), 4)
    exact, magnitude = products(reference.conv2d, a["x"][np.ix_(n, c)], a["w"][k], **options)
    bias = a["b"][k].astype(float)[:, np.newaxis, np.newaxis]
    bound = gamma(a["w"][0].size + 1) * (magnitude + np.abs(bias))
    return worst(outputs[0][np.ix_(n, k)], exact + bias, bound)


def _conv_input(case: Case, a: Arrays, outputs: list[Array]) -> float:
    shape = case.shapes["x"]
    n = ends(shape[0], 1)
    c, k, options = _some_channels(case, 4, len(a["w"]))
    inputs = c if options["groups"] == 1 else np.arange(1)  # of the filters
    exact, magnitude = products(
        reference.conv2d_backward_input,
        a["dy"][np.ix_(n, k)],
        a["w"][np.ix_(k, inputs)],
        (len(n), len(c), *shape[2:]),
        **options,
    )
    terms = a["w"][:, 0].size // case.options["groups"]
    return worst(outputs[0][np.ix_(n, c)], exact, gamma(terms) * magnitude)


def _conv_weight(case: Case, a: Arrays, outputs: list[Array]) -> float:
    c, k, options = _some_channels(case, 1, 4)
    inputs = c if options["groups"] == 1 else np.arange(1)  # of the filters
    dy = np.ascontiguousarray(a["dy"][:, k])
    exact, magnitude = products(
        reference.conv2d_backward_weight,
        dy,
        a["x"][:, c],
        (len(k), len(inputs), *case.shapes["w"][2:]),
        **options,
    )
    g = gamma(dy[:, 0].size)
    wide = dy.astype(float)
    return max(
        worst(outputs[0][np.ix_(k, inputs)], exact, g * magnitude),
        worst(outputs[1][k], wide.sum((0, 2, 3)), g * np.abs(wide).sum((0, 2, 3))),
    )


def _linear(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n, k = ends(len(a["x"])), ends(len(a["w"]))
    exact, magnitude = products(reference.linear, a["x"][n], a["w"][k])
    bias = a["b"][k].astype(float)
    bound = gamma(a["w"].shape[1] + 1) * (magnitude + np.abs(bias))
    return worst(outputs[0][np.ix_(n, k)], exact + bias, bound)


def _linear_input(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n, i = ends(len(a["dy"])), ends(a["w"].shape[1])
    exact, magnitude = products(reference.linear_backward_input, a["dy"][n], a["w"][:, i])
    return worst(outputs[0][np.ix_(n, i)], exact, gamma(len(a["w"])) * magnitude)


def _linear_weight(case: Case, a: Arrays, outputs: list[Array]) -> float:
    o, i = ends(a["dy"].shape[1]), ends(a["x"].shape[1])
    dy = a["dy"][:, o]
    exact, magnitude = products(reference.linear_backward_weight, dy, a["x"][:, i])
    g = gamma(len(dy))
    wide = dy.astype(float)
    return max(
        worst(outputs[0][np.ix_(o, i)], exact, g * magnitude),
        worst(outputs[1][o], wide.sum(0), g * np.abs(wide).sum(0)),
    )


def _network(case: Case, a: Arrays, outputs: list[Array]) -> float:
    """Check the outputs; in training the loss, all gradients, and the new parameters."""
    tolerance = _TOLERANCE_OF_NORMALISED if _flips(case) else _NETWORK_TOLERANCE
    exact = network_results(case, a)
    if [array.shape for array in outputs] != [array.shape for array in exact]:
        return float("inf")
    error = float(np.max(_relative(case, outputs, exact))) / tolerance
    return float(np.nan_to_num(error, nan=np.inf))


def _flips(case: Case) -> bool:
    """Return whether a unit may pass ReLU in one library alone, and a batch norm spreads that."""
    network = NETWORKS.get(case.options.get("network", ""))
    trains = case.op == "train" and not case.options["frozen"]
    return trains and network is not None and any(step.op == "norm" for step in network.steps)


def _relative(case: Case, got: list[Array], exact: list[Array]) -> list[float]:
    """Return the error of each array over its size, both by the largest value or in the L2 norm.

    The bias of a layer before a batch norm has no effect, and its gradient is a sum of rounding
    errors: the size of a bias is that of the weight before it, where that is larger.
    """

    def size(array: Array) -> float:
        values = np.abs(array.astype(float))
        return float(np.sqrt(np.mean(values**2)) if _flips(case) else values.max())

    sizes = [size(array) for array in exact]
    if case.op == "train":
        network = NETWORKS[case.options["network"]]
        trained = network.last if case.options["frozen"] else network.trained
        for i, name in enumerate([*trained, *trained], 1):
            if name.endswith(".bias"):
                sizes[i] = max(sizes[i], sizes[i - 1])
    pairs = zip(got, exact, sizes, strict=False)  # some libraries return more than others
    return [size(a.astype(float) - b) / max(scale, 1e-30) for a, b, scale in pairs]


def _elementwise(case: Case, a: Arrays, outputs: list[Array]) -> float:
    """Check an op without a check of its own: a result may be off by a few roundings of itself."""
    inputs = (a[name].astype(float) for name in case.inputs)
    exact = np.asarray(getattr(reference, case.op)(*inputs, **case.options))
    return worst(outputs[0], exact, gamma(8) * np.abs(exact))


_CHECKS: dict[str, Callable[[Case, Arrays, list[Array]], float]] = {
    "conv2d": _conv_forward,
    "conv2d_backward_input": _conv_input,
    "conv2d_backward_weight": _conv_weight,
    "linear": _linear,
    "linear_backward_input": _linear_input,
    "linear_backward_weight": _linear_weight,
    **MEMORY_CHECKS,
    "infer": _network,
    "train": _network,
}
