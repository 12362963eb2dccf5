"""Check that the files a training would replace are those of an earlier run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pycnn import io
from pycnn._reading import MOST_HISTORY, MOST_SETTINGS, open_regular, parse_json, read_whole
from pycnn._run_files import CHECKPOINT, HISTORY, SETTINGS, TABLE, TRAINING
from pycnn._safetensors import open_tensors
from pycnn.training.history import FIELDS


def check_earlier_files(folder: Path) -> None:
    """Refuse a folder in which a training would replace a file that pycnn has not written.

    Empty files are ignored, and so are pictures, which do not show what wrote them.

    Raises
    ------
    ValueError
        If there is such a file; the text names it.
    OSError
        If a file cannot be read.
    """
    for name, test in _TESTS.items():
        path = folder / name
        if path.exists() and path.stat().st_size and not _is_ours(path, test):
            raise ValueError(
                f"{path} is not a file of a run of pycnn, and a training would replace it: move "
                "it, or give another folder with --out"
            )


def _is_ours(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except ValueError:  # another kind of file, broken, or not a regular file
        return False


def _is_model(path: Path) -> bool:
    file, tensors = open_tensors(path)
    file.close()
    return io.METADATA_KEY in tensors.metadata


def _is_training(path: Path) -> bool:
    file, tensors = open_tensors(path)
    file.close()
    return io.STATE in tensors.shapes


def _is_table(path: Path) -> bool:
    header = ",".join(FIELDS).encode()
    with open_regular(path) as file:
        return file.read(len(header)) == header


def _has(names: set[str], most: int) -> Callable[[Path], bool]:
    """Return a test of whether a JSON file holds a mapping with these names."""

    def test(path: Path) -> bool:
        content: Any = parse_json(read_whole(path, most))
        return isinstance(content, dict) and names <= content.keys()

    return test


_TESTS = {
    CHECKPOINT: _is_model,
    TRAINING: _is_training,
    TABLE: _is_table,
    SETTINGS: _has({"model", "seed"}, MOST_SETTINGS),
    HISTORY: _has({"epochs", "interrupted"}, MOST_HISTORY),
}
