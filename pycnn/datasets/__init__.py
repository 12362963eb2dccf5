"""Data sets: functions that return ``(train, test)``, both held in memory; and `ImageFolder`.

- `mnist`: handwritten digits, shipped with the package; also reads a folder of your own IDX files
- `mnist_1998`: the same digits as 32x32 images, as LeNet-5 saw them in 1998
- `fashion_mnist`: Zalando's clothes in MNIST's format, downloaded once
- `cifar10`: small colour photographs, downloaded once
- `ImageFolder`: your own pictures in sub-folders, decoded on access
- `movie_reviews`: rated sentences from film reviews, shipped with the package
- `sentence_polarity`: Pang and Lee's review sentences, read from your own folder
- `read_idx`: one IDX file as an array
"""

from pycnn.datasets.cifar10 import cifar10
from pycnn.datasets.fashion import fashion_mnist
from pycnn.datasets.idx import read_idx
from pycnn.datasets.image_folder import ImageFolder
from pycnn.datasets.mnist import mnist
from pycnn.datasets.mnist_1998 import mnist_1998
from pycnn.datasets.movie_reviews import movie_reviews
from pycnn.datasets.sentence_polarity import sentence_polarity

__all__ = [
    "ImageFolder",
    "cifar10",
    "fashion_mnist",
    "mnist",
    "mnist_1998",
    "movie_reviews",
    "read_idx",
    "sentence_polarity",
]
