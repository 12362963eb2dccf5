"""CIFAR-10 in its binary version, which needs no pickle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pycnn._printable import printable
from pycnn._reading import PackedError, open_regular, unpacked
from pycnn.data import ArrayDataset
from pycnn.datasets.download import RemoteFile, default_root, fetch

# Red, green, blue: mean and standard deviation of the training pixels scaled to 0..1.
MEAN = (0.4914, 0.4822, 0.4465)
STD = (0.2470, 0.2435, 0.2616)
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

# Address and MD5 (c32a1d4ab5d03f1284b67883e8d87530) are from the authors' page,
# https://www.cs.toronto.edu/~kriz/cifar.html. The check uses the SHA-256 of the same archive that
# TensorFlow Datasets lists: MD5 no longer proves where a file comes from.
FILE = RemoteFile(
    "cifar-10-binary.tar.gz",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
    170_052_171,
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)

_FOLDER = "cifar-10-batches-bin"
_TRAIN = tuple(f"{_FOLDER}/data_batch_{i}.bin" for i in range(1, 6))
_TEST = (f"{_FOLDER}/test_batch.bin",)
_IMAGES_PER_BATCH = 10_000
# The published archive has ten members; without a limit any other would be read to its end.
_MOST_MEMBERS = 100
# A record is one byte for the label, then the red, green and blue planes, row by row.
_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32


def cifar10(
    root: str | os.PathLike[str] | None = None, download: bool = True
) -> tuple[ArrayDataset, ArrayDataset]:
    """Load CIFAR-10: 50,000 training and 10,000 test 32x32 colour photographs in ten classes.

    Parameters
    ----------
    root : path-like, optional
        Folder that holds ``cifar-10-binary.tar.gz`` (170 MB) or receives it. When None,
        ``$PYCNN_DATA/cifar10`` or ``~/.cache/pycnn/cifar10``.
    download : bool
        Whether a missing archive may be downloaded.

    Returns
    -------
    train, test : pycnn.data.ArrayDataset
        ``x`` float32 of shape (N, 3, 32, 32), C-contiguous, ``(pixel / 255 - mean) / std`` with
        the means (0.4914, 0.4822, 0.4465) and the standard deviations (0.2470, 0.2435, 0.2616);
        ``y`` int64 of shape (N,).

    Raises
    ------
    FileNotFoundError
        The archive is missing and `download` is False; the message says which file to put where.
    pycnn.datasets.download.DownloadError
        The archive could not be downloaded; the message says which file to put where.
    ValueError
        The archive is not the published one.

    Notes
    -----
    The archive is read in one pass and never unpacked on disk.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", technical report,
    University of Toronto, 2009.
    """
    folder = default_root("cifar10") if root is None else Path(root)
    batches = read_archive(fetch(FILE, folder, download=download), _IMAGES_PER_BATCH)
    train = _dataset([batches[name] for name in _TRAIN], "cifar10 train")
    test = _dataset([batches[name] for name in _TEST], "cifar10 test")
    return train, test


def read_archive(path: Path, images_per_batch: int) -> dict[str, npt.NDArray[np.uint8]]:
    """Return the records of the six batches, (images_per_batch, 3073) each, keyed by member name.

    Only regular files with the expected names and sizes are used; other members are ignored.

    Raises
    ------
    ValueError
        The archive is corrupt or truncated, or a batch is missing or has another size.
    """
    import tarfile

    size = images_per_batch * _RECORD
    batches: dict[str, npt.NDArray[np.uint8]] = {}
    try:
        # "r|" reads the members in order; "r:" would rewind and decompress again.
        with (
            open_regular(path) as file,
            tarfile.open(fileobj=unpacked(path, file), mode="r|") as archive,
        ):
            for number, member in enumerate(archive):
                if number == _MOST_MEMBERS:
                    raise ValueError(f"[cifar10] {printable(path)}: more than {number} members")
                if member.name not in _TRAIN + _TEST:
                    continue
                source = archive.extractfile(member) if member.isreg() else None
                if source is None or member.size != size:
                    raise ValueError(
                        f"[cifar10] {printable(path)}: {member.name} is not a file of "
                        f"{size:,} bytes ({images_per_batch:,} records of {_RECORD})"
                    )
                batches[member.name] = np.frombuffer(source.read(), np.uint8).reshape(-1, _RECORD)
    except (tarfile.TarError, EOFError, PackedError) as error:
        text = f"[cifar10] {printable(path)}: corrupt or truncated archive: {printable(error)}"
        raise ValueError(text) from None
    missing = [name for name in _TRAIN + _TEST if name not in batches]
    if missing:
        names = ", ".join(missing)
        raise ValueError(f"[cifar10] {printable(path)}: the archive lacks {names}")
    return batches


def _dataset(batches: Sequence[npt.NDArray[np.uint8]], name: str) -> ArrayDataset:
    """Join batches of records into one data set."""
    x = np.concatenate([records[:, 1:] for records in batches]).reshape(-1, *_SHAPE)
    y = np.concatenate([records[:, 0] for records in batches]).astype(np.int64)
    if y.size and y.max() >= len(CLASSES):
        raise ValueError(f"[cifar10] {name}: label {y.max()} is out of range for ten classes")
    return ArrayDataset(x, y, CLASSES, name, mean=MEAN, std=STD)
