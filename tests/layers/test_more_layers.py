"""Rarer layers and losses: their formulas in NumPy, and gradients against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F

RNG = np.random.default_rng(0)
A, B, C = (RNG.standard_normal((3, 4)).astype(np.float32) for _ in range(3))
IMAGES = RNG.standard_normal((2, 3, 5, 6)).astype(np.float32)
SIGNS = np.where(RNG.random((3, 4)) > 0.5, 1, -1).astype(np.float32)
YES = (SIGNS > 0).astype(np.float32)
COUNTS = RNG.integers(0, 5, (3, 4)).astype(np.float32)
W = RNG.standard_normal((5, 4, 4)).astype(np.float32)


def elu(x: Any, a: float) -> Any:
    return np.where(x > 0, x, a * np.expm1(x))


def softplus(x: Any) -> Any:
    return np.log1p(np.exp(x))


def distance(a: Any, b: Any) -> Any:
    return np.sqrt(((a - b + 1e-6) ** 2).sum(-1))


def cosine(a: Any, b: Any) -> Any:
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


# The layer or loss, its formula, and the inputs.
ROWS: dict[str, tuple[Any, Callable[..., Any], tuple[Any, ...]]] = {
    "SELU": (nn.SELU(), lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), (A,)),
    "CELU": (nn.CELU(0.7), lambda x: 0.7 * elu(x / 0.7, 1), (A,)),
    "Tanhshrink": (nn.Tanhshrink(), lambda x: x - np.tanh(x), (A,)),
    "Softshrink": (nn.Softshrink(0.3), lambda x: np.sign(x) * (abs(x) - 0.3).clip(0), (A,)),
    "Hardshrink": (nn.Hardshrink(0.3), lambda x: x * (abs(x) > 0.3), (A,)),
    "Softsign": (nn.Softsign(), lambda x: x / (1 + abs(x)), (A,)),
    "LogSigmoid": (nn.LogSigmoid(), lambda x: -softplus(-x), (A,)),
    "Threshold": (nn.Threshold(0.1, 5), lambda x: np.where(x > 0.1, x, 5), (A,)),
    "Softmin": (nn.Softmin(1), lambda x: np.exp(-x) / np.exp(-x).sum(1, keepdims=True), (A,)),
    "CosineSimilarity": (nn.CosineSimilarity(), cosine, (A, B)),
    "PairwiseDistance": (nn.PairwiseDistance(), distance, (A, B)),
    "bilinear": (
        lambda x, y, w: F.bilinear(x, y, w),
        lambda x, y, w: np.einsum("ni,oij,nj->no", x, w, y),
        (A, B, W),
    ),
    "CosineEmbeddingLoss": (
        lambda x, y: nn.CosineEmbeddingLoss(0.2)(x, y, nn.tensor(SIGNS[:, 0]).to(x)),
        lambda x, y: np.where(
            SIGNS[:, 0] > 0, 1 - cosine(x, y), (cosine(x, y) - 0.2).clip(0)
        ).mean(),
        (A, B),
    ),
    "TripletMarginLoss": (
        nn.TripletMarginLoss(0.5),
        lambda x, y, z: (0.5 + distance(x, y) - distance(x, z)).clip(0).mean(),
        (A, B, C),
    ),
    "MarginRankingLoss": (
        lambda x, y: nn.MarginRankingLoss(0.3)(x, y, nn.tensor(SIGNS).to(x)),
        lambda x, y: (0.3 - SIGNS * (x - y)).clip(0).mean(),
        (A, B),
    ),
    "HingeEmbeddingLoss": (
        lambda x: nn.HingeEmbeddingLoss(1.5)(x, nn.tensor(SIGNS).to(x)),
        lambda x: np.where(SIGNS > 0, x, (1.5 - x).clip(0)).mean(),
        (A,),
    ),
    "SoftMarginLoss": (
        lambda x: nn.SoftMarginLoss(reduction="sum")(x, nn.tensor(SIGNS).to(x)),
        lambda x: softplus(-SIGNS * x).sum(),
        (A,),
    ),
    "MultiLabelSoftMarginLoss": (
        lambda x: nn.MultiLabelSoftMarginLoss(reduction="none")(x, nn.tensor(YES).to(x)),
        lambda x: (YES * softplus(-x) + (1 - YES) * softplus(x)).mean(1),
        (A,),
    ),
    "PoissonNLLLoss": (
        lambda x: nn.PoissonNLLLoss()(x, nn.tensor(COUNTS).to(x)),
        lambda x: (np.exp(x) - COUNTS * x).mean(),
        (A,),
    ),
    "GaussianNLLLoss": (
        lambda x, v: nn.GaussianNLLLoss(full=True)(x, nn.tensor(B).to(x), v * v + 1),
        lambda x, v: (
            0.5 * (np.log(v * v + 1) + (x - B) ** 2 / (v * v + 1) + np.log(2 * np.pi))
        ).mean(),
        (A, C),
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_formulas_and_gradients(name: str) -> None:
    call, exact, arrays = ROWS[name]
    expected = exact(*[array.astype(np.float64) for array in arrays])
    found = call(*map(nn.tensor, arrays))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert nn.gradcheck(call, arrays)


def test_arrays_give_arrays() -> None:
    layer = nn.Softsign()
    y = layer(A)
    assert isinstance(y, np.ndarray)
    np.testing.assert_allclose(layer.backward(np.ones_like(A)), 1 / (1 + abs(A)) ** 2, rtol=1e-5)
    assert isinstance(nn.CosineSimilarity()(A, B), np.ndarray)
    assert float(nn.SoftMarginLoss()(A, SIGNS)) > 0
    x = nn.tensor(A) * 1
    assert nn.SELU(inplace=True)(x) is x


GEOMETRIES: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": 2},
    {"kernel_size": (2, 3), "dilation": (2, 1), "padding": (1, 2), "stride": (1, 2)},
    {"kernel_size": (5, 6)},
]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_patches(geometry: dict[str, Any]) -> None:
    """A product with filters is a convolution; folding is the adjoint of unfolding."""
    x = nn.tensor(IMAGES)
    columns = nn.Unfold(**geometry)(x)
    kernel = geometry["kernel_size"]
    height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    weight = nn.tensor(RNG.standard_normal((4, 3, height, width)).astype(np.float32))
    options = {name: value for name, value in geometry.items() if name != "kernel_size"}
    y = F.conv2d(x, weight, **options)
    found = (weight.view(4, -1) @ columns).view(*y.shape)
    np.testing.assert_allclose(found.numpy(), y.numpy(), rtol=1e-4, atol=1e-5)
    g = nn.tensor(RNG.standard_normal(columns.shape).astype(np.float32))
    back = nn.Fold((5, 6), **geometry)(g)
    np.testing.assert_allclose((columns * g).sum(), (x * back).sum(), rtol=1e-4)
    assert nn.gradcheck(nn.Unfold(**geometry), x[:1, :1])
    assert nn.gradcheck(lambda g: F.fold(g, (5, 6), **geometry), g[:1, : height * width])
    np.testing.assert_array_equal(F.unfold(x[0], **geometry).numpy(), columns[0].numpy())


def test_places_of_maxima_of_signals() -> None:
    x = nn.tensor([[[1.0, 4.0, 3.0, 2.0, 9.0, 0.0]]])
    for y, places in (
        nn.MaxPool1d(2, return_indices=True)(x),
        F.max_pool1d(x[0], 2, return_indices=True),
    ):
        assert (y.ravel().tolist(), places.ravel().tolist()) == ([4, 3, 9], [1, 2, 4])


def test_bilinear_layer() -> None:
    layer = nn.Bilinear(4, 4, 5, rng=0)
    assert layer(nn.tensor(A), nn.tensor(B)).shape == (3, 5)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert repr(layer) == "Bilinear(4, 4, 5)"
    assert nn.gradcheck(layer, (A, B))


def test_what_is_refused() -> None:
    for text, call in {
        r"\[unfold\] windows of \(7, 7\)": lambda: F.unfold(IMAGES, 7),
        r"\[unfold\] expects \(N, C, H, W\)": lambda: F.unfold(A, 2),
        r"\[fold\] images of \(4, 4\) have 9 patches of 4": lambda: F.fold(IMAGES[0], 4, 2),
        r"\[bilinear\] expects \(..., 4\) and \(..., 4\)": lambda: F.bilinear(A, A[:, :2], W),
        r"\[CosineEmbeddingLoss\] reduction": lambda: nn.CosineEmbeddingLoss(reduction="most"),
        r"\[gaussian_nll_loss\] var must not be": lambda: F.gaussian_nll_loss(A, A, -abs(A)),
        r"\[celu\] alpha must not be 0": lambda: F.celu(A, 0.0),
        r"\[channel_shuffle\] 3 channels": lambda: F.channel_shuffle(IMAGES, 2),
    }.items():
        with pytest.raises(ValueError, match=text):
            call()  # type: ignore[no-untyped-call]
    with pytest.raises(TypeError, match=r"\[TripletMarginLoss\] takes no argument 'margins'"):
        nn.TripletMarginLoss(margins=1)
    with pytest.raises(TypeError, match=r"\[SoftMarginLoss\] takes 1 arguments, got 2"):
        nn.SoftMarginLoss("mean", 1)
