"""Small files that ask for much memory or time."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable

import numpy as np
from safetensors.numpy import save


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
