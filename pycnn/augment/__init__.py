"""Random changes of training images: ``fit(model, train, augment=RandomCrop(28, padding=2))``.

Each is a function of a batch (N, C, H, W), float32, and a random generator; it changes nothing
but gives a new batch (or, where there is nothing to do, the same). Equal generators give equal
bits, and one object may serve several threads at once.

- `Compose`: one after the other
- `RandomCrop`, `RandomHorizontalFlip`: positions and mirror images
- `RandomAffine`: turned, scaled, squeezed, slanted, shifted
- `ColourPCA`: colours along the principal axes of those of the data
- `Normalise`: minus mean, divided by deviation
- `ten_crop`: the mean prediction over ten views of an image
"""

from pycnn.augment.affine import RandomAffine
from pycnn.augment.colour import ColourPCA, Normalise
from pycnn.augment.compose import Compose
from pycnn.augment.crop import RandomCrop, RandomHorizontalFlip
from pycnn.augment.views import ten_crop

__all__ = [
    "ColourPCA",
    "Compose",
    "Normalise",
    "RandomAffine",
    "RandomCrop",
    "RandomHorizontalFlip",
    "ten_crop",
]
