"""Data sets: each function returns ``(train, test)``, two `pycnn.data.ArrayDataset` in memory.

- `mnist`: handwritten digits, shipped with the package; also reads a folder of your own IDX files
- `fashion_mnist`: Zalando's clothes in MNIST's format, downloaded once
- `cifar10`: small colour photographs, downloaded once
- `read_idx`: one IDX file as an array
"""

from pycnn.datasets.cifar10 import cifar10
from pycnn.datasets.fashion import fashion_mnist
from pycnn.datasets.idx import read_idx
from pycnn.datasets.mnist import mnist

__all__ = ["cifar10", "fashion_mnist", "mnist", "read_idx"]
