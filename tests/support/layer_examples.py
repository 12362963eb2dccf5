"""Arguments for each layer that a file can name, and inputs that it takes."""

from __future__ import annotations

from typing import Any

import numpy as np

IMAGES, SIGNALS, ROWS = (2, 4, 6, 6), (2, 4, 6), (3, 4)
TABLE = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 1]], bool)

# Positional arguments, others, and the shape of an input; several examples where a layer has forms.
# Layers that are not here take no arguments, and rows.
EXAMPLES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any], tuple[int, ...]]]] = {
    "AdaptiveAvgPool1d": [((2,), {}, SIGNALS)],
    "AdaptiveAvgPool2d": [(((2, None),), {}, IMAGES)],
    "AdaptiveMaxPool1d": [((2,), {}, SIGNALS)],
    "AdaptiveMaxPool2d": [((3,), {}, IMAGES)],
    "AvgPool1d": [((3, 2, 1, True, False), {}, SIGNALS)],
    "AvgPool2d": [((3, 2, 1, True, False), {}, IMAGES), ((2,), {"divisor_override": 3}, IMAGES)],
    "BatchNorm1d": [((4, 1e-3, 0.3), {}, ROWS), ((4,), {"affine": False}, SIGNALS)],
    "BatchNorm2d": [
        ((4, 1e-3, None), {"bias": False}, IMAGES),
        ((4,), {"affine": False, "track_running_stats": False}, IMAGES),
    ],
    "Bilinear": [((4, 3, 2, False), {}, ROWS)],
    "CLayer": [((4, 3, 2, (1, 0)), {"alpha": 0.25, "decay": 0.8}, IMAGES)],
    "CosineSimilarity": [((-1, 1e-6), {}, ROWS)],
    "CircularPad1d": [((2,), {}, SIGNALS)],
    "CircularPad2d": [(((1, 2, 0, 1),), {}, IMAGES)],
    "ConstantPad1d": [(((1, 2), 3.5), {}, SIGNALS)],
    "ConstantPad2d": [(((1, 2, 0, 1), -1.0), {}, IMAGES)],
    "Conv1d": [((4, 6, 3, 2, 1, 1, 2, False), {}, SIGNALS)],
    "Conv2d": [
        ((4, 6, (3, 2), (2, 1), (1, 0), 1, 2, False), {}, IMAGES),
        ((4, 2, 3, 1, "same"), {"padding_mode": "reflect"}, IMAGES),
        ((4, 2, 3, 1, (1, 0, 2, 1)), {}, IMAGES),
        ((4, 3, 3), {"connections": TABLE}, IMAGES),
    ],
    "ConvTranspose1d": [((4, 6, 3, 2, 1, 1, 2, False), {}, SIGNALS)],
    "ConvTranspose2d": [((4, 6, 3, (2, 1), 1, (1, 0), 2, False), {}, IMAGES)],
    "Dropout": [((0.25,), {}, ROWS)],
    "Dropout1d": [((0.25,), {}, SIGNALS)],
    "Dropout2d": [((0.25,), {}, IMAGES)],
    "AlphaDropout": [((0.25,), {}, ROWS)],
    "ELU": [((0.5,), {}, ROWS)],
    "Embedding": [((9, 3, -1), {}, (2, 5)), ((9, 3), {"sparse": True}, (2, 5))],
    "Fold": [(((4, 5), 2), {"stride": (2, 1), "padding": (0, 1)}, (2, 4, 12))],
    "Flatten": [((2, 3), {}, IMAGES)],
    "GELU": [(("tanh",), {}, ROWS)],
    "GlobalAvgPool2d": [((), {}, IMAGES)],
    "GlobalMaxPool2d": [((), {}, IMAGES)],
    "GroupNorm": [((2, 4, 1e-3), {"bias": False}, IMAGES), ((2, 4), {"affine": False}, IMAGES)],
    "Hardtanh": [((-2.0, 0.5), {}, ROWS)],
    "InstanceNorm1d": [((4, 1e-3, 0.2, True, True), {}, SIGNALS)],
    "InstanceNorm2d": [((4,), {}, IMAGES), ((4, 1e-3, 0.2, True), {"bias": False}, IMAGES)],
    "LayerNorm": [(((6, 6), 1e-3), {"bias": False}, IMAGES), ((4, 1e-5, False), {}, ROWS)],
    "LeakyReLU": [((0.2,), {}, ROWS)],
    "Linear": [((4, 5, False), {}, ROWS)],
    "LocalResponseNorm": [((3, 1e-3, 0.5, 2.0, "paper"), {}, IMAGES)],
    "LogSoftmax": [((1,), {}, IMAGES)],
    "MaxPool1d": [((2, 1, 1, 2), {"ceil_mode": True}, SIGNALS)],
    "MaxPool2d": [(((2, 3), 1, 1, 2), {"ceil_mode": True}, IMAGES)],
    "PairwiseDistance": [((1.0, 1e-5, True), {}, ROWS)],
    "PReLU": [((4, 0.1), {}, IMAGES)],
    "RBF": [((4, 3), {}, ROWS), ((4, 3), {"trainable": True}, ROWS)],
    "ReflectionPad1d": [((2,), {}, SIGNALS)],
    "ReflectionPad2d": [(((1, 2, 0, 1),), {}, IMAGES)],
    "ReplicationPad1d": [((2,), {}, SIGNALS)],
    "ReplicationPad2d": [(((1, 2, 0, 1),), {}, IMAGES)],
    "PixelShuffle": [((2,), {}, IMAGES)],
    "PixelUnshuffle": [((2,), {}, IMAGES)],
    "ChannelShuffle": [((2,), {}, IMAGES)],
    "Reshape": [((2, -1), {}, IMAGES)],
    "SLayer": [((4, 3, 3, 1), {"r": 2.0, "q": 1.5, "column": 3, "decay": 0.8}, IMAGES)],
    "ScaledTanh": [((2.0, 0.5), {}, ROWS)],
    "Softmax": [((1,), {}, IMAGES)],
    "Softplus": [((2.0, 10.0), {}, ROWS)],
    "Subsampling": [((4, (2, 3)), {}, IMAGES)],
    "Threshold": [((0.1, 20.0), {}, ROWS)],
    "Unfold": [((2, 1, 1, 2), {}, IMAGES)],
    "Unflatten": [((1, (2, 2)), {}, ROWS)],
    "Unsqueeze": [((1,), {}, ROWS)],
    "Upsample": [
        ((), {"scale_factor": 2, "mode": "bilinear", "align_corners": True}, IMAGES),
        (((12, 6),), {}, IMAGES),
    ],
    "UpsamplingBilinear2d": [((), {"scale_factor": 2}, IMAGES)],
    "UpsamplingNearest2d": [(((12, 6),), {}, IMAGES)],
    "ZeroPad1d": [((2,), {}, SIGNALS)],
    "ZeroPad2d": [(((1, 2, 0, 1),), {}, IMAGES)],
}
