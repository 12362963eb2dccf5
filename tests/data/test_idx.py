"""The strict IDX reader: what it reads, and how it refuses files that are not IDX."""

from __future__ import annotations

import gzip
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from support.dataset_files import idx_bytes, random_bytes

from pycnn.datasets.idx import read_idx, read_images, read_labels, read_pair


@pytest.mark.parametrize("shape", [(0,), (7,), (3, 4, 5), (2, 3, 4, 5), (0, 4, 5)])
@pytest.mark.parametrize("pack", [False, True])
def test_round_trip(tmp_path: Path, shape: tuple[int, ...], pack: bool) -> None:
    array = random_bytes(*shape)
    data = idx_bytes(array)
    path = tmp_path / "any-name"
    path.write_bytes(gzip.compress(data) if pack else data)
    np.testing.assert_array_equal(read_idx(path), array)


def test_gzip_of_several_members(tmp_path: Path) -> None:
    array = random_bytes(1000)
    data = idx_bytes(array)
    path = tmp_path / "x.gz"
    path.write_bytes(b"".join(gzip.compress(data[i : i + 300]) for i in range(0, 1008, 300)))
    np.testing.assert_array_equal(read_idx(path), array)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "truncated: 0 bytes, a header has at least 8"),
        (b"\0\0\x08", "truncated: 3 bytes"),
        (b"\0\0\x08\x03\0\0\0\x01", "truncated: 8 bytes, the header of 3 dimensions has 16"),
        (b"\0\0\x0d\x01\0\0\0\x01abcd", "magic number 0x00000d01 is not an IDX file of unsigned"),
        (b"\0\0\x08\0", "magic number 0x00000800"),
        (b"PK\x03\x04" + bytes(30), "magic number 0x504b0304"),
        (idx_bytes(random_bytes(2, 3)), "declares 2 dimensions, expected 3 (0x00000803)"),
        (
            idx_bytes(random_bytes(2, 3, 4))[:-1],
            "truncated: the header declares (2, 3, 4), 24 bytes of data, the file holds 23",
        ),
        (idx_bytes(random_bytes(2, 3, 4)) + b"!!", "trailing data (2 bytes) after the 24 bytes"),
        (idx_bytes(random_bytes(2, 0, 4)), "images of 0x4 pixels"),
    ],
)
def test_bad_file(tmp_path: Path, data: bytes, text: str) -> None:
    path = tmp_path / "images"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=re.escape(text)) as caught:
        read_images(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(idx_bytes(random_bytes(50, 8, 8)))
    path = tmp_path / "images.gz"
    # 3: within the gzip header; -4: within the trailer, where all data are there, unchecked.
    for end in (3, 20, len(packed) // 2, -4):
        path.write_bytes(packed[:end])
        with pytest.raises(ValueError, match="truncated"):
            read_images(path)


def test_corrupt_gzip(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(idx_bytes(random_bytes(50, 8, 8))))
    packed[-8] ^= 1  # the CRC-32
    path = tmp_path / "images.gz"
    path.write_bytes(packed)
    with pytest.raises(ValueError, match="corrupt gzip data"):
        read_images(path)


def test_trailing_data_after_and_within_gzip(tmp_path: Path) -> None:
    data = idx_bytes(random_bytes(5, 8, 8))
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(data + b"!"))
    with pytest.raises(ValueError, match="trailing data after the 320 bytes"):
        read_images(path)
    path.write_bytes(gzip.compress(data) + b"!")
    with pytest.raises(ValueError, match=r"trailing data \(1 bytes\) after the gzip"):
        read_images(path)


def test_header_that_declares_more_than_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "images"
    header = struct.pack(">I3I", 0x803, *(3 * [2**32 - 1]))
    for data in (header + b"abc", gzip.compress(header + b"abc")):
        path.write_bytes(data)
        with pytest.raises(ValueError, match="truncated"):
            read_images(path)


def test_small_header_before_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(idx_bytes(random_bytes(4)) + bytes(50_000_000)))
    tracemalloc.start()
    with pytest.raises(ValueError, match="trailing data"):
        read_labels(path, 10)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_label_out_of_range(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_bytes(idx_bytes(np.array([0, 9, 10, 11], np.uint8)))
    with pytest.raises(ValueError, match=r"label 10 at index 2 .* 10 classes \(0\.\.9\)"):
        read_labels(path, 10)
    assert read_labels(path, 12).tolist() == [0, 9, 10, 11]


def test_counts_differ(tmp_path: Path) -> None:
    images, labels = tmp_path / "images", tmp_path / "labels"
    images.write_bytes(idx_bytes(random_bytes(5, 2, 2)))
    labels.write_bytes(idx_bytes(random_bytes(4, high=10)))
    with pytest.raises(ValueError, match=r"5 images, .* 4 labels"):
        read_pair(images, labels, 10)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")
