"""Same bits for any number of threads; inputs, and the caller's floating-point mode, untouched."""

from __future__ import annotations

import numpy as np
import pytest
from support.repeated_ops import CONVOLUTIONS, Case, all_results, assert_same_bits, conv2d_cases
from support.strategies import Values

import pycnn
from pycnn import ops

pytestmark = pytest.mark.usefixtures("backend", "restore_threads")


def other_cases(small: bool = False) -> list[Case]:
    """Return all other ops, on arrays large enough for several threads, or on small ones."""
    images, rows, features_in, features_out, samples, texts = (
        (2, 5, 391, 37, 201, 3) if small else (9, 67, 1500, 301, 3001, 50)
    )
    x, features, dy = Values("normal", 2).arrays(
        (images, 16, 55, 57), (rows, features_in), (rows, features_out)
    )
    w, b, logits = Values("normal", 3).arrays(
        (features_out, features_in), (features_out,), (samples, 33)
    )
    target = np.random.default_rng(4).integers(0, 33, samples)
    weight = np.linspace(0.5, 2, 33, dtype=np.float32)
    y, indices = ops.max_pool2d(x, 3, 2)
    average = ops.avg_pool2d(x, 3, 2, 1)
    words = np.random.default_rng(5).zipf(1.3, (texts, 60)) % samples
    (vectors,) = Values("normal", 6).arrays((texts, 60, 300))
    smooth = {"weight": weight, "label_smoothing": 0.1}
    (filters,) = Values("normal", 7).arrays((8, 16, 3, 3))
    normal, scale = ops.local_response_norm(x)
    return [
        (ops.max_pool2d, [x], {"kernel_size": 3, "stride": 2}),
        (ops.max_pool2d_backward, [y, indices], {"input_shape": x.shape}),
        (ops.avg_pool2d, [x], {"kernel_size": 3, "stride": 2, "padding": 1}),
        (
            ops.avg_pool2d_backward,
            [average],
            {"input_shape": x.shape, "kernel_size": 3, "stride": 2, "padding": 1},
        ),
        (ops.relu, [x], {}),
        (ops.relu_backward, [x, np.roll(x, 1)], {}),
        (ops.conv2d_relu_max_pool2d, [x, filters], {"window": 2}),
        (ops.linear, [features, w, b], {}),
        (ops.linear_backward_input, [dy, w], {}),
        (ops.linear_backward_weight, [dy, features], {}),
        (ops.linear_backward, [dy, features, w], {}),
        (ops.embedding, [logits, words], {}),
        (ops.embedding_backward, [vectors, words], {"padding_idx": 3}),
        (ops.leaky_relu, [x], {}),
        (ops.leaky_relu_backward, [x, np.roll(x, 1)], {}),
        (ops.tanh, [x], {"amplitude": 1.7159, "slope": 2 / 3}),
        (ops.tanh_backward, [x, ops.tanh(x)], {}),
        (ops.sigmoid, [x], {}),
        (ops.sigmoid_backward, [x, ops.sigmoid(x)], {}),
        (ops.gelu, [x], {}),
        (ops.gelu, [x], {"approximate": "tanh"}),
        (ops.gelu_backward, [np.roll(x, 1), x], {}),
        (ops.gelu_backward, [np.roll(x, 1), x], {"approximate": "tanh"}),
        (ops.activation, [x], {"kind": "mish"}),
        (ops.activation_backward, [np.roll(x, 1), x], {"kind": "elu", "a": 1.0}),
        (ops.dropout, [x], {"p": 0.3, "seed": 5}),
        (ops.dropout_backward, [x, ops.dropout(x, 0.3, 5)[1]], {"p": 0.3}),
        (ops.local_response_norm, [x], {"form": "paper"}),
        (ops.local_response_norm, [x], {"size": 4, "beta": 0.6}),
        (ops.local_response_norm_backward, [np.roll(x, 1), x, normal, scale], {}),
        (ops.local_response_norm_backward, [np.roll(x, 1), x, normal, scale], {"beta": 0.6}),
        (ops.softmax, [logits], {}),
        (ops.softmax_backward, [np.roll(logits, 1), ops.softmax(logits)], {}),
        (ops.log_softmax, [logits], {}),
        (ops.log_softmax_backward, [logits, -np.abs(logits)], {}),
        (ops.nll_loss, [logits, target], {"weight": weight}),
        (ops.nll_loss_backward, [logits, target], {"weight": weight}),
        (ops.map_loss, [np.abs(logits), target], {}),
        (ops.map_loss_backward, [np.abs(logits), target], {}),
        (ops.mse_loss, [x, np.roll(x, 1)], {}),
        (ops.mse_loss_backward, [x, np.roll(x, 1)], {}),
        (ops.pointwise_loss, [x, np.roll(x, 1)], {"kind": "huber", "a": 1.0}),
        (ops.pointwise_loss_backward, [x, np.roll(x, 1)], {"kind": "l1"}),
        (ops.bce_with_logits, [x, np.roll(x, 1)], {}),
        (ops.bce_with_logits_backward, [x, np.roll(x, 1)], {}),
        (ops.softmax_cross_entropy, [logits, target], smooth),
        (ops.softmax_cross_entropy, [logits, target], {"reduction": "sum"}),
        (ops.softmax_cross_entropy_backward, [ops.softmax(logits), target], smooth),
    ]


