"""Norms of groups of a sample: frozen, in parts of a batch, and what running statistics follow."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.pytorch_rows import wave

from pycnn import ops
from pycnn.layers import BatchNorm1d, GroupNorm, InstanceNorm2d, LayerNorm, Module
from pycnn.layers.spread import Spread, spread

NORMS: list[Callable[[], Module]] = [
    lambda: GroupNorm(2, 4), lambda: LayerNorm((4, 3)), lambda: InstanceNorm2d(4, affine=True),
    lambda: InstanceNorm2d(4, affine=True, track_running_stats=True).eval(),
    lambda: BatchNorm1d(4).eval(),
]  # fmt: skip


def shape_of(layer: Module) -> tuple[int, ...]:
    return (2, 4, 3) if isinstance(layer, LayerNorm | BatchNorm1d) else (2, 4, 3, 2)


@pytest.mark.parametrize("make", NORMS)
def test_frozen_parameters_get_no_gradient_and_no_work(
    make: Callable[[], Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, frozen = make(), make()
    x = wave(shape_of(layer), 0)
    layer(x)
    expected = layer.backward(wave(x.shape, 1))
    for parameter in frozen.parameters():
        parameter.requires_grad = False
    frozen(x)
    monkeypatch.setattr(ops, "channel_affine_backward", None)
    np.testing.assert_allclose(frozen.backward(wave(x.shape, 1)), expected, atol=1e-6)
    assert all(parameter.grad is None for parameter in frozen.parameters())


def test_parts_of_a_batch_follow_the_statistics_of_the_whole() -> None:
    x = wave((6, 3, 4, 2), 0)
    whole = InstanceNorm2d(3, track_running_stats=True)
    expected = whole(x)
    sums: list[np.ndarray] = []

    def noted(array: np.ndarray) -> np.ndarray:
        sums.append(array)
        return array

    parts = [(x[:2].copy(), 0), (x[2:].copy(), 2)]
    for part, first in parts:
        with spread(Spread(first, len(part), noted)):
            InstanceNorm2d(3, track_running_stats=True)(part)
    for part, first in parts:
        layer = InstanceNorm2d(3, track_running_stats=True)
        with spread(Spread(first, len(part), lambda _: sums[0] + sums[1])):
            y = layer(part)
        np.testing.assert_array_equal(y, expected[first : first + len(part)])
        for name in ("running_mean", "running_var"):
            found, wanted = layer.state_dict()[name], whole.state_dict()[name]
            np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_group_does_not_depend_on_other_samples() -> None:
    x = wave((3, 4, 5), 0)
    for layer in (GroupNorm(2, 4), LayerNorm(5), InstanceNorm2d(4)):
        batch = x if not isinstance(layer, InstanceNorm2d) else x.reshape(3, 4, 5, 1)
        np.testing.assert_array_equal(layer(batch)[1:2], layer(batch[1:2].copy()))


def test_equal_numbers_become_the_shift() -> None:
    x = np.full((2, 4, 6), 3e4, np.float32)
    layer = GroupNorm(2, 4)
    layer.bias.data[...] = [1, 2, 3, 4]  # type: ignore[union-attr]
    np.testing.assert_array_equal(layer(x)[0, :, 0], [1, 2, 3, 4])
