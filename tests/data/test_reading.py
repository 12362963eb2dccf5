"""Limits on what files demand: each reader at once refuses a small file that asks for much."""

from __future__ import annotations

import gzip
import io
import os
import re
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.annotations import Options
from support.dataset_files import cifar_archive, cifar_members, idx_bytes
from support.demanding_files import DEMANDS, GREY, gif, picture, png
from support.readers import READERS, SERVER, VOCABULARY, refused, watched

from pycnn.datasets.cifar10 import read_archive
from pycnn.datasets.idx import read_idx
from pycnn.datasets.picture import read_picture
from pycnn.datasets.sentence_polarity import sentence_polarity
from pycnn.report import Run
from pycnn.text import read_embeddings
from pycnn.training import History


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    # Not the source folder, which holds no compiled module.
    code = SERVER.format(folders=[str(Path(__file__).parents[1])])
    pipes: Options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    # Threads of BLAS do not survive a fork.
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", code], text=True, env=env, **pipes) as process:
        yield process


@pytest.mark.parametrize(("reader", "content", "text"), DEMANDS.values(), ids=DEMANDS.keys())
def test_a_small_file_cannot_demand_time_or_memory(
    server: subprocess.Popen[str],
    tmp_path: Path,
    reader: str,
    content: Callable[[], bytes],
    text: str,
) -> None:
    path = tmp_path / reader
    path.write_bytes(content())
    assert re.search(text, refused(server, path, reader))


@pytest.mark.parametrize(
    ("reader", "head", "text"),
    [
        ("images", gzip.compress(idx_bytes(np.zeros((2, 3, 3), np.uint8))), "zero bytes after"),
        ("images", gzip.compress(struct.pack(">2I", 0x801, 2**32 - 1)), "zero bytes after"),
        (
            "images",
            gzip.compress(struct.pack(">2I", 0x801, 2**32 - 1) + bytes(100_000_000)),
            "holds more than 67,108,864 bytes",
        ),
        ("vectors", gzip.compress(b"good 1 2 3\n"), "zero bytes after"),
        ("model.safetensors", (4 << 30).to_bytes(8, "little") + b"{", "header of .* is too long"),
        ("model.safetensors", (48 << 20).to_bytes(8, "little") + b"{", "safetensors file"),
    ],
    # Not the bytes themselves: gzip writes the time into them, which workers do not share.
    ids=["images", "labels", "more labels", "vectors", "long header", "header of zeros"],
)
def test_a_hole_in_a_file_makes_it_no_larger(
    server: subprocess.Popen[str], tmp_path: Path, reader: str, head: bytes, text: str
) -> None:
    path = tmp_path / reader
    with path.open("wb") as file:
        file.write(head)
        file.truncate(20 << 30)
    assert re.search(text, refused(server, path, reader))


@pytest.mark.parametrize(
    "content",
    [
        lambda: gif(8000),
        lambda: png(8192, 8192, GREY, 8192 * 8193),
        lambda: png(65_535, 1000, GREY, 1000 * 65_536),
        lambda: picture("WEBP", 2048, 2048, "RGBA", lossless=True, method=0),
        lambda: picture("TIFF", 2880, 2880, compression="tiff_lzw", tiffinfo={278: 2880}),
        lambda: picture("JPEG", 8600, 5800),
        lambda: picture("PNG", 4000, 4000, "RGBA"),
    ],
    ids=["GIF", "PNG", "long PNG", "WebP", "TIFF of one strip", "50 million in JPEG", "colours"],
)
def test_a_large_picture_that_is_scaled_down_takes_little_memory(
    server: subprocess.Popen[str], tmp_path: Path, content: Callable[[], bytes]
) -> None:
    path = tmp_path / "square.png"
    path.write_bytes(content())
    assert watched(server, path, "square.png") == "read"


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def link_to_zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_socket(path: Path) -> None:
    # A socket's name may have 107 bytes: make it by a short one.
    with socket.socket(socket.AF_UNIX) as end:
        before = os.getcwd()
        os.chdir(path.parent)
        end.bind(path.name)
        os.chdir(before)


@pytest.mark.parametrize("make", [make_pipe, link_to_zeros, make_socket])
@pytest.mark.parametrize("reader", READERS)
def test_only_regular_files_are_read(
    tmp_path: Path, reader: str, make: Callable[[Path], None]
) -> None:
    path = tmp_path / reader
    make(path)
    with pytest.raises((ValueError, FileNotFoundError)) as info:
        READERS[reader](path)
    assert str(path) in str(info.value)


def test_large_files_within_the_bounds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    images = np.zeros((1000, 250, 250), np.uint8)
    images[:, ::3] = np.arange(250)
    path.write_bytes(gzip.compress(idx_bytes(images), 1))
    assert np.array_equal(read_idx(path), images)
    Image.new("L", (5000, 5000)).save(path, "PNG")
    assert read_picture(path).size == (5000, 5000)
    path.write_bytes(cifar_archive(cifar_members()))
    assert len(read_archive(path, 2)) == 6


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("first", [b"", b"2 3\n"])
def test_a_byte_order_mark_is_no_part_of_the_first_word(
    tmp_path: Path, first: bytes, packed: bool
) -> None:
    """It hid the first word of an embedding file, or made its first line one of a vector."""
    path = tmp_path / "vectors"
    content = b"\xef\xbb\xbf" + first + b"good 1 2 3\nbad 4 5 6\n"
    path.write_bytes(gzip.compress(content) if packed else content)
    numbers, vectors = read_embeddings(path, VOCABULARY)
    assert numbers.tolist() == [2]
    assert vectors.tolist() == [[1, 2, 3]]


def test_a_byte_order_mark_in_settings_history_and_sentences(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    (tmp_path / "settings.json").write_bytes(mark + b'{"lr": 0.5}')
    assert Run(tmp_path).settings == {"lr": 0.5}
    history = b'{"interrupted": false, "stop_reason": null, "epochs": []}'
    (tmp_path / "history.json").write_bytes(mark + history)
    assert len(History.from_json(tmp_path / "history.json")) == 0
    for name in ("rt-polarity.neg", "rt-polarity.pos"):
        lines = "\n".join(f"{name} {i}" for i in range(20))
        (tmp_path / name).write_bytes(mark + lines.encode())
    train, test = sentence_polarity(tmp_path, check=False)
    assert all(text.startswith("rt-") for data in (train, test) for text in data.texts)


def test_a_printers_program_is_no_picture(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("L", (9, 9)).save(content, "EPS")
    (tmp_path / "p.png").write_bytes(content.getvalue())
    with pytest.raises(ValueError, match="its format is unknown"):
        read_picture(tmp_path / "p.png")
