"""Check the results of the ops that hardly compute; see `oracle.py`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from case import Array, Arrays, Case
from errors import ends, equal, gamma, worst
from memory_cases import STEPS

from pycnn import reference

_PIXELS = (0, 2, 3)


def _max_pool(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["x"]), 1)
    y, indices = reference.max_pool2d(a["x"][n], **case.options)
    return max(equal(outputs[0][n], y), equal(outputs[1][n], indices))


def _max_pool_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["x"]), 1)
    _, indices = reference.max_pool2d(a["x"][n], **case.options)
    shape = (len(n), *case.shapes["x"][1:])
    dy = a["dy"][n].astype(float)
    exact = reference.max_pool2d_backward(dy, indices, shape)
    magnitude = reference.max_pool2d_backward(np.abs(dy), indices, shape)
    # A pixel may be the maximum of every window that covers it.
    return worst(outputs[0][n], exact, gamma(case.options["kernel_size"] ** 2) * magnitude)


def _avg_pool(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["x"]), 1)
    x = a["x"][n].astype(float)
    bound = gamma(case.options["kernel_size"] ** 2 + 1) * reference.avg_pool2d(
        np.abs(x), **case.options
    )
    return worst(outputs[0][n], reference.avg_pool2d(x, **case.options), bound)


def _avg_pool_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["dy"]), 1)
    dy = a["dy"][n].astype(float)
    shape = (len(n), *case.shapes["x"][1:])
    exact, magnitude = (
        reference.avg_pool2d_backward(d, shape, **case.options) for d in (dy, np.abs(dy))
    )
    bound = gamma(case.options["kernel_size"] ** 2 + 1) * magnitude
    return worst(outputs[0][n], exact, bound)


def _relu(case: Case, a: Arrays, outputs: list[Array]) -> float:
    return equal(outputs[0], reference.relu(a["x"]))


def _relu_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    return equal(outputs[0], reference.relu_backward(a["dy"], reference.relu(a["x"])))


def _lrn(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["x"]), 1)
    y, scale = reference.local_response_norm(a["x"][n].astype(float), **case.options)
    # `size` squares and a few operations for the scale; a few more for its power.
    size = case.options["size"]
    return max(
        worst(outputs[0][n], y, gamma(size + 8) * np.abs(y)),
        worst(outputs[1][n], scale, gamma(size + 4) * scale),
    )


def _lrn_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    n = ends(len(a["x"]), 1)
    x, dy = a["x"][n].astype(float), a["dy"][n].astype(float)
    y, scale = reference.local_response_norm(x, **case.options)
    options = {name: value for name, value in case.options.items() if name != "k"}
    exact = reference.local_response_norm_backward(dy, x, y, scale, **options)
    # The gradient is a direct part minus one through the scale; on absolute values they add up.
    direct = np.abs(dy) * scale ** -options["beta"]
    less = reference.local_response_norm_backward(
        np.abs(dy), np.abs(x), np.abs(y), scale, **options
    )
    # y and the scale have the errors of the forward pass.
    bound = gamma(3 * (options["size"] + 8)) * (2 * direct - less)
    return worst(outputs[0][n], exact, bound)


def _channels(case: Case, a: Arrays, *names: str) -> tuple[Array, list[Array]]:
    """Return channels at both ends, of images and of vectors, in float64."""
    c = ends(case.shapes["x"][1])
    return c, [(a[name][:, c] if a[name].ndim == 4 else a[name][c]).astype(float) for name in names]


def _batch_norm(case: Case, a: Arrays, outputs: list[Array]) -> float:
    c, (x, w, b) = _channels(case, a, "x", "w", "b")
    y, mean, var, inv_std = reference.batch_norm2d(x, w, b, **case.options)
    # The sums over a channel are taken in double: only the roundings of a few operations remain.
    size = np.abs(x) + _per_channel(np.abs(mean))
    bounds = (
        _per_channel(inv_std * np.abs(w)) * size + _per_channel(np.abs(b)),
        np.abs(x).mean(_PIXELS),
        var,
        inv_std,
    )
    got = (outputs[0][:, c], *(output[c] for output in outputs[1:]))
    exact = (y, mean, var, inv_std)
    return max(worst(g, e, gamma(8) * s) for g, e, s in zip(got, exact, bounds, strict=True))


def _batch_norm_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    c, (dy, x, w) = _channels(case, a, "dy", "x", "w")
    _, mean, _, inv_std = reference.batch_norm2d(x, w, None, **case.options)
    exact = reference.batch_norm2d_backward(dy, x, w, mean, inv_std)
    # The reference's formula on absolute values, with sums instead of differences.
    xhat = (np.abs(x) + _per_channel(np.abs(mean))) * _per_channel(inv_std)
    dweight, dbias = (np.abs(dy) * xhat).sum(_PIXELS), np.abs(dy).sum(_PIXELS)
    count = x[:, 0].size
    rest = np.abs(dy) + _per_channel(dbias / count) + xhat * _per_channel(dweight / count)
    sizes = _per_channel(np.abs(w) * inv_std) * rest, dweight, dbias
    got = (outputs[0][:, c], outputs[1][c], outputs[2][c])
    return max(worst(g, e, gamma(8) * s) for g, e, s in zip(got, exact, sizes, strict=True))


def _per_channel(values: Array) -> Array:
    return values[:, np.newaxis, np.newaxis]


def _activation_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    """Check a slope whose two terms may cancel: each is at most about 1."""
    dy, x = a["dy"].astype(float), a["x"].astype(float)
    exact = reference.activation_backward(dy, x, **case.options)
    return worst(outputs[0], exact, gamma(16) * np.abs(dy))


def _dropout(case: Case, a: Arrays, outputs: list[Array]) -> float:
    """Check dropout: the random numbers depend only on the seed, so the same elements are kept."""
    exact = reference.dropout(a["x"], **case.options)
    return max(equal(got, right) for got, right in zip(outputs, exact, strict=True))


def _dropout_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    _, kept = reference.dropout(a["x"], **case.options)
    exact = reference.dropout_backward(a["dy"], kept, case.options["p"])
    return equal(outputs[0], exact)


def _sgd(case: Case, a: Arrays, outputs: list[Array]) -> float:
    rows, (w, grad, velocity) = _rows(a, 1)
    before, size = np.abs(w), np.zeros_like(w)
    settings = {name: case.options[name] for name in ("lr", "momentum")}
    for step in range(1, STEPS + 1):
        reference.sgd_step(w, grad, velocity, first=step == 1, **settings)
        size += case.options["lr"] * np.abs(velocity)
    g = gamma(4 * STEPS)
    return max(
        worst(outputs[0][rows], w, g * (before + size)),
        # With equal gradients nothing cancels.
        worst(outputs[1][rows], velocity, g * np.abs(velocity)),
    )


def _adam(case: Case, a: Arrays, outputs: list[Array]) -> float:
    rows, (w, grad, m, v) = _rows(a, 2)
    before = np.abs(w)
    for step in range(1, STEPS + 1):
        reference.adam_step(w, grad, m, v, step=step, lr=case.options["lr"])
    g = gamma(4 * STEPS)
    return max(
        # With equal gradients each step has the length of the rate, up to a few roundings.
        worst(outputs[0][rows], w, g * before + gamma(16 * STEPS) * case.options["lr"] * STEPS),
        worst(outputs[1][rows], m, g * np.abs(m)),
        worst(outputs[2][rows], v, 2 * g * v),
    )


def _rows(a: Arrays, states: int) -> tuple[Array, list[Array]]:
    """Return rows at both ends of parameter and gradient, in float64, and as many zero states."""
    rows = ends(len(a["w"]))
    w, grad = a["w"][rows].astype(float), a["grad"][rows].astype(float)
    return rows, [w, grad, *(np.zeros_like(w) for _ in range(states))]


def _softmax_loss(case: Case, a: Arrays, outputs: list[Array]) -> float:
    loss, probs = reference.softmax_cross_entropy(a["x"].astype(float), a["target"])
    exact = np.asarray(loss)
    # A sum of C exponentials, each accurate to a few units in the last place.
    g = gamma(case.options["classes"] + 8)
    return max(
        worst(outputs[0], exact, g * (1 + np.abs(exact))),
        worst(outputs[1], probs, g * probs),
    )


def _softmax_loss_backward(case: Case, a: Arrays, outputs: list[Array]) -> float:
    _, probs = reference.softmax_cross_entropy(a["x"].astype(float), a["target"])
    exact = reference.softmax_cross_entropy_backward(probs, a["target"])
    g = gamma(case.options["classes"] + 8)
    return worst(outputs[0], exact, g * (probs / len(probs) + np.abs(exact)))


MEMORY_CHECKS: dict[str, Callable[[Case, Arrays, list[Array]], float]] = {
    "max_pool2d": _max_pool,
    "max_pool2d_backward": _max_pool_backward,
    "avg_pool2d": _avg_pool,
    "avg_pool2d_backward": _avg_pool_backward,
    "activation_backward": _activation_backward,
    "relu": _relu,
    "relu_backward": _relu_backward,
    "softmax_cross_entropy": _softmax_loss,
    "softmax_cross_entropy_backward": _softmax_loss_backward,
    "local_response_norm": _lrn,
    "local_response_norm_backward": _lrn_backward,
    "batch_norm2d": _batch_norm,
    "batch_norm2d_backward": _batch_norm_backward,
    "dropout": _dropout,
    "dropout_backward": _dropout_backward,
    "sgd_step": _sgd,
    "adam_step": _adam,
}
