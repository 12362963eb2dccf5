# ruff: noqa: E501 - a line is a call
"""Calls as PyTorch spells them: what they mean here, and what is refused with a cure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import gradient_of
from support.pytorch_rows import wave

from pycnn import devices, layers
from pycnn.layers import Conv1d, Conv2d, Dropout1d, Dropout2d, Identity, Module, Sequential


def made(expression: str) -> Module:
    layer: Module = eval(expression, {"nn": layers, "np": np})
    return layer


# What is written, and the call that it means.
MEANINGS = [
    ("nn.Conv2d(3, 4, 3, padding=(1,))", "Conv2d(3, 4, kernel_size=(3, 3), padding=(1, 1))"),
    ("nn.Conv2d(3, 4, (3,), stride=[2])", "Conv2d(3, 4, kernel_size=(3, 3), stride=(2, 2))"),
    ("nn.Conv2d(3, 4, 1, device='cpu', dtype=np.float32)", "Conv2d(3, 4, kernel_size=(1, 1))"),
    (
        "nn.Conv2d(3, 4, 3, 1, 1, 1, 1, True, 'reflect', None, None)",
        "Conv2d(3, 4, kernel_size=(3, 3), padding=(1, 1), padding_mode='reflect')",
    ),
    ("nn.Conv1d(3, 4, 5, 2, 'valid')", "Conv1d(3, 4, kernel_size=(5,), stride=(2,), padding='valid')"),
    (
        "nn.ConvTranspose1d(4, 6, 3, 2, output_padding=1)",
        "ConvTranspose1d(4, 6, kernel_size=(3,), stride=(2,), output_padding=(1,))",
    ),
    ("nn.ConvTranspose2d(4, 6, (2,), 2)", "ConvTranspose2d(4, 6, kernel_size=(2, 2), stride=(2, 2))"),
    ("nn.MaxPool1d(2)", "MaxPool1d(kernel_size=(2,), stride=(2,), padding=(0,))"),
    ("nn.MaxPool2d(3, None, 1)", "MaxPool2d(kernel_size=(3, 3), stride=(3, 3), padding=(1, 1))"),
    ("nn.MaxPool2d(2, return_indices=False)", "MaxPool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))"),
    ("nn.AvgPool1d((3,), 1)", "AvgPool1d(kernel_size=(3,), stride=(1,), padding=(0,))"),
    ("nn.AvgPool2d((2, 3))", "AvgPool2d(kernel_size=(2, 3), stride=(2, 3), padding=(0, 0))"),
    (
        "nn.MaxPool2d(3, 2, 1, 2, ceil_mode=True)",
        "MaxPool2d(kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(2, 2), "
        "ceil_mode=True)",
    ),
    (
        "nn.AvgPool1d(2, count_include_pad=False)",
        "AvgPool1d(kernel_size=(2,), stride=(2,), padding=(0,), count_include_pad=False)",
    ),
    ("nn.AdaptiveAvgPool1d(1)", "AdaptiveAvgPool1d(output_size=(1,))"),
    ("nn.AdaptiveAvgPool2d((None, 7))", "AdaptiveAvgPool2d(output_size=(None, 7))"),
    ("nn.AdaptiveMaxPool2d([1, 1])", "AdaptiveMaxPool2d(output_size=(1, 1))"),
    ("nn.BatchNorm2d(3, bias=False)", "BatchNorm2d(3, bias=False)"),
    ("nn.BatchNorm1d(3, 1e-3, None)", "BatchNorm1d(3, eps=0.001, momentum=None)"),
    ("nn.BatchNorm2d(3, affine=False)", "BatchNorm2d(3, affine=False)"),
    ("nn.InstanceNorm2d(3)", "InstanceNorm2d(3)"),
    ("nn.InstanceNorm1d(3, affine=True)", "InstanceNorm1d(3, affine=True)"),
    ("nn.InstanceNorm2d(3, track_running_stats=True)", "InstanceNorm2d(3, track_running_stats=True)"),
    ("nn.GroupNorm(2, 4, 1e-6)", "GroupNorm(2, 4, eps=1e-06)"),
    ("nn.LayerNorm([3, 4])", "LayerNorm((3, 4))"),
    ("nn.LayerNorm(4, elementwise_affine=False)", "LayerNorm((4,), elementwise_affine=False)"),
    ("nn.Linear(2, 3, device=None, dtype='float32')", "Linear(2, 3)"),
    ("nn.ReLU(inplace=True)", "ReLU(inplace=True)"),
    ("nn.ReLU(True)", "ReLU(inplace=True)"),
    ("nn.LeakyReLU(0.2, inplace=True)", "LeakyReLU(0.2, inplace=True)"),
    ("nn.Dropout(.5, True)", "Dropout(0.5, inplace=True)"),
    ("nn.Dropout2d(p=0.2)", "Dropout2d(0.2)"),
    ("nn.Softmax(dim=1)", "Softmax(dim=1)"),
    ("nn.Softmax()", "Softmax()"),
    ("nn.LogSoftmax(-1)", "LogSoftmax(dim=-1)"),
    ("nn.Flatten(1)", "Flatten()"),
    ("nn.Flatten(start_dim=2)", "Flatten(2, -1)"),
    ("nn.Unflatten(1, [2, -1])", "Unflatten(1, (2, -1))"),
    ("nn.Identity(3, unused=True)", "Identity()"),
    ("nn.Upsample(4)", "Upsample(size=(4,), mode='nearest')"),
    ("nn.Upsample((4, 6))", "Upsample(size=(4, 6), mode='nearest')"),
    ("nn.Upsample(scale_factor=2., align_corners=None)", "Upsample(scale_factor=(2,), mode='nearest')"),
    (
        "nn.Upsample(None, 2, 'bilinear', True)",
        "Upsample(scale_factor=(2,), mode='bilinear', align_corners=True)",
    ),
    ("nn.ZeroPad2d((1, 2, 3, 4))", "ZeroPad2d((1, 2, 3, 4))"),
    ("nn.ZeroPad2d(1)", "ZeroPad2d((1, 1, 1, 1))"),
    ("nn.ConstantPad1d([1, 2], 0)", "ConstantPad1d((1, 2), 0.0)"),
    ("nn.ReflectionPad2d(2)", "ReflectionPad2d((2, 2, 2, 2))"),
    ("nn.PixelShuffle(upscale_factor=2)", "PixelShuffle(2)"),
    ("nn.Embedding(5, 3, 1, None, 2.0, False, True)", "Embedding(5, 3, padding_idx=1, sparse=True)"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "meant"), MEANINGS, ids=[row[0] for row in MEANINGS])
def test_a_call_means_what_it_means_in_pytorch(written: str, meant: str) -> None:
    layer = made(written)
    assert repr(layer) == meant
    again = made(f"nn.{meant}")
    assert repr(again) == meant
    shapes = {name: array.shape for name, array in again.state_dict().items()}
    assert {name: array.shape for name, array in layer.state_dict().items()} == shapes


# What is refused, and what the text says of it.
REFUSED = [
    ("nn.Conv1d(3, 4, (3, 3))", ValueError, r"\[Conv1d\] kernel_size must be an int or \(length,\)"),
    ("nn.Conv1d(3, 4, 3, groups=2)", ValueError, r"\[Conv1d\] groups=2 must divide"),
    ("nn.Conv1d(3, 4, 3, padding='full')", ValueError, r"\[Conv1d\] padding must be numbers, 'valid'"),
    ("nn.Conv2d(3, 4, 3, device='cuda')", ValueError, r"\[Conv2d\] device must be None or 'cpu'.*\.to\("),
    ("nn.Linear(3, 4, dtype=np.float64)", ValueError, r"\[Linear\] dtype must be None or float32"),
    ("nn.Conv2d(3, 4, 3, 2, 'same', padding_mode='reflect')", ValueError, "needs stride 1"),
    ("nn.ConvTranspose1d(3, 4, 3, padding_mode='reflect')", ValueError, "one of zeros, got 'reflect'"),
    ("nn.ConvTranspose1d(3, 4, 3, output_padding=1)", ValueError, "output_padding must be less"),
    ("nn.AdaptiveMaxPool2d(2, True)", ValueError, r"\[AdaptiveMaxPool2d\] return_indices must be False"),
    ("nn.AdaptiveAvgPool1d((2, 2))", ValueError, r"an int or \(length,\), got \(2, 2\)"),
    ("nn.GroupNorm(3, 4)", ValueError, r"\[GroupNorm\] num_groups=3 must divide num_channels=4"),
    ("nn.LayerNorm(())", ValueError, r"\[LayerNorm\] normalized_shape must have at least one size"),
    ("nn.Upsample()", ValueError, r"\[Upsample\] either size or scale_factor must be given"),
    ("nn.Upsample(4, 2)", ValueError, r"\[Upsample\] either size or scale_factor must be given"),
    ("nn.Upsample(scale_factor=1.5)", ValueError, r"\[Upsample\] scale_factor must be a whole number"),
    ("nn.Upsample(4, mode='bicubic')", ValueError, r"\[Upsample\] mode must be one of nearest"),
    ("nn.ZeroPad2d((1, 2, 3))", ValueError, r"an int or \(left, right, top, bottom\), got \(1, 2, 3\)"),
    ("nn.ReflectionPad2d((1, 2))", ValueError, r"\(left, right, top, bottom\), got \(1, 2\)"),
    ("nn.ReflectionPad2d(-1)", ValueError, r"\[ReflectionPad2d\] padding must be at least 0"),
    ("nn.Embedding(5, 3, max_norm=1.0)", ValueError, r"\[Embedding\] max_norm .* pycnn.training.MaxNorm"),
    ("nn.Embedding(5, 3, scale_grad_by_freq=True)", ValueError, "scale_grad_by_freq must be False"),
    ("nn.Unflatten(1, (-1, -1))", ValueError, "only one size can be -1 in unflattened_size"),
    ("nn.Unflatten(1, 4)", TypeError, "unflattened_size must be a tuple of ints, got 4"),
    ("nn.Softmax(dim=1.0)", TypeError, r"\[Softmax\] dim must be an int, got float"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "kind", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_call_is_refused_with_reasons(written: str, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        made(written)


INPUTS = [
    ("nn.Conv1d(4, 6, 3)", (2, 5, 4), r"expects \(N, 4, L\) or \(4, L\), input was \(2, 5, 4\): .*transpose\(0, 2, 1\)"),
    ("nn.Conv1d(1, 6, 3)", (9, 8), r"signals of one channel need its axis, x\[:, np.newaxis\]"),
    ("nn.Conv1d(4, 6, 3)", (2, 4, 3, 3), r"expects \(N, 4, L\) or \(4, L\), input was \(2, 4, 3, 3\)"),
    ("nn.Conv1d(4, 6, 3)", (2, 4, 2), r"conv2d.*\(input was \(2, 4, 2\)\)"),
    ("nn.Conv1d(4, 6, 3, padding=3, padding_mode='reflect')", (2, 4, 3), "3 columns needs images with at least 4"),
    ("nn.Conv2d(4, 6, 3)", (4, 2, 2), r"conv2d.*\(input was \(4, 2, 2\)\)"),
    ("nn.ConvTranspose1d(4, 6, 3)", (2, 5, 4), r"expects \(N, 4, L\) or \(4, L\), input was \(2, 5, 4\): "),
    ("nn.MaxPool1d(2)", (2, 3, 4, 5), r"expects \(N, C, L\) or \(C, L\), input was \(2, 3, 4, 5\)"),
    ("nn.MaxPool1d(9)", (2, 3, 4), r"input was \(2, 3, 4\)"),
    ("nn.MaxPool2d(2)", (4, 4), r"expects \(N, C, H, W\) or \(C, H, W\), input was \(4, 4\)"),
    ("nn.GlobalAvgPool2d()", (3, 4, 4), r"expects \(N, C, H, W\), input was \(3, 4, 4\)"),
    ("nn.BatchNorm1d(3)", (2, 4), r"expects \(N, 3\) or \(N, 3, L\), input was \(2, 4\)"),
    ("nn.BatchNorm1d(3)", (1, 3), r"more than one value a channel.*\(input was \(1, 3\)\)"),
    ("nn.BatchNorm2d(3)", (3, 4, 4), r"expects \(N, 3, H, W\), input was \(3, 4, 4\)"),
    ("nn.InstanceNorm2d(3, affine=True)", (2, 4, 2, 2), r"expects \(N, 3, H, W\) or \(3, H, W\), input was"),
    ("nn.InstanceNorm2d(3)", (2, 3, 1, 1), "more than one value a channel"),
    ("nn.GroupNorm(2, 4)", (4, 3), r"expects \(N, 4, ...\), input was \(4, 3\)"),
    ("nn.LayerNorm((2, 3))", (4, 3, 2), r"expects \(..., 2, 3\), input was \(4, 3, 2\)"),
    ("nn.Softmax()", (2, 3, 4), r"expects \(N, C\), .*: for other shapes, dim= says"),
    ("nn.Softmax(dim=2)", (2, 3), r"has no axis 2 to work along \(input was \(2, 3\)\)"),
    ("nn.Flatten(3)", (2, 3), r"has no axes from 3 to -1 to join \(input was \(2, 3\)\)"),
    ("nn.Unflatten(1, (2, 2))", (2, 6), r"cannot split axis 1 into \(2, 2\) \(input was \(2, 6\)\)"),
    ("nn.Upsample(6)", (1, 1, 4, 4), r"whole multiples of those of the input \(input was \(1, 1, 4, 4\)\)"),
    ("nn.Upsample(4, mode='bilinear')", (1, 1, 2), r"expects \(N, C, H, W\) in mode 'bilinear', input was"),
    ("nn.Upsample(4)", (4, 4), r"expects \(N, C, L\) or \(N, C, H, W\) in mode 'nearest', input was"),
    ("nn.Upsample(scale_factor=(2, 2))", (1, 1, 4), r"has numbers for 2 axes, \(2, 2\), input was"),
    ("nn.ReflectionPad2d(2)", (1, 1, 2, 5), r"2 rows needs images with at least 3"),
    ("nn.CircularPad1d(3)", (1, 1, 2), "3 columns needs images with at least 3"),
    ("nn.ZeroPad2d(-2)", (1, 1, 4, 9), r"padding \(-2, -2, -2, -2\) leaves nothing of the images"),
    ("nn.PixelShuffle(2)", (1, 6, 2, 2), r"expects \(N, C, H, W\) with C divisible by 4, input was"),
    ("nn.PixelUnshuffle(2)", (1, 6, 3, 2), "with H and W divisible by 2"),
    ("nn.ChannelShuffle(4)", (1, 6, 3, 2), "with C divisible by 4"),
    ("nn.GLU()", (2, 3), r"x must have an axis -1 of even extent, has shape \(2, 3\)"),
    ("nn.GLU(2)", (2, 4), "x must have an axis 2 of even extent"),
    ("nn.Dropout2d()", (4,), r"expects \(N, C, ...\), input was \(4,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "shape", "text"), INPUTS, ids=[row[0] for row in INPUTS])
def test_an_input_is_refused_with_its_shape(
    written: str, shape: tuple[int, ...], text: str
) -> None:
    with pytest.raises(ValueError, match=rf"^Sequential\[0\] \w+: .*{text}"):
        Sequential(made(written))(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    ("written", "shape"),
    [
        ("nn.Linear(4, 3)", (2, 5, 4)),
        ("nn.GroupNorm(2, 4)", (2, 4, 5)),
        ("nn.LayerNorm(4)", (3, 5, 4)),
        ("nn.InstanceNorm1d(4)", (2, 4, 5)),
        ("nn.Dropout2d()", (2, 4, 5)),
        ("nn.Softmax(dim=1)", (2, 4, 5)),
        ("nn.PixelShuffle(2)", (2, 4, 4, 4)),
        ("nn.Conv1d(4, 2, 1)", (2, 4, 5)),
        ("nn.MaxPool2d(2)", (4, 4, 6)),
    ],
)
def test_nothing_is_copied_silently(written: str, shape: tuple[int, ...]) -> None:
    x = np.zeros((*shape[:-1], 2 * shape[-1]), np.float32)[..., ::2]
    assert x.shape == shape
    with pytest.raises(ValueError, match="C-contiguous"):
        made(written)(x)


@pytest.mark.parametrize("kind", [Dropout1d, Dropout2d])
def test_dropout_of_channels(kind: type[Dropout2d]) -> None:
    """Whole channels; the same seed, the same channels; as many as p says."""
    x = wave((60, 50, 4), 0) + np.float32(2)
    layer = kind(0.3, rng=1)
    y = layer(x)
    kept = (y != 0).all(axis=2)
    assert not (y[~kept] != 0).any()
    np.testing.assert_allclose(y[kept], x[kept] / np.float32(0.7), rtol=1e-6)
    # 3,000 draws: the share has a standard deviation of 0.008.
    assert abs(kept.mean() - 0.7) < 0.04
    dx = layer.backward(x)
    np.testing.assert_array_equal(dx, y)
    np.testing.assert_array_equal(kind(0.3, rng=1)(x), y)
    assert not np.array_equal(layer(x), y)
    assert layer.eval()(x) is x
    layer.reseed(3)


def test_dropout_of_channels_on_a_device(device: str) -> None:
    x = wave((6, 5, 4, 3), 0)
    layer, other = Dropout2d(0.5, rng=1), Dropout2d(0.5, rng=1)
    y, there = layer(x), other(devices.move(x, device))
    np.testing.assert_array_equal(devices.on_cpu(there), y)
    np.testing.assert_array_equal(devices.on_cpu(other.backward(there)), layer.backward(y))


def test_a_sample_alone_has_one_mask_for_each_channel() -> None:
    y = Dropout1d(0.5, rng=0)(np.ones((40, 7), np.float32))
    assert set(np.unique(y.sum(axis=1))) == {0, 14}


def test_a_batch_without_samples_passes() -> None:
    for written, shape in (
        ("nn.Conv1d(2, 3, 3)", (0, 2, 5)), ("nn.GroupNorm(1, 2)", (0, 2, 5)),
        ("nn.LayerNorm(5)", (0, 5)), ("nn.InstanceNorm2d(2, affine=True)", (0, 2, 3, 3)),
        ("nn.ReflectionPad2d(1)", (0, 2, 3, 3)), ("nn.ConstantPad2d(1, 2.)", (0, 2, 3, 3)),
        ("nn.PixelShuffle(2)", (0, 4, 3, 3)), ("nn.Softmax(dim=1)", (0, 4, 3, 3)),
        ("nn.Linear(4, 3)", (0, 5, 4)), ("nn.Dropout2d()", (0, 4, 3)), ("nn.Flatten()", (0, 4, 3)),
        ("nn.MaxPool1d(2)", (0, 2, 4)), ("nn.Upsample(8)", (0, 2, 4, 4)),
    ):  # fmt: skip
        layer = made(written)
        y = layer(np.zeros(shape, np.float32))
        assert len(y) == 0
        assert layer.backward(y).shape == shape
        assert not any(np.any(gradient_of(parameter)) for parameter in layer.parameters())


def test_a_convolution_is_fused_for_images_without_a_batch_axis_too() -> None:
    conv = Conv2d(2, 3, 3, rng=0)
    model = Sequential(conv, layers.ReLU(), layers.MaxPool2d(2))
    x = wave((1, 2, 8, 8), 0)
    batch = model(x)
    expected = model.backward(batch)
    gradient: Any = conv.weight.grad
    model.zero_grad()
    one = model(x[0])
    np.testing.assert_array_equal(one, batch[0])
    np.testing.assert_array_equal(model.backward(one), expected[0])
    np.testing.assert_array_equal(conv.weight.grad, gradient)


def test_a_border_is_not_lost_where_layers_run_as_one() -> None:
    for mode in ("reflect", "replicate", "circular"):
        conv = Conv2d(2, 3, 3, padding=1, padding_mode=mode, rng=0)
        parts = [conv, layers.ReLU(), layers.MaxPool2d(2)]
        x = wave((2, 2, 6, 6), 0)
        y = Sequential(*parts)(x)
        for layer in parts:
            x = layer(x)
        np.testing.assert_array_equal(y, x)


def test_signals_run_as_one_op_with_their_rectifier() -> None:
    conv = Conv1d(2, 3, 3, rng=0)
    x = wave((2, 2, 8), 0)
    model = Sequential(conv, layers.ReLU(), Identity())
    y = model(x)
    np.testing.assert_array_equal(y, np.maximum(conv(x), 0))
    assert "(3, 6)" in model.summary((2, 8))
