"""What a file may demand: each reader refuses a small file that asks for much, at once."""

from __future__ import annotations

import ast
import gzip
import io
import json
import os
import re
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from dataset_files import cifar_archive, cifar_members, idx_bytes
from PIL import Image
from safetensors.numpy import save

from pycnn import io as checkpoints
from pycnn.datasets.cifar10 import read_archive
from pycnn.datasets.download import RemoteFile, fetch
from pycnn.datasets.idx import read_idx
from pycnn.datasets.picture import read_picture
from pycnn.datasets.sentence_polarity import sentence_polarity
from pycnn.report import Run
from pycnn.text import Vocabulary, read_embeddings
from pycnn.training import History

# Beside the file's own size; and the seconds of a loaded machine, where the promise is one.
MOST_BYTES, MOST_SECONDS = 100_000_000, 5.0

# Reads files in processes of their own, which a process makes that has loaded everything: what each
# took is told, and a hang or a crash ends that one only.
SERVER = """
import os, resource, signal, sys, time
sys.path[:0] = {folders!r}
import test_reading
import safetensors, tarfile, PIL.Image, PIL.PngImagePlugin
from pathlib import Path
for line in sys.stdin:
    reader, path = line.rstrip().split(" ", 1)
    if (child := os.fork()) == 0:
        signal.alarm(60)
        start = time.process_time()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            test_reading.READERS[reader](Path(path))
            outcome = "read"
        except ValueError as error:
            outcome = f"ValueError: {{error}}"
        except Exception as error:
            outcome = f"{{type(error).__name__}}: {{error}}"
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(1024 * (after - before), time.process_time() - start, ascii(outcome), flush=True)
        os._exit(0)
    if status := os.waitpid(child, 0)[1]:
        print(0, 0, f"ended by signal {{status}}", flush=True)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    # Not the source folder, which holds no compiled module.
    code = SERVER.format(folders=[str(Path(__file__).parent)])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    # Threads of BLAS do not survive a fork.
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", code], text=True, env=env, **pipes) as process:
        yield process


VOCABULARY = Vocabulary(["<pad>", "<unk>", "good"])


def run_of(path: Path) -> Run:
    return Run(path.parent)


# Every function that reads a file, by a name, and the name that the file has for it.
READERS: dict[str, Callable[[Path], object]] = {
    "model.safetensors": checkpoints.load_model,
    "settings.json": lambda path: run_of(path).settings,
    "history.json": History.from_json,
    "images": read_idx,
    "vectors": lambda path: read_embeddings(path, VOCABULARY),
    "picture.png": read_picture,
    "cifar.tar.gz": lambda path: read_archive(path, 2),
    "rt-polarity.neg": lambda path: sentence_polarity(path.parent, check=False),
    "download": lambda path: fetch(RemoteFile(path.name, (), 9, ""), path.parent),
}


def refused(server: subprocess.Popen[str], path: Path, reader: str) -> str:
    """Read a file in a process of its own: gives the error, after a look at what it took."""
    assert server.stdin is not None
    assert server.stdout is not None
    print(reader, path, file=server.stdin, flush=True)
    more, seconds, outcome = server.stdout.readline().split(" ", 2)
    outcome = ast.literal_eval(outcome)
    assert outcome.startswith("ValueError: "), outcome
    assert str(path) in outcome
    assert int(more) < MOST_BYTES + path.stat().st_size
    assert float(seconds) < MOST_SECONDS
    return outcome


def png_header(width: int, height: int) -> bytes:
    """A PNG of so many pixels whose data are a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(20_000_000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def tensors(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def spec(model: str, **arguments: object) -> bytes:
    """A checkpoint of one number that tells of a large model."""
    header = {"crc32": 0, "model": model, "arguments": arguments}
    return save({"11.weight": np.zeros(1, np.float32)}, {"pycnn": json.dumps(header)})


WORDS = ["<pad>", "<unk>"]
EMPTY_TENSOR = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}

DEMANDS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "idx, empty gzip members": (
        "images", lambda: gzip.compress(b"") * 600_000, "gzip members with 0 bytes"
    ),
    "idx, gzip members of a byte": (
        "images", lambda: gzip.compress(b"\0") * 600_000, "magic number|gzip members"
    ),
    "idx, header of 10 GB": (
        "images", lambda: struct.pack(">4I", 0x803, 10_000, 1000, 1000), "truncated: the header"
    ),
    "idx, header of 10 GB in gzip": (
        "images",
        lambda: gzip.compress(struct.pack(">4I", 0x803, 10_000, 1000, 1000) + bytes(9_000_000)),
        "truncated: the header declares",
    ),
    "idx, header of 60 MB in gzip": (
        "images", lambda: gzip.compress(struct.pack(">2I", 0x801, 60_000_000)), "truncated"
    ),
    "idx, 255 dimensions": (
        "images", lambda: struct.pack(">256I", 0x8FF, *[0] + [2**32 - 1] * 254), "declares"
    ),
    "embeddings, a line without end in gzip": (
        "vectors", lambda: gzip.compress(b"good 1 2\ngood" + b" 1" * 60_000_000, 1), "line 2: more"
    ),
    "embeddings, a first line without end": (
        "vectors", lambda: gzip.compress(b"g" * 60_000_000, 1), "line 1: expected"
    ),
    "embeddings, empty gzip members": (
        "vectors", lambda: gzip.compress(b"") * 600_000, "gzip members with 0 bytes"
    ),
    "embeddings, a promise": (
        "vectors", lambda: b"9999999999999 1048576\n" + b"\0" * 100, "word 1 of 9,999,999,999,999"
    ),
    "checkpoint of 8,388,608 classes": (
        "model.safetensors", lambda: spec("lenet5", classes=8_388_608), "asked for"
    ),
    "checkpoint of many filters": (
        "model.safetensors",
        lambda: spec("textcnn", vocabulary=WORDS, dim=10**6, filters=10**6),
        "asked for",
    ),
    "checkpoint of many widths": (
        "model.safetensors",
        lambda: spec("textcnn", vocabulary=WORDS, dim=1, filters=1, widths=[1] * 300_000),
        "more arrays are asked for than the file has",
    ),
    "checkpoint of a large image": (
        "model.safetensors",
        lambda: spec("neocognitron", size=10**6, planes=[1, 1, 1]),
        "asked for",
    ),
    "checkpoint of alexnet": ("model.safetensors", lambda: spec("alexnet"), "shape|asked for"),
    "checkpoint of 300,000 empty tensors": (
        "model.safetensors",
        lambda: tensors(dict.fromkeys(map(str, range(300_000)), EMPTY_TENSOR)),
        "header of .* bytes is too long",
    ),
    "checkpoint of very many empty tensors": (
        "model.safetensors",
        lambda: tensors({f"{i:x}": EMPTY_TENSOR for i in range(60_000)}),
        "does not say which model",
    ),
    "checkpoint, header of lists": (
        "model.safetensors",
        lambda: struct.pack("<Q", 4_000_000) + b"[" + b"[]," * 1_333_333 + bytes(9),
        "more than .* values",
    ),
    "checkpoint, header of 2**63 bytes": (
        "model.safetensors", lambda: struct.pack("<Q", 2**63) + b"{}", "longer than the file"
    ),
    "checkpoint, absurd dimensions": (
        "model.safetensors",
        lambda: tensors({"a": dict(EMPTY_TENSOR, shape=[2**62, 2**62])}),
        "'a' has the shape",
    ),
    "checkpoint, absurd dimensions beside a zero": (
        "model.safetensors",
        lambda: tensors({"a": dict(EMPTY_TENSOR, shape=[0, 2**62, 2**62])}),
        "'a' has the shape",
    ),
    "checkpoint, very many dimensions": (
        "model.safetensors",
        lambda: tensors({"a": dict(EMPTY_TENSOR, shape=[0] * 10_000)}),
        "'a' has the shape",
    ),
    "checkpoint, brackets": (
        "model.safetensors",
        lambda: struct.pack("<Q", 900_000) + b"[" * 900_000,
        "brackets within brackets",
    ),
    "settings of 60 MB": ("settings.json", lambda: b" " * 60_000_000, "too large"),
    "settings of lists": ("settings.json", lambda: b"[" + b"[]," * 340_000 + b"1]", "settings"),
    "history of 60 MB": ("history.json", lambda: b" " * 60_000_000, "too large"),
    "history of lists": ("history.json", lambda: b"[" + b"[]," * 9_000_000 + b"1]", "values"),
    "picture of 900,000,000 pixels": (
        "picture.png", lambda: png_header(30_000, 30_000), "not a readable picture"
    ),
    "picture of 150,000,000 pixels": (
        "picture.png", lambda: png_header(15_000, 10_000), "not a readable picture"
    ),
    "cifar, an entry without end": (
        "cifar.tar.gz",
        lambda: gzip.compress(b"x" * 512 + bytes(70_000_000), 1),
        "corrupt or truncated|archive lacks",
    ),
    "sentences of 100 MB": ("rt-polarity.neg", lambda: b"\n" * 100_000_000, "too large"),
    "download of 100 MB": ("download", lambda: bytes(100_000_000), "not the published file"),
}  # fmt: skip


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
