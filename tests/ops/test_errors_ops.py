"""Wrong input is refused with one clear exception that names the op and the facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.refusals import Call, assert_refuses, row, zeros

from pycnn import ops as typed_ops

# What is wrong with an argument is for the ops to say, not for a type checker.
ops: Any = typed_ops

F = np.float32


X, W, B = zeros(2, 3, 8, 8), zeros(4, 3, 3, 3), zeros(4)
Y = zeros(2, 4, 6, 6)
LOGITS, LABELS = zeros(5, 10), zeros(5, dtype=np.int64)
IMAGES, POOLED, INDICES = zeros(1, 2, 6, 6), zeros(1, 2, 3, 3), zeros(1, 2, 3, 3, dtype=np.int32)
NOTHING = zeros(1, 1, 0, 2)

conv2d, max_pool2d, avg_pool2d = ops.conv2d, ops.max_pool2d, ops.avg_pool2d
d_input, d_weight = ops.conv2d_backward_input, ops.conv2d_backward_weight
d_max, d_avg = ops.max_pool2d_backward, ops.avg_pool2d_backward
loss, d_loss = ops.softmax_cross_entropy, ops.softmax_cross_entropy_backward


def labels(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def adam(w: Any = None, grad: Any = None, m: Any = None, v: Any = None, **options: Any) -> None:
    arrays = (zeros(4) if array is None else array for array in (w, grad, m, v))
    ops.adam_step(*arrays, **{"step": 1, **options})


# --- types: anything but a float32 array or a number ---------------------------------------------


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float16, np.int32, np.int64, np.uint8, ">f4", bool]
)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("conv2d", lambda a: conv2d(a, W)),
        ("conv2d", lambda a: conv2d(X, a.repeat(3, 1)[:, :3, :3, :3].copy())),
        ("conv2d_backward_input", lambda a: d_input(a, W, X.shape)),
        ("conv2d_backward_weight", lambda a: d_weight(Y, a, W.shape)),
        ("max_pool2d", lambda a: max_pool2d(a, 2)),
        ("max_pool2d_backward", lambda a: d_max(a, INDICES, IMAGES.shape)),
        ("avg_pool2d", lambda a: avg_pool2d(a, 2)),
        ("avg_pool2d_backward", lambda a: d_avg(a, IMAGES.shape, 2)),
        ("relu", ops.relu),
        ("relu_backward", lambda a: ops.relu_backward(a, X)),
        ("linear", lambda a: ops.linear(a[0, 0], zeros(4, 8))),
        ("linear", lambda a: ops.linear(zeros(4, 8), a[0, 0])),
        ("linear_backward_input", lambda a: ops.linear_backward_input(a[0, 0], zeros(8, 8))),
        ("linear_backward_weight", lambda a: ops.linear_backward_weight(a[0, 0], zeros(8, 8))),
        ("softmax", lambda a: ops.softmax(a[0, 0])),
        ("softmax_cross_entropy", lambda a: loss(a[0, 0], zeros(8, dtype=np.int64))),
        ("sgd_step", lambda a: ops.sgd_step(a, X, lr=0.1)),
        ("sgd_step", lambda a: ops.sgd_step(X.copy(), a, lr=0.1)),
        ("adam_step", lambda a: adam(X.copy(), X, X.copy(), a)),
    ],
)
def test_dtypes_are_not_converted(name: str, call: Callable[[np.ndarray], Any], dtype: Any) -> None:
    array = np.zeros((2, 3, 8, 8), dtype)
    assert_refuses(lambda: call(array), TypeError, (f"[{name}", "float32", str(array.dtype)))


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: conv2d(X.tolist(), W), "[conv2d]", "x", "list"),
        row(lambda: conv2d(X, None), "[conv2d]", "weight", "None"),
        row(lambda: conv2d(X, W, 1.0), "[conv2d]", "bias", "float"),
        row(lambda: conv2d(X, W, stride=1.5), "[conv2d]", "stride", "float"),
        row(lambda: conv2d(X, W, stride="2"), "[conv2d]", "stride", "str"),
        row(lambda: conv2d(X, W, padding=1.0), "[conv2d]", "padding", "float"),
        row(lambda: conv2d(X, W, padding=None), "[conv2d]", "padding", "None"),
        row(lambda: conv2d(X, W, groups=None), "[conv2d]", "groups", "None"),
        row(lambda: d_input(Y, W, (2, 3, 8, 8.0)), "[conv2d_backward_input]", "input_shape"),
        row(lambda: max_pool2d(X, None), "[max_pool2d]", "kernel_size", "None"),
        row(lambda: max_pool2d(X, 2, padding="same"), "[max_pool2d]", "padding", "str"),
        row(lambda: avg_pool2d(X, 2, divisor_override=0.5), "[avg_pool2d]", "divisor_override"),
        row(
            lambda: d_max(POOLED, INDICES.astype(np.int64), IMAGES.shape),
            "indices",
            "int32",
            "int64",
        ),
        row(lambda: loss(LOGITS, LABELS.astype(np.int32)), "target", "int64", "int32"),
        row(lambda: loss(LOGITS, LABELS.astype(F)), "target", "int64", "float32"),
        row(lambda: loss(LOGITS, [0] * 5), "target", "list"),
        row(lambda: loss(LOGITS, LABELS, weight=np.ones(10)), "weight", "float32", "float64"),
        row(lambda: d_loss(LOGITS, LABELS, np.ones(5), reduction="none"), "dloss", "float64"),
    ],
)
def test_types(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, TypeError, facts)


# --- shapes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: conv2d(X[0], W), "[conv2d]", "4", "(3, 8, 8)"),
        row(lambda: conv2d(X, W[0]), "[conv2d]", "4", "(3, 3, 3)"),
        row(
            lambda: conv2d(X, zeros(4, 5, 3, 3)),
            "[conv2d]",
            "5",
            "3",
            "(2, 3, 8, 8)",
            "(4, 5, 3, 3)",
        ),
        row(lambda: conv2d(X, W, groups=3), "[conv2d]", "groups", "3", "4"),
        row(lambda: conv2d(X, W, groups=2), "[conv2d]", "groups", "2", "3"),
        row(lambda: conv2d(X, zeros(3, 3, 3, 3), groups=3), "[conv2d]", "9", "3"),
        row(lambda: conv2d(X, W, zeros(3)), "[conv2d]", "bias", "(3,)", "4"),
        row(lambda: conv2d(X, W, zeros(4, 1)), "[conv2d]", "bias", "(4, 1)"),
        row(lambda: conv2d(zeros(2, 0, 8, 8), W), "[conv2d]", "(2, 0, 8, 8)"),
        row(lambda: conv2d(zeros(2, 3, 0, 8), W), "[conv2d]", "(2, 3, 0, 8)"),
        row(lambda: conv2d(zeros(0, 3, 8, 0), W), "[conv2d]", "(0, 3, 8, 0)"),
        row(lambda: conv2d(X, zeros(0, 3, 3, 3)), "[conv2d]", "(0, 3, 3, 3)"),
        row(lambda: conv2d(X, zeros(4, 3, 0, 3)), "[conv2d]", "(4, 3, 0, 3)"),
        row(lambda: d_input(zeros(2, 4, 6, 5), W, X.shape), "(2, 4, 6, 5)", "(2, 4, 6, 6)"),
        row(lambda: d_input(zeros(3, 4, 6, 6), W, X.shape), "(3, 4, 6, 6)", "(2, 4, 6, 6)"),
        row(lambda: d_input(zeros(2, 5, 6, 6), W, X.shape), "(2, 5, 6, 6)", "(2, 4, 6, 6)"),
        row(lambda: d_input(Y, W, (2, 3, 8)), "input_shape", "(2, 3, 8)"),
        row(lambda: d_input(Y, W, (2, 3, -8, 8)), "-8"),
        row(lambda: d_weight(zeros(2, 4, 8, 8), X, W.shape), "(2, 4, 8, 8)", "(2, 4, 6, 6)"),
        row(lambda: d_weight(Y, X, (4, 3, 3)), "weight_shape", "(4, 3, 3)"),
        row(lambda: d_weight(Y, X, (4, 3, -3, 3)), "-3"),
        row(lambda: max_pool2d(X[0], 2), "[max_pool2d]", "4", "(3, 8, 8)"),
        row(lambda: avg_pool2d(X[0], 2), "[avg_pool2d]", "4", "(3, 8, 8)"),
        row(lambda: max_pool2d(zeros(2, 3, 0, 8), 2), "[max_pool2d]", "(2, 3, 0, 8)"),
        row(
            lambda: d_max(POOLED, INDICES[:, :, :2].copy(), IMAGES.shape),
            "(1, 2, 2, 3)",
            "(1, 2, 3, 3)",
        ),
        row(lambda: d_max(POOLED, INDICES, (1, 3, 6, 6)), "(1, 2, 3, 3)", "(1, 3, 6, 6)"),
        row(lambda: d_max(POOLED, INDICES, (2, 2, 6, 6)), "(1, 2, 3, 3)", "(2, 2, 6, 6)"),
        row(lambda: d_max(POOLED, INDICES, (1, 2, 36)), "input_shape"),
        row(lambda: d_max(NOTHING, NOTHING.astype(np.int32), (1, 1, 0, 4)), "(1, 1, 0, 4)"),
        row(lambda: d_avg(POOLED, (1, 2, 8, 6), 2), "(1, 2, 3, 3)", "(1, 2, 4, 3)"),
        row(lambda: ops.relu_backward(X, Y), "[relu_backward]", "(2, 3, 8, 8)", "(2, 4, 6, 6)"),
        row(lambda: ops.linear(X, zeros(4, 8)), "[linear]", "2", "(2, 3, 8, 8)"),
        row(lambda: ops.linear(zeros(64, 256), zeros(120, 400)), "[linear]", "256", "400"),
        row(
            lambda: ops.linear(zeros(5, 8), zeros(4, 8), zeros(5)), "[linear]", "bias", "(5,)", "4"
        ),
        row(lambda: ops.linear(zeros(5, 0), zeros(4, 0)), "[linear]", "feature", "0"),
        row(lambda: ops.linear(zeros(5, 8), zeros(0, 8)), "[linear]", "feature", "0"),
        row(lambda: ops.linear_backward_input(zeros(5, 3), zeros(4, 8)), "(5, 3)", "(4, 8)"),
        row(lambda: ops.linear_backward_weight(zeros(5, 3), zeros(6, 8)), "(5, 3)", "(6, 8)"),
        row(lambda: ops.linear_backward(zeros(5, 4), zeros(6, 8), zeros(4, 8)), "(5, 4)", "(6, 8)"),
        row(lambda: ops.softmax(zeros(10)), "[softmax]", "2", "(10,)"),
        row(lambda: ops.softmax(zeros(3, 0)), "[softmax]", "(3, 0)"),
        row(lambda: loss(zeros(10), LABELS), "2", "(10,)"),
        row(lambda: loss(LOGITS, LABELS[:4].copy()), "target", "4", "5"),
        row(lambda: loss(LOGITS, zeros(5, 1, dtype=np.int64)), "target", "(5, 1)"),
        row(lambda: loss(LOGITS, LABELS, weight=zeros(9)), "weight", "9", "10"),
        row(lambda: d_loss(LOGITS, LABELS, zeros(4), reduction="none"), "dloss", "4", "5"),
        row(lambda: ops.sgd_step(zeros(4), zeros(5), lr=0.1), "[sgd_step]", "(4,)", "(5,)"),
        row(
            lambda: ops.sgd_step(zeros(4), zeros(4), zeros(5), lr=0.1, momentum=0.9), "(4,)", "(5,)"
        ),
        row(
            lambda: adam(zeros(4), zeros(4), zeros(4), zeros(2, 2)), "[adam_step]", "(4,)", "(2, 2)"
        ),
    ],
)
def test_shapes(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, ValueError, facts)


@pytest.mark.parametrize(
    "array",
    [X.transpose(0, 1, 3, 2), zeros(2, 3, 8, 16)[..., ::2], X[:, :, ::-1], np.asfortranarray(X)],
    ids=["transposed", "strided", "reversed", "Fortran"],
)
def test_arrays_must_be_contiguous(array: np.ndarray) -> None:
    """A silent copy would cost more than some ops; and in place it would be lost."""
    calls: list[Call] = [
        lambda: conv2d(array, W),
        lambda: d_input(array, zeros(3, 3, 1, 1), X.shape),
        lambda: d_weight(array, X, (3, 3, 1, 1)),
        lambda: max_pool2d(array, 2),
        lambda: avg_pool2d(array, 2),
        lambda: ops.relu(array),
        lambda: ops.relu_backward(X, array),
        lambda: ops.sgd_step(array, X, lr=0.1),
        lambda: adam(X.copy(), X, array, X.copy()),
    ]
    for call in calls:
        assert_refuses(call, ValueError, ("contiguous",))


def test_arrays_must_be_aligned() -> None:
    bytes_ = np.zeros(4 * 16 + 1, np.uint8)
    array = bytes_[1:].view(F)
    assert not array.flags.aligned
    assert_refuses(lambda: ops.relu(array), ValueError, ("[relu]", "aligned"))


def test_arrays_changed_in_place_must_be_writable() -> None:
    frozen = zeros(4)
    frozen.flags.writeable = False
    for call in (
        lambda: ops.sgd_step(frozen, B, lr=0.1),
        lambda: ops.sgd_step(zeros(4), B, frozen, lr=0.1, momentum=0.9),
        lambda: adam(zeros(4), B, frozen, zeros(4)),
        lambda: adam(zeros(4), B, zeros(4), frozen),
    ):
        assert_refuses(call, ValueError, ("read-only",))


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "facts"),
    [
        row(lambda: conv2d(X, W, stride=0), "[conv2d]", "stride", "0"),
        row(lambda: conv2d(X, W, stride=(1, -2)), "[conv2d]", "stride", "-2"),
        row(lambda: conv2d(X, W, stride=(1, 2, 3)), "[conv2d]", "stride", "(1, 2, 3)"),
        row(lambda: conv2d(X, W, dilation=0), "[conv2d]", "dilation", "0"),
        row(lambda: conv2d(X, W, dilation=(-1, 1)), "[conv2d]", "dilation", "-1"),
        row(lambda: conv2d(X, W, groups=0), "[conv2d]", "groups", "0"),
        row(lambda: conv2d(X, W, groups=-1), "[conv2d]", "groups", "-1"),
        row(lambda: conv2d(X, W, padding=-1), "[conv2d]", "padding", "-1"),
        row(lambda: conv2d(X, W, padding=(0, 0, -3, 0)), "[conv2d]", "padding", "-3"),
        row(lambda: conv2d(X, W, padding=(1, 2, 3)), "[conv2d]", "padding", "(1, 2, 3)"),
        row(lambda: conv2d(X, W, padding="full"), "[conv2d]", "full", "same", "valid"),
        row(lambda: conv2d(X, zeros(4, 3, 9, 3)), "[conv2d]", "9", "8"),
        row(lambda: conv2d(X, W, dilation=4), "[conv2d]", "9", "8"),
        row(lambda: conv2d(zeros(0, 3, 8, 8), zeros(4, 3, 9, 3)), "[conv2d]", "9", "8"),
        row(lambda: max_pool2d(X, 0), "[max_pool2d]", "kernel_size", "0"),
        row(lambda: max_pool2d(X, (2, -1)), "[max_pool2d]", "kernel_size", "-1"),
        row(lambda: max_pool2d(X, (2, 2, 2)), "[max_pool2d]", "kernel_size", "(2, 2, 2)"),
        row(lambda: max_pool2d(X, 2, 0), "[max_pool2d]", "stride", "0"),
        row(lambda: max_pool2d(X, 2, padding=-1), "[max_pool2d]", "padding", "-1"),
        row(lambda: max_pool2d(X, 3, padding=2), "[max_pool2d]", "padding", "2", "3", "half"),
        row(lambda: max_pool2d(X, 2, dilation=0), "[max_pool2d]", "dilation", "0"),
        row(lambda: max_pool2d(X, 9), "[max_pool2d]", "9", "8"),
        row(lambda: max_pool2d(zeros(1, 1, 1, 1), 2, 1, 1, 2), "[max_pool2d]", "padding"),
        row(lambda: avg_pool2d(X, 0), "[avg_pool2d]", "kernel_size", "0"),
        row(lambda: avg_pool2d(X, 2, -1), "[avg_pool2d]", "stride", "-1"),
        row(lambda: avg_pool2d(X, (4, 3), padding=(2, 2)), "[avg_pool2d]", "padding", "half"),
        row(lambda: avg_pool2d(X, 9), "[avg_pool2d]", "9", "8"),
        row(lambda: avg_pool2d(X, 2, divisor_override=0), "[avg_pool2d]", "divisor_override"),
        row(lambda: d_avg(POOLED, IMAGES.shape, 2, divisor_override=0), "divisor_override"),
        row(lambda: d_max(POOLED, np.full_like(INDICES, 36), IMAGES.shape), "indices", "36"),
        row(lambda: d_max(POOLED, np.full_like(INDICES, -1), IMAGES.shape), "indices", "36"),
        row(lambda: loss(LOGITS, labels(0, 1, 2, 3, 10)), "target", "10"),
        row(lambda: loss(LOGITS, labels(0, 1, -1, 3, 4)), "target", "-1"),
        row(lambda: loss(LOGITS, labels(0, 1, 2**40, 3, 4)), "target", str(2**40)),
        row(lambda: loss(LOGITS, labels(0, -100, 1, 1, 1), ignore_index=-1), "target", "-100"),
        row(lambda: d_loss(LOGITS, labels(0, 1, 2, 3, 10)), "target", "10"),
        row(lambda: loss(LOGITS, LABELS, reduction="max"), "reduction", "max", "mean", "none"),
        row(lambda: loss(LOGITS, LABELS, label_smoothing=-0.1), "label_smoothing", "-0.1"),
        row(lambda: loss(LOGITS, LABELS, label_smoothing=1.5), "label_smoothing", "1.5"),
        row(lambda: loss(LOGITS, LABELS, label_smoothing=float("nan")), "label_smoothing"),
        row(lambda: loss(zeros(0, 10), zeros(0, dtype=np.int64)), "mean", "empty"),
        row(lambda: d_loss(zeros(0, 10), zeros(0, dtype=np.int64)), "mean", "empty"),
        row(lambda: ops.sgd_step(zeros(4), B, lr=0.1, momentum=0.9), "[sgd_step]", "velocity"),
        row(lambda: ops.sgd_step(zeros(4), B, zeros(4), lr=0.1), "[sgd_step]", "velocity"),
        row(lambda: adam(step=0), "[adam_step]", "step", "0"),
        row(lambda: adam(betas=(1.0, 0.999)), "[adam_step]", "betas", "1"),
        row(lambda: adam(betas=(0.9, -0.1)), "[adam_step]", "betas", "-0.1"),
    ],
)
def test_values(call: Call, facts: tuple[str, ...]) -> None:
    assert_refuses(call, ValueError, facts)