def step_cases() -> list[Case]:
    """Return the ops that change their arguments in place."""
    arrays = [a.copy() for a in Values("normal", 5).arrays(*[(200_003,)] * 3)]
    moments = [*arrays, np.square(arrays[2])]
    squares = [*arrays[:2], *np.square(arrays[1:])]
    sgd = {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": True}
    return [
        (ops.sgd_step, arrays, sgd),
        (ops.sgd_step, arrays[:2], {"lr": 0.1}),
        (ops.adam_step, moments, {"step": 3, "weight_decay": 0.1}),
        (ops.adam_step, moments, {"step": 3, "weight_decay": 0.1, "decoupled": True}),
        (ops.adadelta_step, squares, {"weight_decay": 0.1}),
        (ops.rmsprop_step, [*squares, arrays[2]], {"lr": 0.1, "momentum": 0.9}),
    ]


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_have_the_same_bits_for_any_number_of_threads(name: str) -> None:
    assert_same_bits(conv2d_cases(name))


def test_other_ops_have_the_same_bits_for_any_number_of_threads() -> None:
    assert_same_bits(other_cases() + step_cases())


def test_the_same_call_has_the_same_bits_wherever_the_arrays_lie() -> None:
    """Kernels may peel loops for alignment, but not reorder sums for it."""
    for op, arrays, options in other_cases(small=True) + conv2d_cases("lenet-2"):
        expected = all_results((op, arrays, options))
        moved = []
        for array in arrays:
            room = np.empty(array.size + 1, array.dtype)
            room[1:] = array.ravel()
            moved.append(room[1:].reshape(array.shape))
        result = op(*moved, **options)
        results = result if isinstance(result, tuple) else (result,)
        got = [np.asarray(array).tobytes() for array in results]
        assert got == expected[: len(got)], op.__name__


def test_inputs_are_never_modified() -> None:
    convolutions = conv2d_cases("lenet-1") + conv2d_cases("dilated")
    for op, arrays, options in other_cases(small=True) + convolutions:
        before = [array.copy() for array in arrays]
        result = op(*arrays, **options)
        for array, copy in zip(arrays, before, strict=True):
            assert array.tobytes() == copy.tobytes(), op.__name__
        for made in result if isinstance(result, tuple) else (result,):
            for array in arrays:
                assert not np.shares_memory(np.asarray(made), array), op.__name__


def test_results_do_not_share_memory_with_later_results() -> None:
    """Outputs may come from a pool, but only after their array has been dropped."""
    (x,) = Values("normal", 0).arrays((4, 8, 20, 20))
    first = ops.relu(x)
    copy = first.copy()
    for _ in range(3):
        second = ops.relu(-x)
        assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, copy)


def test_denormal_numbers_of_the_caller_survive() -> None:
    """A library that leaves flush-to-zero on changes every later calculation in the process."""
    tiny = np.full(64, 1e-40, np.float32)
    for threads in (1, 2):
        pycnn.set_num_threads(threads)
        for op, arrays, options in other_cases() + step_cases() + conv2d_cases("lenet-1"):
            op(*[array.copy() for array in arrays], **options)
            assert (tiny * np.float32(0.5) > 0).all(), op.__name__
