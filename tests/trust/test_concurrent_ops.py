"""Ops called by many Python threads at a time return the same bits as alone."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from support.repeated_ops import Case, all_results
from support.strategies import Values
from support.threads import at_once

import pycnn
from pycnn import _core, ops

ROUNDS = {"short": 2, "long": 200}
THREADS = 4


def small_cases() -> list[Case]:
    """Return every op with its own work areas or tables, small enough for threads to collide."""
    x, w, b = Values("normal", 0).arrays((4, 6, 13, 15), (9, 6, 3, 3), (9,))
    depthwise, rows, wide = Values("normal", 1).arrays((6, 1, 3, 3), (33, 60), (40, 60))
    y = ops.conv2d(x, w, b, padding=1)
    z = ops.conv2d(x, depthwise, padding=1, groups=6)
    pooled, indices = ops.max_pool2d(x, 3, 2)
    average, adaptive = ops.avg_pool2d(x, 3, 2), ops.adaptive_avg_pool2d(x, 4)
    normal, scale = ops.local_response_norm(x)
    words = np.arange(200).reshape(10, 20) % 33
    target = np.arange(33) % 60
    vectors = ops.embedding(rows, words)
    steps = [a.copy() for a in Values("normal", 2).arrays(*[(1000,)] * 3)]
    conv, shape = {"padding": 1}, {"input_shape": x.shape}
    return [
        (ops.conv2d, [x, w, b], conv),
        (ops.conv2d_backward_input, [y, w], {**shape, **conv}),
        (ops.conv2d_backward_weight, [y, x], {"weight_shape": w.shape, **conv}),
        (ops.conv2d, [x, depthwise], {**conv, "groups": 6}),
        (ops.conv2d_backward_input, [z, depthwise], {**shape, **conv, "groups": 6}),
        (
            ops.conv2d_backward_weight,
            [z, x],
            {"weight_shape": depthwise.shape, **conv, "groups": 6},
        ),
        (ops.conv2d_relu_max_pool2d, [x, w, b], {"window": 2}),
        (ops.conv_transpose2d, [y, w], {"stride": 2}),
        (ops.max_pool2d, [x], {"kernel_size": 3, "stride": 2}),
        (ops.max_pool2d_backward, [pooled, indices], shape),
        (ops.avg_pool2d, [x], {"kernel_size": 3, "stride": 2}),
        (ops.avg_pool2d_backward, [average], {**shape, "kernel_size": 3, "stride": 2}),
        (ops.adaptive_avg_pool2d, [x], {"output_size": 4}),
        (ops.adaptive_avg_pool2d_backward, [adaptive], shape),
        (ops.upsample2d, [x], {"scale_factor": 2, "mode": "bilinear"}),
        (ops.local_response_norm, [x], {}),
        (ops.local_response_norm_backward, [x, x, normal, scale], {}),
        (ops.linear, [rows, wide], {}),
        (ops.linear_backward, [ops.linear(rows, wide), rows, wide], {}),
        (ops.embedding, [rows, words], {}),
        (ops.embedding_backward, [vectors, words], {"padding_idx": 3}),
        (ops.dropout, [x], {"p": 0.3, "seed": 5}),
        (ops.gelu, [x], {}),
        (ops.softmax_cross_entropy, [rows, target], {}),
        (ops.adam_step, [*steps, np.square(steps[2])], {"step": 3}),
    ]


def meet(work: Callable[[random.Random], None]) -> None:
    """Run `work` in threads that start together, each in its own order; raise its error."""
    start = threading.Barrier(THREADS)

    def run(seed: int) -> None:
        start.wait()
        work(random.Random(seed))

    at_once(*(partial(run, seed) for seed in range(THREADS)))


@pytest.fixture(params=[1, 2], ids=["serial", "parallel"])
def threads_of_an_op(request: pytest.FixtureRequest) -> Iterator[int]:
    before = pycnn.get_num_threads()
    pycnn.set_num_threads(request.param)
    yield request.param
    pycnn.set_num_threads(before)


def test_ops_called_in_many_threads_have_the_bits_they_have_alone(
    form: str, tried: Callable[[str, int, str], None], threads_of_an_op: int
) -> None:
    cases = small_cases()
    alone = [all_results(case) for case in cases]

    def call_all(order: random.Random) -> None:
        for _ in range(ROUNDS[form]):
            for i in order.sample(range(len(cases)), len(cases)):
                assert all_results(cases[i]) == alone[i], cases[i][0].__name__

    meet(call_all)
    calls = THREADS * ROUNDS[form] * len(cases)
    tried(f"ops in {THREADS} threads, {threads_of_an_op} each", calls, "all bits as alone")


def test_threads_share_the_memory_pool_while_it_is_trimmed(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    """One thread frees another's arrays, and meanwhile returns cached blocks to the system."""
    x = np.arange(5000, dtype=np.float32)
    left: list[np.ndarray] = []
    rounds = 50 * ROUNDS[form]

    def make_and_free(order: random.Random) -> None:
        for _ in range(rounds):
            y = ops.relu(x[: order.randrange(1, x.size)])
            np.testing.assert_array_equal(y, x[: y.size])
            left.append(y)
            if len(left) > 2 * THREADS:
                left.pop(0)
            if order.random() < 0.1:
                _core.trim_cache()

    meet(make_and_free)
    tried("blocks of the memory pool in many threads", THREADS * rounds, "none lost")
