"""Small files that ask for much memory or time."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from safetensors.numpy import save


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_texts(texts: int) -> bytes:
    """Return chunks of compressed texts, of characters that take four bytes in memory."""
    packed = zlib.compress("\U0001f600".encode() + b"a" * ((1 << 20) - 100), 9)
    return b"".join(chunk(b"iTXt", b"%d\0\1\0\0\0" % n + packed) for n in range(texts))


def png(
    width: int, height: int, colour: int = 2, data: int = 20_000_000, others: bytes = b""
) -> bytes:
    """Return a PNG of this many pixels with this many bytes of zeros, and other chunks."""
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + others
        + chunk(b"IDAT", zlib.compress(bytes(data), 9))
        + chunk(b"IEND", b"")
    )


GREY, COLOUR, CLEAR = 0, 2, 6


def gif(side: int, comments: bytes = b"") -> bytes:
    """Return a GIF with a frame of one pixel and two colours, one of them clear."""
    screen = struct.pack("<HHBBB", side, side, 0x80, 0, 0) + bytes([1, 2, 3, 255, 255, 255])
    clear = b"!\xf9\x04\x01\0\0\0\0"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00;"
    return b"GIF89a" + screen + comments + clear + frame


def picture(kind: str, width: int, height: int, mode: str = "RGB", **options: object) -> bytes:
    """Return an empty picture."""
    content = io.BytesIO()
    Image.new(mode, (width, height)).save(content, kind, **options)
    return content.getvalue()


def jpeg_scans(copies: int) -> bytes:
    """Return a progressive JPEG with many copies of its last scan."""
    whole = picture("JPEG", 1000, 1000, progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * copies + whole[-2:]


def bmp_runs(width: int, height: int) -> bytes:
    """Return a BMP of runs, each of which skips 255 rows."""
    numbers = (40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    head = b"BM" + struct.pack("<IHHI", 0, 0, 0, 1078) + struct.pack("<IiiHHIIiiII", *numbers)
    return head + bytes(1024) + b"\0\2\0\xff" * 1000


def tensors(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def spec(model: str, **arguments: object) -> bytes:
    """Return a checkpoint of one number that claims to hold a large model."""
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
        "60,000 tensors, more than",
    ),
    "checkpoint of 160,000 empty tensors in a large file": (
        "model.safetensors",
        lambda: tensors(
            {f"{i:x}": EMPTY_TENSOR for i in range(160_000)}
            | {"z": {"dtype": "U8", "shape": [40_000_000], "data_offsets": [0, 40_000_000]}},
            bytes(40_000_000),
        ),
        "160,001 tensors, more than",
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
    "picture of 900,000,000 pixels": ("picture.png", lambda: png(30_000, 30_000), "exceeds limit"),
    "picture of 150,000,000 pixels": ("picture.png", lambda: png(15_000, 10_000), "too many"),
    "picture of one column": ("picture.png", lambda: png(1, 1 << 26, GREY), "too many for a file"),
    "picture of 67,000,000 clear pixels": (
        "picture.png", lambda: png(8192, 8192, CLEAR), "too many for a file"
    ),
    "picture of many chunks": (
        "picture.png", lambda: png(8, 8, others=chunk(b"none", b"") * 800_000), "parts"
    ),
    "picture of 60 texts": ("picture.png", lambda: png(8, 8, others=png_texts(60)), "16 texts"),
    "WebP of 65,532,000 pixels": (
        "picture.png",
        lambda: picture("WEBP", 16383, 4000, "RGBA", lossless=True, method=0),
        "too many for a file",
    ),
    "JPEG of 3,000 scans": ("picture.png", lambda: jpeg_scans(3000), "more than 100 scans"),
    "JPEG of 64,000,000 pixels in scans": (
        "picture.png",
        lambda: picture("JPEG", 8000, 8000, progressive=True),
        "too many for a file",
    ),
    "JPEG of fill bytes": ("picture.png", lambda: b"\xff\xd8" + b"\xff" * 20_000_000, "parts"),
    "GIF of comments": ("picture.png", lambda: gif(1, b"!\xfe\x01a\0" * 2_000_000), "parts"),
    "GIF of a long comment": (
        "picture.png", lambda: gif(1, b"!\xfe" + b"\xff" * 25_600_000 + b"\0"), "parts"
    ),
    "PPM of a long comment": ("picture.png", lambda: b"P6\n#" + b"a" * 50_000_000, "parts"),
    "PPM of comments": (
        "picture.png", lambda: b"P2 1000 1000 255\n" + b"#\n" * 500_000, "1,000 comments"
    ),
    "BMP of runs": ("picture.png", lambda: bmp_runs(65535, 1000), "too many for a file"),
    "cifar, an entry without end": (
        "cifar.tar.gz",
        lambda: gzip.compress(b"x" * 512 + bytes(70_000_000), 1),
        "corrupt or truncated|archive lacks",
    ),
    "sentences of 100 MB": ("rt-polarity.neg", lambda: b"\n" * 100_000_000, "too large"),
    "download of 100 MB": ("download", lambda: bytes(100_000_000), "not the published file"),
}  # fmt: skip
