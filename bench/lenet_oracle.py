"""LeNet-5 in float64, forward and backward, written out layer by layer with the reference ops."""

from __future__ import annotations

from cases import LENET_PARAMETERS, Array, Arrays

from pycnn import reference as ref

_PADDING = {"0": 2, "3": 0}


def lenet_logits(arrays: Arrays) -> Array:
    """Compute the (N, 10) scores of the images ``arrays["x"]``."""
    _, logits = _forward(_widen(arrays), arrays["x"].astype(float))
    return logits


def lenet_gradients(arrays: Arrays) -> tuple[float, Arrays]:
    """Compute the mean cross-entropy of the batch and its gradient for every parameter."""
    p = _widen(arrays)
    saved, logits = _forward(p, arrays["x"].astype(float))
    loss, probs = ref.softmax_cross_entropy(logits, arrays["target"])
    d = ref.softmax_cross_entropy_backward(probs, arrays["target"])

    grads: Arrays = {}
    for layer in ("11", "9", "7"):
        x = saved[layer]
        grads[f"{layer}.weight"], grads[f"{layer}.bias"] = ref.linear_backward_weight(d, x)
        d = ref.linear_backward_input(d, p[f"{layer}.weight"])
        if layer != "7":
            d = ref.relu_backward(d, x)
    for layer in ("3", "0"):
        active, indices = saved[f"{layer} relu"], saved[f"{layer} indices"]
        d = ref.max_pool2d_backward(d.reshape(indices.shape), indices, active.shape)
        d = ref.relu_backward(d, active)
        x, w = saved[layer], p[f"{layer}.weight"]
        options = {"padding": _PADDING[layer]}
        grads[f"{layer}.weight"], grads[f"{layer}.bias"] = ref.conv2d_backward_weight(
            d, x, w.shape, **options
        )
        d = ref.conv2d_backward_input(d, w, x.shape, **options)
    return float(loss), grads


def _widen(arrays: Arrays) -> Arrays:
    return {name: arrays[name].astype(float) for name in LENET_PARAMETERS}


def _forward(p: Arrays, x: Array) -> tuple[Arrays, Array]:
    """Return what the backward pass needs (each layer's input, ...) and the logits."""
    saved: Arrays = {}
    for layer in ("0", "3"):
        saved[layer] = x
        x = ref.conv2d(x, p[f"{layer}.weight"], p[f"{layer}.bias"], padding=_PADDING[layer])
        saved[f"{layer} relu"] = x = ref.relu(x)
        x, saved[f"{layer} indices"] = ref.max_pool2d(x, 2)
    x = x.reshape(len(x), -1)
    for layer in ("7", "9"):
        saved[layer] = x
        x = ref.relu(ref.linear(x, p[f"{layer}.weight"], p[f"{layer}.bias"]))
    saved["11"] = x
    return saved, ref.linear(x, p["11.weight"], p["11.bias"])
