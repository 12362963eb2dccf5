"""Calls of ops whose results have the same bits for any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pycnn
from pycnn import ops
from support.annotations import Options, Shape
from support.strategies import Values

# Images of a convolution, its filters, and its arguments: the layers of LeNet-5, and depthwise,
# dilated, pointwise ones, and hardly any work.
CONVOLUTIONS: dict[str, tuple[Shape, Shape, Options]] = {
    "lenet-1": ((37, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    "lenet-2": ((37, 6, 14, 14), (16, 6, 5, 5), {}),
    "depthwise": ((3, 33, 19, 23), (66, 1, 3, 3), {"padding": "same", "stride": 2, "groups": 33}),
    "dilated": ((2, 7, 31, 29), (13, 7, 3, 3), {"padding": (3, 0, 1, 2), "dilation": (2, 3)}),
    "pointwise": ((5, 97, 11, 11), (61, 97, 1, 1), {}),
    "tiny": ((1, 1, 3, 3), (1, 1, 2, 2), {}),
}


# The layers of AlexNet, which take minutes on the emulated device.
ALEXNET: dict[str, tuple[Shape, Shape, Options]] = {
    "alexnet-1": ((1, 3, 227, 227), (96, 3, 11, 11), {"stride": 4}),
    "alexnet-2": ((1, 96, 27, 27), (256, 48, 5, 5), {"padding": 2, "groups": 2}),
    "alexnet-3": ((1, 256, 13, 13), (384, 256, 3, 3), {"padding": 1}),
    "alexnet-4": ((1, 384, 13, 13), (384, 192, 3, 3), {"padding": 1, "groups": 2}),
    "alexnet-5": ((2, 384, 13, 13), (256, 192, 3, 3), {"padding": 1, "groups": 2}),
}

Case = tuple[Callable[..., Any], list[np.ndarray], dict[str, Any]]


def conv2d_cases(name: str) -> list[Case]:
    """Return the forward pass and both gradients of one convolution."""
    x_shape, w_shape, geometry = (CONVOLUTIONS | ALEXNET)[name]
    x, w, b = Values("normal", 0).arrays(x_shape, w_shape, w_shape[:1])
    (dy,) = Values("normal", 1).arrays(ops.conv2d(x, w, b, **geometry).shape)
    return [
        (ops.conv2d, [x, w, b], geometry),
        (ops.conv2d_backward_input, [dy, w], {"input_shape": x_shape, **geometry}),
        (ops.conv2d_backward_weight, [dy, x], {"weight_shape": w_shape, **geometry}),
    ]


def all_results(case: Case) -> list[bytes]:
    """Return every result of a call, and its arguments afterwards, as bytes."""
    op, arrays, options = case
    own = [array.copy() for array in arrays]
    result = op(*own, **options)
    results = result if isinstance(result, tuple) else (result,)
    return [np.asarray(array).tobytes() for array in (*results, *own) if array is not None]


def assert_same_bits(cases: list[Case]) -> None:
    for case in cases:
        pycnn.set_num_threads(1)
        alone = all_results(case)
        for threads in (2, 7):
            pycnn.set_num_threads(threads)
            assert all_results(case) == alone, (case[0].__name__, threads)
