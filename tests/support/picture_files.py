"""Files of pictures, written by hand."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from pycnn.datasets.picture import read_picture

# A ramp from black to white, 17 levels twice.
RAMP = np.tile(np.arange(0, 256, 15), (2, 1))


def grey(path: Path, **_: Any) -> np.ndarray:
    found = np.asarray(read_picture(path)).astype(int)
    assert found.shape[2] == 3
    assert (found == found[..., :1]).all()
    return found[..., 0]


def tiff(path: Path, samples: np.ndarray, *, white_is_zero: bool = False) -> Path:
    """Write a TIFF of one number a pixel, of any kind and order of bytes."""
    order = ">" if samples.dtype.byteorder == ">" else "<"
    height, width = samples.shape
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    data = samples.tobytes()
    fields = [
        (256, width), (257, height), (258, 8 * samples.itemsize), (259, 1),
        (262, 0 if white_is_zero else 1), (273, 8), (277, 1), (278, height), (279, len(data)),
        (339, kind),
    ]  # fmt: skip
    directory = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in fields)
    head = (b"MM" if order == ">" else b"II") + struct.pack(order + "HI", 42, 8 + len(data))
    end = struct.pack(order + "H", len(fields)) + directory + bytes(4)
    path.write_bytes(head + data + end)
    return path
