"""Shift colours at random, and normalise numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import at_least_zero, check_generator, positive, written
from pycnn.augment.checks import check_images
from pycnn.data import Dataset, Samples

Floats = npt.NDArray[np.float64]

# For the covariance of ImageNet's red, green and blue scaled to 0..1; each column an eigenvector.
# https://github.com/facebookarchive/fb.resnet.torch, datasets/imagenet.lua (the paper prints none).
IMAGENET_EIGENVALUES = (0.2175, 0.0188, 0.0045)
IMAGENET_EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)
# Images that `fit` reads at a time.
_BATCH = 32


class ColourPCA:
    """Shift the colour of each image along the principal axes of the colours of the data.

    ``limit * sum_i a_i l_i p_i`` is added to every pixel of an image. l_i and p_i are the
    eigenvalues and eigenvectors of the covariance of the colours scaled to 0..1, and a_i is drawn
    from N(0, std) once per image: light gets brighter or darker, redder or bluer, as it does in the
    data.

    Parameters
    ----------
    std : float
        Standard deviation of the a_i.
    eigenvalues : C floats, optional
        l_i, not negative; ImageNet's by default.
    eigenvectors : (C, C) floats, optional
        p_i as columns; ImageNet's by default.
    limit : float
        Number for the full intensity of a colour: 255, or 1 for pixels of 0..1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above or the shapes differ; when called, if the images are not an
        (N, C, H, W) float32 array with as many channels.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks,
    2012, section 4.1.
    """

    def __init__(
        self,
        std: float = 0.1,
        eigenvalues: Sequence[float] | Floats = IMAGENET_EIGENVALUES,
        eigenvectors: Sequence[Sequence[float]] | Floats = IMAGENET_EIGENVECTORS,
        limit: float = 255.0,
    ) -> None:
        self.std = at_least_zero("ColourPCA", "std", std)
        self.eigenvalues: Floats = _finite("ColourPCA", "eigenvalues", eigenvalues, np.float64)
        self.eigenvectors: Floats = _finite("ColourPCA", "eigenvectors", eigenvectors, np.float64)
        self.limit = positive("ColourPCA", "limit", limit)
        if self.eigenvalues.ndim != 1 or self.eigenvectors.shape != 2 * self.eigenvalues.shape:
            raise ValueError(
                "[ColourPCA] needs C eigenvalues and (C, C) eigenvectors, got shapes "
                f"{self.eigenvalues.shape} and {self.eigenvectors.shape}"
            )
        if (self.eigenvalues < 0).any():
            raise ValueError(f"[ColourPCA] eigenvalues must be at least 0, got {eigenvalues}")

    @classmethod
    def fit(cls, data: Dataset, std: float = 0.1, limit: float = 255.0) -> ColourPCA:
        """Return an augmentation with the axes of a data set of images, each read once.

        Parameters
        ----------
        data : Dataset
            Images of shape (C, H, W), at least one.
        std, limit : float
            As above.

        Returns
        -------
        ColourPCA
            Its eigenvalues are in descending order.

        Raises
        ------
        TypeError, ValueError
            If there is no image, the samples are not images, or a number is not as above.
        """
        std, limit = at_least_zero("ColourPCA", "std", std), positive("ColourPCA", "limit", limit)
        if len(data) == 0:
            raise ValueError("[ColourPCA] the data set is empty")
        count, total, products = 0, np.zeros(1), np.zeros((1, 1))
        for start in range(0, len(data), _BATCH):
            x = data.gather(np.arange(start, min(start + _BATCH, len(data))))
            check_images("ColourPCA", x)
            pixels = x.transpose(1, 0, 2, 3).reshape(x.shape[1], -1) / np.float64(limit)
            count += pixels.shape[1]
            total = total + pixels.sum(axis=1)
            products = products + pixels @ pixels.T
        mean = total / count
        values, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
        # Apart from rounding, a covariance has no eigenvalue below 0; eigh sorts them ascending.
        return cls(std, np.maximum(values[::-1], 0.0), vectors[:, ::-1], limit)

    def __call__(self, x: Samples, rng: np.random.Generator) -> Samples:
        """Shift the colour of each image."""
        check_images("ColourPCA", x)
        check_generator("ColourPCA", rng)
        channels = len(self.eigenvalues)
        if x.shape[1] != channels:
            raise ValueError(f"[ColourPCA] expects {channels} channels, got {x.shape}")
        amounts = rng.normal(0.0, self.std, (len(x), channels)) * self.eigenvalues
        colours = (self.limit * (amounts[:, np.newaxis] * self.eigenvectors)).sum(axis=2)
        y: Samples = x + colours.astype(np.float32)[:, :, np.newaxis, np.newaxis]
        return y

    def __repr__(self) -> str:
        return f"ColourPCA({self.std}, {self.eigenvalues.tolist()}, limit={self.limit})"


class Normalise:
    """Subtract a mean and divide by a deviation: ``(x[n,c] - mean[c]) / std[c]``; not random.

    Parameters
    ----------
    mean : float or C floats
        Mean of each channel.
    std : float or C floats
        Standard deviation of each channel, above 0.

    Raises
    ------
    ValueError
        If a number is not finite, a deviation is not above 0 or the lengths differ; when called, if
        the images have another number of channels.
    TypeError
        If an argument is not as above; when called, if the images are not a float32 array.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float] = 1.0) -> None:
        self.mean, self.std = _per_channel("mean", mean), _per_channel("std", std)
        if not (self.std > 0).all():
            raise ValueError(f"[Normalise] std must be above 0, got {std}")
        if len({len(self.mean), len(self.std), 1}) > 2:
            raise ValueError(f"[Normalise] mean and std differ in length: {mean}, {std}")

    def __call__(self, x: Samples, rng: np.random.Generator | None = None) -> Samples:
        """Normalise; `rng` is not used."""
        check_images("Normalise", x)
        channels = max(len(self.mean), len(self.std))
        if channels not in (1, x.shape[1]):
            raise ValueError(f"[Normalise] expects {channels} channels, got {x.shape}")
        y: Samples = x - self.mean[:, np.newaxis, np.newaxis]
        y /= self.std[:, np.newaxis, np.newaxis]
        return y

    def __repr__(self) -> str:
        return f"Normalise({self.mean.tolist()}, {self.std.tolist()})"


# Far more numbers than images have channels. A broadcast array may claim more without holding them:
# copying it would take the memory.
_MOST = 1 << 20


def _per_channel(name: str, value: Any) -> npt.NDArray[np.float32]:
    """Return one number or several as a float32 row."""
    row = np.atleast_1d(_finite("Normalise", name, value, np.float32))
    if row.ndim != 1 or row.size == 0:
        raise ValueError(f"[Normalise] {name} must be a number or a row of them, got {value}")
    return row


def _finite(owner: str, name: str, value: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return numbers as an array, after checking that all are finite."""
    try:
        if isinstance(value, range) or (isinstance(value, np.ndarray) and value.size > _MOST):
            raise TypeError
        with np.errstate(over="ignore"):  # an infinity is refused below
            numbers = np.asarray(value, dtype)
    except OverflowError:
        raise ValueError(f"[{owner}] {name} is out of range: {written(value)}") from None
    except Exception:  # whatever somebody's object raises
        raise TypeError(f"[{owner}] {name} must be numbers, got {written(value)}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"[{owner}] {name} must be finite, got {written(value)}")
    return numbers
