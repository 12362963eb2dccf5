"""Random planar affine maps of images."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn._arguments import check_generator, float32, positive
from pycnn.augment.checks import check_images, interval
from pycnn.data import Samples

Range = float | tuple[float, float]
Floats = npt.NDArray[np.float64]

_LARGEST = 1e6


class RandomAffine:
    """Turn, scale, squeeze, slant and shift each image at random, about its centre.

    A point at p from the centre moves to ``R S Q H p + t``: slanted (H), squeezed (Q), scaled (S),
    turned (R), shifted (t). Every image draws its own numbers, uniform in their ranges (the squeeze
    is uniform in its logarithm, so that wide is as likely as high). Interpolation is bilinear.

    Parameters
    ----------
    rotation : float or (low, high)
        Degrees, anticlockwise; one number d is the range (-d, d).
    scale : float or (low, high)
        Factor of both sides; one number d is the range (1 - d, 1 + d).
    shear : float or (low, high)
        Angle in degrees by which vertical lines lean to the right.
    translate : float or (low, high)
        Pixels down and to the right, two numbers drawn from the same range.
    squeeze : float
        Largest factor q >= 1 by which one side grows while the other is divided by it.
    fill : float
        Value outside the image.

    Raises
    ------
    TypeError, ValueError
        If a range is not a range, the scale reaches 0, a slant reaches 90 degrees or the squeeze is
        below 1; when called, if the images are not an (N, C, H, W) float32 array.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition, 1998,
    section III.B: training digits were shifted, scaled, squeezed and slanted at random.
    """

    def __init__(
        self,
        rotation: Range = 0.0,
        scale: Range = 0.0,
        shear: Range = 0.0,
        translate: Range = 0.0,
        squeeze: float = 1.0,
        fill: float = 0.0,
    ) -> None:
        self.rotation = interval("RandomAffine", "rotation", rotation)
        low, high = interval("RandomAffine", "scale", scale)
        self.scale = (low, high) if isinstance(scale, (tuple, list)) else (1 + low, 1 + high)
        if self.scale[0] <= 0:
            raise ValueError(f"[RandomAffine] scale must stay above 0, got {scale}")
        self.shear = interval("RandomAffine", "shear", shear)
        if max(map(abs, self.shear)) >= 90:
            raise ValueError(f"[RandomAffine] shear must stay below 90 degrees, got {shear}")
        self.translate = interval("RandomAffine", "translate", translate)
        self.squeeze = positive("RandomAffine", "squeeze", squeeze)
        if squeeze < 1:
            raise ValueError(f"[RandomAffine] squeeze must be at least 1, got {squeeze}")
        self.fill = float32("RandomAffine", "fill", fill)
        # Beyond these limits float64 cannot invert the maps, and every pixel lies outside.
        for name, low, high in (
            ("rotation", *self.rotation),
            ("translate", *self.translate),
            ("scale", 1 / self.scale[0], self.scale[1]),
            ("squeeze", 1 / self.squeeze, self.squeeze),
        ):
            if max(abs(low), abs(high)) > _LARGEST:
                raise ValueError(
                    f"[RandomAffine] {name} must stay within {_LARGEST:g} (a factor also within "
                    f"its inverse), got {low if abs(low) > abs(high) else high}"
                )

    def __call__(self, x: Samples, rng: np.random.Generator) -> Samples:
        """Map each image of an (N, C, H, W) batch; the shape stays."""
        check_images("RandomAffine", x)
        check_generator("RandomAffine", rng)
        shift, matrix = self._maps(len(x), rng)
        return affine(x, matrix, shift, self.fill)

    def _maps(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draw n shifts (n, 2) and matrices (n, 2, 2), both in (row, column) order."""
        angle = np.radians(rng.uniform(*self.rotation, n))
        scale = rng.uniform(*self.scale, n)
        slant = np.tan(np.radians(rng.uniform(*self.shear, n)))
        shift = rng.uniform(*self.translate, (n, 2))
        log = np.log(self.squeeze)
        squeeze = np.exp(rng.uniform(-log, log, n))
        # Rows grow downwards: an anticlockwise turn moves points on the right upwards, and a line
        # that leans right has its upper end moved to the right.
        tall, wide = scale / squeeze, scale * squeeze
        cosine, sine = np.cos(angle), np.sin(angle)
        matrix = np.empty((n, 2, 2))
        matrix[:, 0, 0] = cosine * tall + sine * wide * slant
        matrix[:, 0, 1] = -sine * wide
        matrix[:, 1, 0] = sine * tall - cosine * wide * slant
        matrix[:, 1, 1] = cosine * wide
        return shift, matrix

    def __repr__(self) -> str:
        return (
            f"RandomAffine(rotation={self.rotation}, scale={self.scale}, shear={self.shear}, "
            f"translate={self.translate}, squeeze={self.squeeze}, fill={self.fill})"
        )


