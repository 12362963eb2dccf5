"""Functions of `pycnn.functional`: values and gradients are those of PyTorch 2.13, in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as torch
import pycnn.functional as F

# Begin: this part has been run with PyTorch, too, in float64.
Call = Callable[..., Any]


def waves(*shape: int, start: float = 0.0) -> Any:
    return torch.tensor(np.sin(np.arange(np.prod(shape)) * 0.7 + start).reshape(shape))


IMAGE, LINE, TABLE = (2, 4, 5, 6), (2, 4, 7), (5, 4)
WORDS = torch.tensor([[0, 1], [4, 1]])
CLASSES = torch.tensor([0, 3, 1, -100, 2])
FOUR = torch.tensor([0.5, 1.0, 2.0, 1.5])

# Shapes of the inputs, and what is called with them.
CALLS: dict[str, tuple[list[tuple[int, ...]], Call]] = {
    "conv2d": ([IMAGE, (6, 2, 3, 2), (6,)], lambda x, w, b: F.conv2d(x, w, b, (2, 1), 1, 1, 2)),
    "conv2d of a sample": ([IMAGE[1:], (3, 4, 2, 2)], lambda x, w: F.conv2d(x, w, padding="same")),
    "conv1d": ([LINE, (3, 4, 3), (3,)], lambda x, w, b: F.conv1d(x, w, b, 2, 1)),
    "conv_transpose2d": (
        [IMAGE, (4, 3, 3, 2)], lambda x, w: F.conv_transpose2d(x, w, None, 2, (1, 0), (1, 0)),
    ),
    "conv_transpose1d": ([LINE, (4, 3, 3)], lambda x, w: F.conv_transpose1d(x, w, None, 2, 1, 1)),
    "linear": ([(2, 3, 4), (5, 4), (5,)], F.linear),
    "embedding": ([TABLE], lambda w: F.embedding(WORDS, w, padding_idx=-4)),
    "max_pool1d": ([LINE], lambda x: F.max_pool1d(x, 3, 2, 1)),
    "avg_pool1d": ([LINE], lambda x: F.avg_pool1d(x, 3, 2, 1, True, False)),
    "avg_pool2d": ([IMAGE], lambda x: F.avg_pool2d(x, 3, 2, 1, divisor_override=2)),
    "adaptive_avg_pool1d": ([LINE], lambda x: F.adaptive_avg_pool1d(x, 4)),
    "adaptive_max_pool1d": ([LINE], lambda x: F.adaptive_max_pool1d(x, 3)),
    "adaptive_max_pool2d": ([IMAGE], lambda x: F.adaptive_max_pool2d(x, (2, 4))),
    "lp_pool2d": ([IMAGE], lambda x: F.lp_pool2d(x, 2, 3, 2)),
    "batch_norm": (
        [IMAGE, (4,), (4,)],
        lambda x, w, b: F.batch_norm(x, 0 * FOUR, FOUR.clone(), w, b, True, 0.3),
    ),
    "batch_norm with given statistics": ([LINE], lambda x: F.batch_norm(x, FOUR, FOUR)),
    "instance_norm": ([LINE, (4,)], lambda x, w: F.instance_norm(x, weight=w)),
    "layer_norm": ([IMAGE, (5, 6)], lambda x, w: F.layer_norm(x, (5, 6), w)),
    "group_norm": ([IMAGE, (4,)], lambda x, w: F.group_norm(x, 2, w)),
    "local_response_norm": ([IMAGE], lambda x: F.local_response_norm(x, 3, 0.5)),
    "normalize": ([IMAGE], lambda x: F.normalize(x, 1, -1)),
    "cosine_similarity": ([IMAGE, IMAGE], F.cosine_similarity),
    "pairwise_distance": ([TABLE, (4,)], lambda x, y: F.pairwise_distance(x, y, 3, keepdim=True)),
    "pad": ([IMAGE], lambda x: F.pad(x, (1, -2, 0, 3), value=0.5)),
    "pad reflect": ([IMAGE], lambda x: F.pad(x, (2, 1, 0, 3), "reflect")),
    "pad replicate": ([IMAGE], lambda x: F.pad(x, (2, 1, 0, 3), "replicate")),
    "pad circular": ([LINE], lambda x: F.pad(x, (2, 1), "circular")),
    "interpolate nearest": ([IMAGE], lambda x: F.interpolate(x, (7, 4))),
    "interpolate bilinear": ([IMAGE], lambda x: F.interpolate(x, (7, 4), mode="bilinear")),
    "interpolate corners": (
        [IMAGE], lambda x: F.interpolate(x, (7, 1), mode="bilinear", align_corners=True),
    ),
    "interpolate by a scale": (
        [IMAGE], lambda x: F.interpolate(x, scale_factor=(1.3, 0.7), mode="bilinear"),
    ),
    "interpolate by a ratio of sizes": (
        [LINE],
        lambda x: F.interpolate(x, scale_factor=1.3, mode="linear", recompute_scale_factor=True),
    ),
    "pixel_shuffle": ([(4, 2, 3)], lambda x: F.pixel_shuffle(x, 2)),
    "pixel_unshuffle": ([(2, 3, 4, 6)], lambda x: F.pixel_unshuffle(x, 2)),
    "prelu": ([IMAGE, (4,)], F.prelu),
    "logsigmoid": ([TABLE], F.logsigmoid),
    "softplus": ([TABLE], lambda x: F.softplus(x, 2.0, 1.0)),
    "gelu": ([TABLE], lambda x: F.gelu(x, approximate="tanh")),
    "hardtanh": ([TABLE], lambda x: F.hardtanh(x, -0.5, 0.25)),
    "log_softmax": ([IMAGE], lambda x: F.log_softmax(x, 2)),
    "cross_entropy": (
        [TABLE], lambda x: F.cross_entropy(x, CLASSES, FOUR.to(x.dtype), label_smoothing=0.1),
    ),
    "nll_loss": ([TABLE], lambda x: F.nll_loss(x, CLASSES, reduction="sum")),
    "kl_div": (
        [TABLE], lambda x: F.kl_div(x, waves(*TABLE, start=1.0).abs(), reduction="batchmean"),
    ),
    "huber_loss": ([TABLE, TABLE], lambda x, y: F.huber_loss(x, y.detach(), delta=0.3)),
    "smooth_l1_loss": ([TABLE, TABLE], lambda x, y: F.smooth_l1_loss(x, y.detach(), beta=0.3)),
    "l1_loss": ([TABLE, TABLE], lambda x, y: F.l1_loss(x, y.detach(), reduction="none")),
    "binary_cross_entropy": (
        [TABLE, TABLE],
        lambda x, y: F.binary_cross_entropy(x.sigmoid(), y.detach().abs(), FOUR.to(x.dtype)),
    ),
}  # fmt: skip


def numbers(name: str) -> list[float]:
    """Return a weighted sum of the results, and the norms of the gradients."""
    shapes, call = CALLS[name]
    inputs = [waves(*shape, start=0.3 + i).requires_grad_() for i, shape in enumerate(shapes)]
    y = call(*inputs)
    total = (y * waves(*y.shape, start=1.1)).sum()
    total.backward()
    grads = [np.zeros(1) if x.grad is None else np.asarray(x.grad) for x in inputs]
    return [total.item(), *[float((grad.astype(float) ** 2).sum() ** 0.5) for grad in grads]]


# End
NUMBERS: dict[str, str] = {
    "conv2d": "7.30281 31.0605 11.8404 8.86343",
    "conv2d of a sample": "-6.71486 12.4126 61.602",
    "conv1d": "13.1871 9.56334 9.0693 1.80929",
    "conv_transpose2d": "11.5835 17.3192 48.1393",
    "conv_transpose1d": "-1.65901 16.2718 3.75562",
    "linear": "-6.15168 2.18787 10.3582 1.34466",
    "embedding": "5.54559 2.08773",
    "max_pool1d": "0.969385 4.09962",
    "avg_pool1d": "0.78584 3.07459",
    "avg_pool2d": "0.636585 7.32742",
    "adaptive_avg_pool1d": "0.78584 3.07459",
    "adaptive_max_pool1d": "1.0537 3.96107",
    "adaptive_max_pool2d": "0.936209 5.66045",
    "lp_pool2d": "3.50133 4.6407",
    "batch_norm": "59.082 7.95402 59.4673 2.56866",
    "batch_norm with given statistics": "16.9492 5.52523",
    "instance_norm": "14.2451 3.87739 13.8558",
    "layer_norm": "2.0935 7.75517 21.9504",
    "group_norm": "60.0805 8.38423 59.458",
    "local_response_norm": "72.3338 8.34976",
    "normalize": "21.8664 2.28243",
    "cosine_similarity": "0.372791 3.0899 2.99066",
    "pairwise_distance": "2.31572 1.3796 0.946935",
    "pad": "-2.45858 8.88592",
    "pad reflect": "-1.67091 13.3204",
    "pad replicate": "-14.7403 32.8071",
    "pad circular": "-3.04571 6.73267",
    "interpolate nearest": "5.77473 7.20019",
    "interpolate bilinear": "-0.259489 3.44042",
    "interpolate corners": "0.478071 5.95929",
    "interpolate by a scale": "0.538271 4.0425",
    "interpolate by a ratio of sizes": "-3.87902 6.4352",
    "pixel_shuffle": "-0.637721 3.54788",
    "pixel_unshuffle": "-3.8036 8.48768",
    "prelu": "63.4551 9.44116 20.853",
    "logsigmoid": "2.26937 1.65005",
    "softplus": "4.22764 2.2304",
    "gelu": "3.97901 2.34484",
    "hardtanh": "3.4094 1.14162",
    "log_softmax": "80.7583 10.9326",
    "cross_entropy": "1.35847 0.411238",
    "nll_loss": "-0.0455241 1.78241",
    "kl_div": "-0.793369 0.5832",
    "huber_loss": "0.120043 0.0548496 0",
    "smooth_l1_loss": "0.400143 0.182832 0",
    "l1_loss": "0.418136 3.27907 0",
    "binary_cross_entropy": "0.823821 0.105465 0",
}


@pytest.mark.parametrize("name", CALLS)
def test_pytorchs_numbers_come_out(name: str) -> None:
    expected = [float(number) for number in NUMBERS[name].split()]
    assert numbers(name) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_running_statistics_follow_the_batch() -> None:
    x, mean, var = waves(4, 2, 3), torch.zeros(2), torch.ones(2)
    F.batch_norm(x, mean, var, training=True, momentum=0.25)
    channels = x.numpy().transpose(1, 0, 2).reshape(2, -1)
    np.testing.assert_allclose(mean.numpy(), channels.mean(1) / 4, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(var.numpy(), 0.75 + channels.var(1, ddof=1) / 4, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: F.group_norm(waves(2, 3, 4), 2), r"\[group_norm\] .* 2 groups \(x: \(2, 3, 4\)\)"),
        (lambda: F.layer_norm(waves(2, 3), (4,)), r"\[layer_norm\] .*\(4,\).*\(2, 3\)"),
        (lambda: F.batch_norm(waves(1, 3), None, None, training=True), "one value a channel"),
        (lambda: F.embedding(WORDS, waves(5, 4), -6), r"padding_idx -6 is none of the 5 rows"),
        (lambda: F.pixel_shuffle(waves(2, 2), 2), r"\[pixel_shuffle\] .* shape \(2, 2\) and 2"),
        (lambda: F.pixel_shuffle(waves(3, 2, 2), 2), "3 channels are not a multiple of 2 squared"),
        (lambda: F.pixel_unshuffle(waves(1, 3, 4), 2), r"\(3, 4\) pixels are not a multiple of 2"),
        (lambda: F.pad(waves(2, 3), (1,)), r"\[pad\] needs two numbers for each"),
        (lambda: F.pad(waves(2, 3), (3, 0), "reflect"), r"border of 3 is too wide for reflect"),
        (lambda: F.interpolate(waves(*IMAGE), 2, 2), "size or scale_factor, and not both"),
        (lambda: F.interpolate(waves(*IMAGE), 2, mode="area"), r"\[interpolate\] mode must be"),
        (lambda: F.one_hot(torch.tensor([2]), 2), r"\[one_hot\] classes must lie in 0..1"),
    ],
)
def test_errors(call: Call, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        call()
