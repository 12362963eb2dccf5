"""Hostile files of every kind that is read: bytes changed, and texts, headers and sizes changed."""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from safetensors.numpy import save
from support.dataset_files import cifar_archive, cifar_members, idx_bytes, random_bytes
from support.readers import READERS
from support.small_training import small_net
from trust.hostile import outcome

from pycnn import io as checkpoints
from pycnn.datasets.idx import read_images, read_labels
from pycnn.datasets.sentence_polarity import sentence_polarity

DATA = Path(__file__).parents[1] / "support" / "old_files"

# Numbers of 1, 2, 4 and 8 bytes that a size may become.
SIZES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
# Substitutes for a value of JSON.
VALUES: Sequence[Any] = (
    *(None, True, -1, 0, 1, 2**31, 2**53, 2**63, 2**64, 10**400, -0.5, 1e308, "", "x", "\x1b[2J"),
    *([], [[]], {}, {"a": 1}, [1] * 1000, "y" * 10_000, "\ud800", float("nan"), float("inf")),
    *("F64", "BOOL", "F8_E4M3", [2**62, 4], [0, 0], "lenet5", "textcnn", "neocognitron", "alexnet"),
)


def _glove() -> bytes:
    return b"good 1 2.5 -3e-2\nbad 4 5 6\n"


def _binary() -> bytes:
    return b"2 3\n" + b"".join(word + b" " + bytes(range(12)) + b"\n" for word in (b"good", b"bad"))


def _picture(kind: str, mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.fromarray(random_bytes(9, 7, 3)).convert(mode).save(file, kind)
    return file.getvalue()


def _run_file(name: str) -> bytes:
    return (DATA / "run_1" / name).read_bytes()


def _small_checkpoint() -> bytes:
    state = small_net().state_dict()
    return save(state, {"pycnn": json.dumps({"format": 1, "metadata": {"classes": ["a"]}})})


def _architecture() -> bytes:
    with TemporaryDirectory() as folder:
        checkpoints.save(path := Path(folder, "m"), small_net())
        return path.read_bytes()


def _load(path: Path) -> None:
    checkpoints.load(path, small_net())


def _sentences(path: Path) -> None:
    for name in ("rt-polarity.neg", "rt-polarity.pos"):
        path.with_name(name).write_bytes(path.read_bytes())
    sentence_polarity(path.parent, check=False)


# Reader, and files that it reads.
Case = tuple[Callable[[Path], object], list[bytes]]
KINDS: dict[str, Case] = {
    "images": (read_images, [idx_bytes(random_bytes(3, 4, 5))]),
    "labels": (lambda path: read_labels(path, 10), [idx_bytes(random_bytes(9, high=10))]),
    "load_model": (
        READERS["model.safetensors"],
        [_run_file("model.safetensors"), _architecture()],
    ),
    "load": (_load, [_small_checkpoint()]),
    "settings.json": (READERS["settings.json"], [_run_file("settings.json")]),
    "history.json": (READERS["history.json"], [_run_file("history.json")]),
    "vectors": (READERS["vectors"], [_glove(), b"2 3\n" + _glove(), _binary()]),
    "picture": (
        READERS["picture.png"],
        [
            *(_picture(kind) for kind in ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")),
            *(_picture("PNG", mode) for mode in ("1", "L", "LA", "P", "RGBA", "I;16")),
        ],
    ),
    "cifar": (READERS["cifar.tar.gz"], [gzip.decompress(cifar_archive(cifar_members()))]),
    "rt-polarity": (_sentences, [b"one\ntwo\n" * 10]),
}  # fmt: skip
NAMES = sorted(KINDS)
# Those that take their files compressed as well.
COMPRESSED = ("images", "labels", "vectors", "cifar")


def case(number: int) -> str | None:
    rng = random.Random(number)
    name = NAMES[number % len(NAMES)]
    read, contents = KINDS[name]
    content = rng.choice(contents)
    if name in ("settings.json", "history.json") and rng.random() < 0.5:
        content = json.dumps(changed(rng, json.loads(content))).encode()
    elif name in ("load_model", "load") and rng.random() < 0.6:
        content = changed_checkpoint(rng, content)
    else:
        content = changed_bytes(rng, content)
    if name in COMPRESSED and rng.random() < 0.5:
        content = gzip.compress(content, 1)
        if rng.random() < 0.5:
            content = changed_bytes(rng, content)
    path = Path(name)
    path.write_bytes(content)
    problem = outcome(lambda: read(path), [name], memory=False)
    return problem and f"{name}: {problem}"


def changed_bytes(rng: random.Random, content: bytes) -> bytes:
    """Change some bytes, or sizes, or cut and copy parts."""
    data = bytearray(content)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        # Headers are at the beginning.
        at = at % 64 if rng.random() < 0.5 else at
        change = rng.randrange(7)
        if change == 0:
            data[at : at + 1] = rng.randbytes(1)
        elif change == 1:
            form = rng.choice("BHIQ")
            size = rng.choice(SIZES) % 2 ** (8 * struct.calcsize(form))
            number = struct.pack(rng.choice("<>") + form, size)
            data[at : at + len(number)] = number
        elif change == 2:
            del data[at:]
        elif change == 3:
            del data[at : at + rng.randrange(1, 20)]
        elif change == 4:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        elif change == 5:
            data[at:at] = rng.randbytes(rng.randrange(1, 20))
        else:
            data[at:at] = rng.choice((b"\0" * 300, b"\xff" * 8, b" 1" * 100, b"\n", b"[" * 5000))
    return bytes(data)


def changed(rng: random.Random, value: Any) -> Any:
    """Change a value somewhere in JSON."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.8:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        if rng.random() < 0.2:
            del value[key]
        elif isinstance(value, dict) and rng.random() < 0.1:
            value[rng.choice(("", "a.b", "\x1b", "0.weight"))] = value.pop(key)
        else:
            value[key] = changed(rng, value[key])
        return value
    return rng.choice(VALUES)


def changed_checkpoint(rng: random.Random, content: bytes) -> bytes:
    """Change the header of a safetensors file, or pycnn's part in it."""
    length = int.from_bytes(content[:8], "little")
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    if rng.random() < 0.5:
        ours = json.loads(header["__metadata__"]["pycnn"])
        for _ in range(rng.choice((1, 1, 2))):
            ours = changed(rng, ours)
        header["__metadata__"]["pycnn"] = json.dumps(ours)
    else:
        header = changed(rng, header)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers
