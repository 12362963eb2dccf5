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

from pycnn import reference

# A network is a chain of ops, and the product of their bounds is useless; its errors are compared
# with the largest value of their array instead. LeNet-5 measures 1e-6 (logits, gradients).
_NETWORK_TOLERANCE = 2e-5


def check(case: Case, outputs: list[Array]) -> float:
    """Compare the outputs of a case with the reference; return the error over its bound."""
    return _CHECKS.get(case.op, _elementwise)(case, case.arrays(), outputs)


def difference(mine: list[Array], theirs: list[Array]) -> float:
    """Compare two libraries; return the largest difference over the largest value of its array."""
    return max(
        float(np.max(np.abs(a.astype(float) - b)) / max(float(np.max(np.abs(b))), 1e-30))
        for a, b in zip(mine, theirs, strict=False)
    )


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
    return max(map(_relative, outputs, network_results(case, a)))


def _elementwise(case: Case, a: Arrays, outputs: list[Array]) -> float:
    """Check an op without a check of its own: a result may be off by a few roundings of itself."""
    inputs = (a[name].astype(float) for name in case.inputs)
    exact = np.asarray(getattr(reference, case.op)(*inputs, **case.options))
    return worst(outputs[0], exact, gamma(8) * np.abs(exact))


def _relative(got: Array, exact: Array) -> float:
    bound = np.full(exact.shape, _NETWORK_TOLERANCE * float(np.abs(exact).max()))
    return worst(got, exact, bound)


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
