"""Fashion-MNIST: Zalando's clothes in the format of MNIST, downloaded once."""

from __future__ import annotations

import os
from pathlib import Path

from pycnn.data import ArrayDataset
from pycnn.datasets.download import RemoteFile, default_root, fetch
from pycnn.datasets.mnist import idx_dataset

# Mean and standard deviation of the training pixels scaled to 0..1, to four digits.
MEAN = 0.2860
STD = 0.3530
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# Both addresses are the authors' own: the links in the README of
# https://github.com/zalandoresearch/fashion-mnist, and the folder data/fashion of that repository.
_ADDRESSES = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)


def _file(name: str, size: int, sha256: str) -> RemoteFile:
    return RemoteFile(name, tuple(address + name for address in _ADDRESSES), size, sha256)


# The authors publish MD5s (in the comments). The check uses the SHA-256s of the same files, as
# listed by the loaders of many projects: MD5 no longer proves where a file comes from.
FILES = (
    _file(  # 8d4fb7e6c68d591d4c3dfef9ec88bf0d
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    ),
    _file(  # 25c81989df183df01b3e8a0aad5dffbe
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    _file(  # bef4ecab320f06d8554ea6380940ec79
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    ),
    _file(  # bb300cfdad3c16e7a12a480ee83cd310
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)


def fashion_mnist(
    root: str | os.PathLike[str] | None = None, download: bool = True
) -> tuple[ArrayDataset, ArrayDataset]:
    """Load Fashion-MNIST: 60,000 training and 10,000 test 28x28 images of ten kinds of clothes.

    Parameters
    ----------
    root : path-like, optional
        Folder that holds the four ``.gz`` files (31 MB) or receives them. They have the same names
        as MNIST's, so do not share the folder with MNIST. When None, ``$PYCNN_DATA/fashion_mnist``
        or ``~/.cache/pycnn/fashion_mnist``.
    download : bool
        Whether missing files may be downloaded.

    Returns
    -------
    train, test : pycnn.data.ArrayDataset
        ``x`` float32 of shape (N, 1, 28, 28), C-contiguous, ``(pixel / 255 - 0.2860) / 0.3530``;
        ``y`` int64 of shape (N,).

    Raises
    ------
    FileNotFoundError
        A file is missing and `download` is False; the message says which file to put where.
    pycnn.datasets.download.DownloadError
        A file could not be downloaded; the message says which file to put where.
    ValueError
        A file is not the published one.

    Notes
    -----
    Copyright (c) 2017 Zalando SE, MIT licence.

    References
    ----------
    H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017 (arXiv:1708.07747).
    """
    folder = default_root("fashion_mnist") if root is None else Path(root)
    paths = [fetch(file, folder, download=download) for file in FILES]
    train = idx_dataset(paths[0], paths[1], CLASSES, MEAN, STD, "fashion_mnist train")
    test = idx_dataset(paths[2], paths[3], CLASSES, MEAN, STD, "fashion_mnist test")
    return train, test
