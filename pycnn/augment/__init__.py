"""Random changes of training images: ``fit(model, train, augment=RandomCrop(28, padding=2))``.

Each is a function of a batch (N, C, H, W), float32, and a random generator. It leaves the batch
unchanged and returns a new one (or the same one if there is nothing to do). Equal generators give
equal bits, and several threads may use one object at once.

- `Compose`: several augmentations in a row
- `RandomCrop`, `RandomHorizontalFlip`: random windows and mirror images
- `RandomAffine`: turn, scale, squeeze, slant and shift
- `ColourPCA`: shift colours along the principal axes of the data's colours
- `Normalise`: subtract a mean and divide by a standard deviation
- `ten_crop`: mean prediction over ten views of an image
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
