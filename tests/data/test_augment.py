"""Augmentation of batches: what each does to an image, its random numbers, its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.annotations import wrong

from pycnn.augment import (
    ColourPCA,
    Compose,
    Normalise,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
)
from pycnn.augment.affine import affine
from pycnn.augment.colour import IMAGENET_EIGENVECTORS
from pycnn.data import ArrayDataset, Batches

RNG = np.random.default_rng


def images(n: int = 3, c: int = 3, h: int = 8, w: int = 9) -> np.ndarray:
    return RNG(0).random((n, c, h, w), np.float32)


EVERY = [
    RandomCrop(5, padding=1),
    RandomHorizontalFlip(),
    RandomAffine(20, 0.2, 10, 2, squeeze=1.3, fill=0.5),
    ColourPCA(),
    Normalise((1.0, 2.0, 3.0), 2.0),
    Compose(RandomCrop(6), RandomHorizontalFlip()),
]


@pytest.mark.parametrize("augment", EVERY, ids=lambda a: type(a).__name__)
def test_each_repeats_from_its_generator_and_leaves_its_input(augment: Any) -> None:
    x = images()
    before = x.copy()
    first, second = (augment(x, RNG(5)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(x, before)
    assert first.dtype == np.float32
    assert first.flags.c_contiguous
    assert first.shape[:2] == x.shape[:2]
    assert augment(images(0), RNG(5)).shape == (0, *first.shape[1:])
    batch, _ = next(iter(Batches(ArrayDataset(x, np.zeros(3, np.int64)), 3, 0, augment)))
    assert batch.shape == first.shape
    with pytest.raises(TypeError, match="float32 array, got float64"):
        augment(x.astype(np.float64), RNG(0))
    with pytest.raises(ValueError, match=r"\(N, C, H, W\), got shape \(3, 8, 9\)"):
        augment(x[0], RNG(0))


@given(
    st.integers(0, 2), st.integers(0, 2), st.integers(1, 12), st.integers(1, 12), st.integers(0, 99)
)
def test_crops_are_windows_of_the_padded_image(
    rows: int, columns: int, height: int, width: int, seed: int
) -> None:
    x = images(4)
    crop = RandomCrop((height, width), padding=(rows, columns))
    if height > 8 + 2 * rows or width > 9 + 2 * columns:
        with pytest.raises(ValueError, match=f"window of {height}x{width} does not fit"):
            crop(x, RNG(seed))
        return
    padded = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (2, 3))
    for image, found in zip(windows, crop(x, RNG(seed)), strict=True):
        assert (image == found[:, np.newaxis, np.newaxis]).all(axis=(0, 3, 4)).any()


def test_crops_reach_every_position_alike() -> None:
    x = np.broadcast_to(np.arange(16, dtype=np.float32).reshape(4, 4), (6400, 1, 4, 4))
    corners = RandomCrop(3)(np.ascontiguousarray(x), RNG(0))[:, 0, 0, 0]
    values, counts = np.unique(corners, return_counts=True)
    assert values.tolist() == [0, 1, 4, 5]
    assert abs(counts - 1600).max() < 5 * (6400 * 0.25 * 0.75) ** 0.5


def test_flip_mirrors_its_share_of_the_images() -> None:
    x = images(2000, 1, 2, 3)
    y = RandomHorizontalFlip(0.3)(x, RNG(0))
    flipped = (y == x[..., ::-1]).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(y[~flipped], x[~flipped])
    assert abs(flipped.sum() - 600) < 5 * (2000 * 0.3 * 0.7) ** 0.5
    np.testing.assert_array_equal(RandomHorizontalFlip(1)(x, RNG(0)), x[..., ::-1])
    np.testing.assert_array_equal(RandomHorizontalFlip(0)(x, RNG(0)), x)


def reference_affine(x: np.ndarray, a: np.ndarray, t: np.ndarray, fill: float) -> np.ndarray:
    """Compute each pixel separately, in float64."""
    n, channels, height, width = x.shape
    y = np.empty(x.shape)
    centre = np.array([(height - 1) / 2, (width - 1) / 2])

    def pixel(i: int, c: int, row: int, column: int) -> float:
        inside = 0 <= row < height and 0 <= column < width
        return float(x[i, c, row, column]) if inside else fill

    for i, c, row, column in np.ndindex(n, channels, height, width):
        source = np.linalg.solve(a[i], np.array([row, column]) - centre - t[i]) + centre
        (top, left), (down, right) = np.floor(source).astype(int), source % 1
        y[i, c, row, column] = (1 - down) * (
            (1 - right) * pixel(i, c, top, left) + right * pixel(i, c, top, left + 1)
        ) + down * (
            (1 - right) * pixel(i, c, top + 1, left) + right * pixel(i, c, top + 1, left + 1)
        )
    return y


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**32))
def test_affine_is_bilinear_sampling_of_the_inverse_map(height: int, width: int, seed: int) -> None:
    rng = RNG(seed)
    x = rng.random((2, 2, height, width), np.float32)
    a = np.eye(2) + rng.uniform(-0.45, 0.45, (2, 2, 2))
    t = rng.uniform(-3, 3, (2, 2))
    # Positions are float32 of size up to about 40, so off by 1e-5; pixels differ by less than 1.
    np.testing.assert_allclose(affine(x, a, t, 0.25), reference_affine(x, a, t, 0.25), atol=5e-5)


def corner_image() -> np.ndarray:
    x = np.zeros((1, 1, 5, 5), np.float32)
    x[0, 0, 2, 4] = 1
    return x


@pytest.mark.parametrize(
    ("augment", "place"),
    [
        (RandomAffine(rotation=(90, 90)), (0, 2)),  # right of the centre goes up
        (RandomAffine(translate=(-1, -1)), (1, 3)),
        (RandomAffine(scale=(0.5, 0.5)), (2, 3)),
        (RandomAffine(), (2, 4)),
    ],
)
def test_affine_moves_a_dot(augment: RandomAffine, place: tuple[int, int]) -> None:
    y = augment(corner_image(), RNG(0))[0, 0]
    assert y[place] == pytest.approx(1, abs=1e-6)
    assert y.sum() == pytest.approx(1, abs=1e-6)


def test_shear_leans_lines_to_the_right_and_squeeze_keeps_the_area() -> None:
    x = np.zeros((1, 1, 5, 5), np.float32)
    x[0, 0, :, 2] = 1
    y = RandomAffine(shear=(45, 45))(x, RNG(0))[0, 0]
    np.testing.assert_allclose(y, np.eye(5)[::-1], atol=1e-6)
    _, matrix = RandomAffine(squeeze=1.5)._maps(1000, RNG(0))
    np.testing.assert_allclose(np.linalg.det(matrix), 1)
    wide = matrix[:, 1, 1]
    assert 1 / 1.5 <= wide.min() < 0.7
    assert 1.4 < wide.max() <= 1.5


def test_colours_move_along_the_axes() -> None:
    x = images(500)
    shift = ColourPCA(0.1)(x, RNG(0)) - x
    assert np.ptp(shift, axis=(2, 3)).max() < 1e-4  # one colour for all pixels of an image
    along = shift[:, :, 0, 0] @ np.array(IMAGENET_EIGENVECTORS)
    expected = 255 * 0.1 * np.array([0.2175, 0.0188, 0.0045])
    np.testing.assert_allclose(along.std(axis=0), expected, rtol=0.15)


def test_the_axes_are_those_of_the_covariance_of_the_pixels() -> None:
    x = images(40) * np.array([200, 30, 5], np.float32)[:, np.newaxis, np.newaxis]
    data = ArrayDataset(x, np.zeros(40, np.int64))
    pca = ColourPCA.fit(data, std=0.2)
    pixels = x.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    covariance = np.cov(pixels, bias=True)
    vectors, values = pca.eigenvectors, pca.eigenvalues
    np.testing.assert_allclose(vectors @ np.diag(values) @ vectors.T, covariance, atol=1e-6)
    assert (np.diff(values) < 0).all()
    assert (pca.std, pca.limit) == (0.2, 255)
    with pytest.raises(ValueError, match="the data set is empty"):
        ColourPCA.fit(data[:0])


def test_normalise() -> None:
    x = images()
    y = Normalise((1.0, 2.0, 3.0), (0.5, 1.0, 2.0))(x)
    np.testing.assert_allclose(y[:, 2], (x[:, 2] - 3) / 2, rtol=1e-6)
    np.testing.assert_allclose(Normalise(0.5)(x), x - 0.5)


def fit(**options: Any) -> ColourPCA:
    return ColourPCA.fit(ArrayDataset(images(), np.zeros(len(images()), np.int64)), **options)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RandomCrop(0), ValueError, r"\[RandomCrop\] size must be at least 1"),
        (lambda: RandomCrop(3, -1), ValueError, "padding must be at least 0"),
        (lambda: RandomHorizontalFlip(1.5), ValueError, "p must be at most 1"),
        (lambda: RandomAffine(scale=1.0), ValueError, "scale must stay above 0"),
        (lambda: RandomAffine(shear=90), ValueError, "shear must stay below 90"),
        (lambda: RandomAffine((3, 1)), ValueError, "lower end first"),
        (lambda: RandomAffine(wrong((1, 2, 3))), ValueError,
         r"rotation must be a number or \(low, high"),
        (lambda: RandomAffine(wrong("5")), TypeError, "rotation must be a number"),
        (lambda: RandomAffine(squeeze=0.5), ValueError, "squeeze must be at least 1"),
        (lambda: ColourPCA(-1), ValueError, "std must be at least 0"),
        (lambda: ColourPCA(0.1, (1.0, 2.0)), ValueError, r"shapes \(2,\) and \(3, 3\)"),
        (lambda: ColourPCA(0.1, wrong(5)), ValueError, r"shapes \(\) and \(3, 3\)"),
        (lambda: ColourPCA(0.1, wrong("abc")), TypeError, "eigenvalues must be numbers, got 'abc'"),
        (lambda: ColourPCA(0.1, wrong([[1], [2, 3]])), TypeError, "eigenvalues must be numbers"),
        (lambda: ColourPCA(0.1, (1, float("nan"), 1)), ValueError, "eigenvalues must be finite"),
        (lambda: ColourPCA(0.1, (1, -1, 1)), ValueError, "eigenvalues must be at least 0, got"),
        (lambda: ColourPCA(0.1, (1,), [[np.inf]]), ValueError, "eigenvectors must be finite"),
        (lambda: fit(limit=0), ValueError, r"\[ColourPCA\] limit must be above 0, got 0"),
        (lambda: fit(limit="a"), TypeError, r"\[ColourPCA\] limit must be a number, got str"),
        (lambda: fit(std=-1), ValueError, r"\[ColourPCA\] std must be at least 0, got -1"),
        (lambda: ColourPCA()(images(c=1), RNG(0)), ValueError, "expects 3 channels"),
        (lambda: Normalise((1.0, 2.0))(images()), ValueError, "expects 2 channels"),
        (lambda: Normalise(0, 0), ValueError, "std must be above 0"),
        (lambda: Normalise((1, 2), (1, 2, 3)), ValueError, "differ in length"),
        (lambda: Normalise(float("nan")), ValueError, "mean must be finite, got nan"),
        (lambda: Normalise(wrong("a")), TypeError, "mean must be numbers, got 'a'"),
        (lambda: Normalise(()), ValueError, "a number or a row of them"),
        (lambda: Compose(wrong(RandomCrop)), TypeError, "step 0 must be a function"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(make: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize(
    "options",
    [{"rotation": 1e300}, {"translate": 1e300}, {"scale": (1e-300, 1)}, {"squeeze": 1e308}],
)
def test_affine_maps_that_cannot_be_inverted_are_refused(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=rf"^\[RandomAffine\] {name} must stay within 1e\+06"):
        RandomAffine(**options)


def test_affine_maps_at_their_limits_stay_finite() -> None:
    x = np.ones((4, 1, 8, 8), np.float32)
    for options in ({"scale": (1e-6, 1e6)}, {"squeeze": 1e6}, {"translate": 1e6}, {"shear": 89.99}):
        y = RandomAffine(**options)(x, np.random.default_rng(0))
        assert np.isfinite(y).all()
