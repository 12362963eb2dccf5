"""Is a result right? The float64 reference says so, on a part of the work that is cheap enough.

Every check returns the largest error as a fraction of the bound for its op: up to 1 is right. For
sums of products the bound is Higham's for any order of summation: |y - y64| <= g (|a| * |b|) with
g = n u / (1 - n u), u = 2^-24 and n the number of terms (Accuracy and Stability of Numerical
Algorithms, 2nd edition, section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cases import Array, Arrays, Case
from network_oracle import network_results

from pycnn import reference

_UNIT = 2.0**-24
# A network is a chain of ops whose bounds multiply to something useless; its results are compared
# with the largest value of their array instead. LeNet-5 measures 1e-6 (logits, gradients).
_NETWORK_TOLERANCE = 2e-5


def check(case: Case, outputs: list[Array]) -> float:
    """Compare the outputs of a case with the reference: the error over its bound."""
    return _CHECKS[case.op](case, case.arrays(), outputs)


def difference(mine: list[Array], theirs: list[Array]) -> float:
    """Compare two libraries: the largest difference over the largest value of its array."""
    return max(
        float(np.max(np.abs(a.astype(float) - b)) / max(float(np.max(np.abs(b))), 1e-30))
        for a, b in zip(mine, theirs, strict=False)
    )


def _gamma(terms: int) -> float:
    return terms * _UNIT / (1 - terms * _UNIT)


def _worst(got: Array, exact: Array, bound: Array) -> float:
    """Largest |got - exact| / bound, infinite for a wrong shape or NaN; 0 / 0 counts as 0."""
    if got.shape != exact.shape:
        return float("inf")
    error = np.abs(got.astype(float) - exact)
    ratio = np.divide(error, bound, out=np.where(error == 0, 0.0, np.inf), where=bound > 0)
    return float(np.nan_to_num(ratio, nan=np.inf).max())


def _equal(got: Array, exact: Array) -> float:
    return _worst(got, exact, np.zeros(exact.shape))


def _ends(size: int, count: int = 4) -> Array:
    """Pick the first and last indices: edges of blocks are where kernels go wrong."""
    return np.unique(np.r_[: min(count, size), max(0, size - count) : size])


def _products(
    op: Callable[..., Any], a: Array, b: Array, *rest: Any, **options: Any
) -> tuple[Array, Array]:
    """Apply a bilinear op in float64: its result, and that of the absolute values."""
    a, b = a.astype(float), b.astype(float)
    exact = op(a, b, *rest, **options)
    magnitude = op(np.abs(a), np.abs(b), *rest, **options)
    return (exact[0], magnitude[0]) if isinstance(exact, tuple) else (exact, magnitude)


def _some_channels(case: Case, c: int, k: int) -> tuple[Array, Array, dict[str, Any]]:
    """Pick at most c input channels and k filters, the same ones where each has a group."""
    options = dict(case.options)
    picks = _ends(case.shapes["x"][1], c), _ends(case.shapes["w"][0], k)
    if options["groups"] == 1:
        return *picks, options
    options["groups"] = len(picks[1])
    return picks[1], picks[1], options


def _conv_forward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = _ends(len(a["x"]), 1)
    c, k, options = _some_channels(case, len(a["x"][0]), 4)
    exact, magnitude = _products(reference.conv2d, a["x"][np.ix_(n, c)], a["w"][k], **options)
    bias = a["b"][k].astype(float)[:, np.newaxis, np.newaxis]
    bound = _gamma(a["w"][0].size + 1) * (magnitude + np.abs(bias))
    return _worst(outputs[0][np.ix_(n, k)], exact + bias, bound)


def _conv_input(case: Case, a: Arrays, outputs: list[Array]) -> float:
    shape = case.shapes["x"]
    n = _ends(shape[0], 1)
    c, k, options = _some_channels(case, 4, len(a["w"]))
    inputs = c if options["groups"] == 1 else np.arange(1)  # of the filters
    exact, magnitude = _products(
        reference.conv2d_backward_input,
        a["dy"][np.ix_(n, k)],
        a["w"][np.ix_(k, inputs)],
        (len(n), len(c), *shape[2:]),
        **options,
    )
    terms = a["w"][:, 0].size // case.options["groups"]
    return _worst(outputs[0][np.ix_(n, c)], exact, _gamma(terms) * magnitude)


def _conv_weight(case: Case, a: Arrays, outputs: list[Array]) -> float:
    c, k, options = _some_channels(case, 1, 4)
    inputs = c if options["groups"] == 1 else np.arange(1)  # of the filters
    dy = np.ascontiguousarray(a["dy"][:, k])
    exact, magnitude = _products(
        reference.conv2d_backward_weight,
        dy,
        a["x"][:, c],
        (len(k), len(inputs), *case.shapes["w"][2:]),
        **options,
    )
    g = _gamma(dy[:, 0].size)
    wide = dy.astype(float)
    return max(
        _worst(outputs[0][np.ix_(k, inputs)], exact, g * magnitude),
        _worst(outputs[1][k], wide.sum((0, 2, 3)), g * np.abs(wide).sum((0, 2, 3))),
    )


def _linear(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n, k = _ends(len(a["x"])), _ends(len(a["w"]))
    exact, magnitude = _products(reference.linear, a["x"][n], a["w"][k])
    bias = a["b"][k].astype(float)
    bound = _gamma(a["w"].shape[1] + 1) * (magnitude + np.abs(bias))
    return _worst(outputs[0][np.ix_(n, k)], exact + bias, bound)


def _linear_input(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n, i = _ends(len(a["dy"])), _ends(a["w"].shape[1])
    exact, magnitude = _products(reference.linear_backward_input, a["dy"][n], a["w"][:, i])
    return _worst(outputs[0][np.ix_(n, i)], exact, _gamma(len(a["w"])) * magnitude)


def _linear_weight(case: Case, a: Arrays, outputs: list[Array]) -> float:
    o, i = _ends(a["dy"].shape[1]), _ends(a["x"].shape[1])
    dy = a["dy"][:, o]
    exact, magnitude = _products(reference.linear_backward_weight, dy, a["x"][:, i])
    g = _gamma(len(dy))
    wide = dy.astype(float)
    return max(
        _worst(outputs[0][np.ix_(o, i)], exact, g * magnitude),
        _worst(outputs[1][o], wide.sum(0), g * np.abs(wide).sum(0)),
    )


def _max_pool(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = _ends(len(a["x"]), 1)
    y, indices = reference.max_pool2d(a["x"][n], **case.options)
    return max(_equal(outputs[0][n], y), _equal(outputs[1][n], indices))


def _max_pool_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = _ends(len(a["x"]), 1)
    _, indices = reference.max_pool2d(a["x"][n], **case.options)
    shape = (len(n), *case.shapes["x"][1:])
    dy = a["dy"][n].astype(float)
    exact = reference.max_pool2d_backward(dy, indices, shape)
    magnitude = reference.max_pool2d_backward(np.abs(dy), indices, shape)
    # A pixel may be the maximum of as many windows as overlap it.
    return _worst(outputs[0][n], exact, _gamma(case.options["kernel_size"] ** 2) * magnitude)


def _avg_pool(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = _ends(len(a["x"]), 1)
    x = a["x"][n].astype(float)
    bound = _gamma(case.options["kernel_size"] ** 2 + 1) * reference.avg_pool2d(
        np.abs(x), **case.options
    )
    return _worst(outputs[0][n], reference.avg_pool2d(x, **case.options), bound)


def _avg_pool_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = _ends(len(a["dy"]), 1)
    dy = a["dy"][n].astype(float)
    shape = (len(n), *case.shapes["x"][1:])
    exact, magnitude = (
        reference.avg_pool2d_backward(d, shape, **case.options) for d in (dy, np.abs(dy))
    )
    bound = _gamma(case.options["kernel_size"] ** 2 + 1) * magnitude
    return _worst(outputs[0][n], exact, bound)


def _relu(case: Case, a: Arrays, outputs: list[Array]) -> float:
    return _equal(outputs[0], reference.relu(a["x"]))


def _relu_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    return _equal(outputs[0], reference.relu_backward(a["dy"], reference.relu(a["x"])))


def _softmax_loss(case: Case, a: Arrays, outputs: list[Array]) -> float:
    loss, probs = reference.softmax_cross_entropy(a["x"].astype(float), a["target"])
    exact = np.asarray(loss)
    # A sum of C exponentials, each right to a few units in the last place.
    g = _gamma(case.options["classes"] + 8)
    return max(
        _worst(outputs[0], exact, g * (1 + np.abs(exact))),
        _worst(outputs[1], probs, g * probs),
    )


def _softmax_loss_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    _, probs = reference.softmax_cross_entropy(a["x"].astype(float), a["target"])
    exact = reference.softmax_cross_entropy_backward(probs, a["target"])
    g = _gamma(case.options["classes"] + 8)
    return _worst(outputs[0], exact, g * (probs / len(probs) + np.abs(exact)))


def _network(case: Case, a: Arrays, outputs: list[Array]) -> float:
    """Check the outputs; in training the loss, all gradients, and the updated parameters."""
    return max(map(_relative, outputs, network_results(case, a)))


def _relative(got: Array, exact: Array) -> float:
    bound = np.full(exact.shape, _NETWORK_TOLERANCE * float(np.abs(exact).max()))
    return _worst(got, exact, bound)


_CHECKS: dict[str, Callable[[Case, Arrays, list[Array]], float]] = {
    "conv2d": _conv_forward,
    "conv2d_backward_input": _conv_input,
    "conv2d_backward_weight": _conv_weight,
    "linear": _linear,
    "linear_backward_input": _linear_input,
    "linear_backward_weight": _linear_weight,
    "max_pool2d": _max_pool,
    "max_pool2d_backward": _max_pool_backward,
    "avg_pool2d": _avg_pool,
    "avg_pool2d_backward": _avg_pool_backward,
    "relu": _relu,
    "relu_backward": _relu_backward,
    "softmax_cross_entropy": _softmax_loss,
    "softmax_cross_entropy_backward": _softmax_loss_backward,
    "infer": _network,
    "train": _network,
}
