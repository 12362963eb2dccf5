"""Arguments that are True or False: nothing else passes for one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.small_training import blobs, small_net

from pycnn import fit, k_fold, models, plot, random_split
from pycnn.layers import (
    RBF,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Embedding,
    GroupNorm,
    InstanceNorm2d,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool1d,
    MaxPool2d,
    ReLU,
)
from pycnn.training import self_organize

TABLE = np.ones((3, 2), np.float32)

FLAGS: list[tuple[str, Callable[[Any], Any]]] = [
    ("[Linear] bias", lambda flag: Linear(1, 1, flag)),
    ("[Conv2d] bias", lambda flag: Conv2d(1, 1, 1, bias=flag)),
    ("[ConvTranspose2d] bias", lambda flag: ConvTranspose2d(1, 1, 1, bias=flag)),
    ("[BatchNorm2d] affine", lambda flag: BatchNorm2d(1, affine=flag)),
    (
        "[BatchNorm2d] track_running_stats",
        lambda flag: BatchNorm2d(1, track_running_stats=flag),
    ),
    ("[Embedding] freeze", lambda flag: Embedding.from_pretrained(TABLE, freeze=flag)),
    ("[RBF] trainable", lambda flag: RBF(2, 3, trainable=flag)),
    ("[MaxPool2d] return_indices", lambda flag: MaxPool2d(2, return_indices=flag)),
    ("[MaxPool2d] ceil_mode", lambda flag: MaxPool2d(2, ceil_mode=flag)),
    ("[AvgPool2d] ceil_mode", lambda flag: AvgPool2d(2, ceil_mode=flag)),
    ("[AvgPool2d] count_include_pad", lambda flag: AvgPool2d(2, count_include_pad=flag)),
    ("[ReLU] inplace", lambda flag: ReLU(inplace=flag)),
    ("[LeakyReLU] inplace", lambda flag: LeakyReLU(0.1, flag)),
    ("[Dropout] inplace", lambda flag: Dropout(0.5, flag)),
    ("[Dropout2d] inplace", lambda flag: Dropout2d(0.5, flag)),
    ("[Conv1d] bias", lambda flag: Conv1d(1, 1, 1, bias=flag)),
    ("[BatchNorm1d] bias", lambda flag: BatchNorm1d(1, bias=flag)),
    ("[InstanceNorm2d] affine", lambda flag: InstanceNorm2d(1, affine=flag)),
    ("[GroupNorm] affine", lambda flag: GroupNorm(1, 1, affine=flag)),
    ("[LayerNorm] elementwise_affine", lambda flag: LayerNorm(1, elementwise_affine=flag)),
    ("[Embedding] sparse", lambda flag: Embedding(2, 2, sparse=flag)),
    ("[MaxPool1d] ceil_mode", lambda flag: MaxPool1d(2, ceil_mode=flag)),
    ("[random_split] stratify", lambda flag: random_split(blobs(4), 0.5, stratify=flag)),
    ("[k_fold] stratify", lambda flag: k_fold(blobs(4), 2, stratify=flag)),
    ("[convolution] transposed", lambda flag: plot.convolution_arithmetic(3, 2, transposed=flag)),
    ("[fit] resume", lambda flag: fit(small_net(), blobs(4), checkpoint="no", resume=flag)),
]

# These take 'auto' besides.
WISHES: list[tuple[str, Callable[[Any], Any]]] = [
    ("[fit] progress", lambda wish: fit(small_net(), blobs(4), progress=wish)),
    (
        "[self_organize] progress",
        lambda wish: self_organize(models.neocognitron(), blobs(4), 0, progress=wish),
    ),
]


@pytest.mark.parametrize(("name", "call"), FLAGS, ids=[name for name, _ in FLAGS])
def test_a_flag_is_true_or_false(name: str, call: Callable[[Any], Any]) -> None:
    for wrong in ("False", 1, None):
        with pytest.raises(TypeError) as info:
            call(wrong)
        assert str(info.value) == f"{name} must be True or False, got {wrong!r}"
    call(np.False_)


@pytest.mark.parametrize(("name", "call"), WISHES, ids=[name for name, _ in WISHES])
def test_progress_is_true_or_false_or_auto(name: str, call: Callable[[Any], Any]) -> None:
    for wrong, kind in (("False", ValueError), ("", ValueError), (1, TypeError), (None, TypeError)):
        with pytest.raises(kind) as info:
            call(wrong)
        assert str(info.value) == f"{name} must be True, False or 'auto', got {wrong!r}"
