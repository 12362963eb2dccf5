"""Small data-set files and folders for the tests."""

from __future__ import annotations

import io
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]


def idx_bytes(array: Bytes) -> bytes:
    """Encode an array of bytes as an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def random_bytes(*shape: int, high: int = 256) -> Bytes:
    return np.random.default_rng(0).integers(0, high, shape, np.uint8)


CIFAR_NAMES = [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)]
CIFAR_NAMES.append("cifar-10-batches-bin/test_batch.bin")


def cifar_archive(members: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def cifar_members(count: int = 2) -> dict[str, bytes]:
    records = random_bytes(len(CIFAR_NAMES), count, 3073)
    records[:, :, 0] %= 10
    return {name: records[i].tobytes() for i, name in enumerate(CIFAR_NAMES)}


COLOURS = {"green": (20, 200, 60), "red": (220, 40, 30)}


def picture_folder(
    root: Path, per_class: int, size: int = 32, classes: dict[str, Any] = COLOURS
) -> str:
    """Make a folder of noisy pictures, each in one colour."""
    rng = np.random.default_rng(len(str(root)))
    for name, colour in classes.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(per_class):
            noise = rng.normal(0, 30, (size, size + 4, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return str(root)