def affine(x: Samples, matrix: Floats, shift: Floats, fill: float = 0.0) -> Samples:
    """Map image n by ``p -> matrix[n] p + shift[n]`` about its centre, with bilinear pixels.

    Parameters
    ----------
    x : (N, C, H, W) float32 array
        Images.
    matrix : (N, 2, 2) array
        Invertible maps of (row, column).
    shift : (N, 2) array
        Rows and columns.
    fill : float
        Value outside the image.

    Returns
    -------
    (N, C, H, W) float32 array
        New images.
    """
    n, channels, height, width = x.shape
    rows, columns = _sources(x.shape, matrix, shift)
    # With a frame of `fill`, and positions clipped to it, every pixel has four neighbours.
    padded = np.full((n, channels, height + 2, width + 2), fill, np.float32)
    padded[:, :, 1:-1, 1:-1] = x
    top, down = _whole_and_rest(rows, height)
    left, right = _whole_and_rest(columns, width)
    stride, plane = width + 2, (height + 2) * (width + 2)
    planes = np.arange(n * channels).reshape(n, channels, 1, 1) * plane
    top *= stride
    top += left
    corner = planes + top[:, np.newaxis]
    flat = padded.reshape(-1)
    upper = _between(flat.take(corner), flat.take(corner + 1), right)
    corner += stride
    lower = _between(flat.take(corner), flat.take(corner + 1), right)
    return _between(upper, lower, down)


def _sources(shape: tuple[int, ...], matrix: Floats, shift: Floats) -> tuple[Samples, Samples]:
    """Return the source of each pixel in the framed image: rows and columns, (N, H, W) each."""
    height, width = shape[2:]
    inverse = np.linalg.inv(matrix)[:, :, :, np.newaxis, np.newaxis]
    centre_row, centre_column = (height - 1) / 2, (width - 1) / 2
    offset = shift[:, :, np.newaxis, np.newaxis]
    rows = np.arange(height)[:, np.newaxis] - centre_row - offset[:, 0]
    columns = np.arange(width) - centre_column - offset[:, 1]
    # Each is the sum of a column and a row of numbers; the 1 is for the frame.
    parts = [
        (inverse[:, i, 0] * rows + (centre + 1), inverse[:, i, 1] * columns)
        for i, centre in enumerate((centre_row, centre_column))
    ]
    (a, b), (c, d) = ((u.astype(np.float32), v.astype(np.float32)) for u, v in parts)
    return a + b, c + d


def _whole_and_rest(position: Samples, size: int) -> tuple[npt.NDArray[np.int64], Samples]:
    """Clip positions to the framed image, and split them into a pixel and a fraction.

    The fraction is (N, 1, H, W), in the memory of `position`.
    """
    np.clip(position, 0, size + 1, out=position)
    whole = np.minimum(np.floor(position), np.float32(size))
    position -= whole
    return whole.astype(np.int64), position[:, np.newaxis]


def _between(a: Samples, b: Samples, share: Samples) -> Samples:
    """Interpolate linearly from a (share 0) to b (share 1), in the memory of b."""
    b -= a
    b *= share
    b += a
    return b
