"""Paths of checkpoints: a str or a path, and only regular files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.small_training import blobs, small_net

import pycnn
from pycnn.datasets.idx import read_idx
from pycnn.training import BestCheckpoint, fit

USES: dict[str, Callable[[Any], object]] = {
    "save": lambda path: pycnn.save(path, small_net()),
    "load": lambda path: pycnn.load(path, small_net()),
    "load_model": pycnn.load_model,
}


@pytest.mark.parametrize("path", [None, 3, 2**32, b"x", 1.5, ["x"]])
@pytest.mark.parametrize("name", USES)
def test_a_path_of_another_kind_is_named(name: str, path: object) -> None:
    text = rf"\[{name}\] path must be a path, a str or a pathlib.Path, got {re.escape(repr(path))}"
    with pytest.raises(TypeError, match=text):
        USES[name](path)


@pytest.mark.parametrize("name", USES)
def test_a_path_with_a_null_character_is_told(name: str) -> None:
    with pytest.raises(ValueError, match=rf"\[{name}\] path must not hold a null .*a\\x00b"):
        USES[name]("a\0b")


def test_a_data_file_with_a_null_character_is_told() -> None:
    """It was "embedded null byte", without the file."""
    with pytest.raises(ValueError, match=r"a\\x00b is no file: a name has no null character"):
        read_idx("a\0b")


@pytest.fixture(params=["pipe", "device", "link"])
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Something that is there and no regular file."""
    path = tmp_path / "x"
    if request.param == "device":
        return Path("/dev/null")
    if request.param == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    return path


def test_a_model_is_not_saved_to_a_pipe_or_a_device(stream: Path) -> None:
    """A pipe that nobody reads used to block for ever, and a device kept nothing."""
    with pytest.raises(ValueError, match=rf"{stream} cannot be written: it is no regular file"):
        pycnn.save(stream, small_net())


def test_a_training_has_no_pipe_or_device_as_its_checkpoint(stream: Path) -> None:
    with pytest.raises(ValueError, match=rf"{stream} cannot be written: it is no regular file"):
        fit(small_net(), blobs(8), epochs=1, checkpoint=stream)
    with pytest.raises(ValueError, match=rf"{stream} cannot be written: it is no regular file"):
        fit(small_net(), blobs(8), blobs(8), epochs=1, callbacks=[BestCheckpoint(stream)])
