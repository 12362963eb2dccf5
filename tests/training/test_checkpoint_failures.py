"""A checkpoint that cannot be written: training says so and goes on, or stops; the last one stays.

A disk is full where a file system of its own can be mounted, else by a limit on the size of files.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from support.small_disk import mounted
from support.small_training import blobs, same_bits, small_net, snapshot

from pycnn import _files, io
from pycnn._temporary import temporary_name
from pycnn.optim import Adam
from pycnn.training import BestCheckpoint, Callback, CSVLog, History, Run, fit


class Trouble(Callback):
    """Does something after one step, and something else after another."""

    def __init__(self, begin: Callable[[], object], end: Callable[[], object]) -> None:
        self.begin, self.end = begin, end

    def on_step(self, run: Run) -> None:
        if run.step == 5:
            self.begin()
        if run.step == 10:
            self.end()


def nothing() -> None:
    pass


def trained(
    path: Path,
    begin: Callable[[], object] = nothing,
    end: Callable[[], object] = nothing,
    *,
    every: int | None = 1,
    resume: bool = False,
    errors: str = "warn",
) -> tuple[dict[str, np.ndarray], History]:
    model = small_net(dropout=0.5)
    history = fit(
        model, blobs(128), epochs=3, batch_size=32, optimizer=Adam(model.parameters()),
        checkpoint=path, every=every, resume=resume, on_checkpoint_error=errors,
        callbacks=[Trouble(begin, end)],
    )  # fmt: skip
    return snapshot(model), history


def step_of(path: Path) -> int:
    step: int = io.read_parts(path)[2]["step"]
    return step


def refuse(number: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes every file refuse to be created."""

    def create(path: str) -> None:
        raise OSError(number, os.strerror(number), path)

    return lambda: monkeypatch.setattr(_files, "create", create)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_training_warns_once_and_goes_on_and_the_last_good_checkpoint_stays(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, _ = trained(tmp_path / "plain")
    path = tmp_path / "checkpoint"
    with pytest.warns(RuntimeWarning) as warnings:
        state, history = trained(path, refuse(number, monkeypatch))
    (warning,) = warnings
    assert str(warning.message) == (
        f"[fit] the checkpoint {path} could not be written ({os.strerror(number)}): "
        "training goes on; on the disk is that of epoch 1"
    )
    assert len(history) == 3
    assert same_bits(state, plain)
    assert step_of(path) == 4
    monkeypatch.undo()
    resumed, _ = trained(path, resume=True)
    assert same_bits(resumed, plain)


def test_a_disk_that_has_room_again_is_written_to_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    begin = refuse(errno.ENOSPC, monkeypatch)
    with pytest.warns(RuntimeWarning) as warnings:
        trained(path, begin, monkeypatch.undo)
    assert len(warnings) == 1
    assert step_of(path) == 12


def test_training_stops_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint"
    with pytest.raises(OSError, match="No space left on device") as info:
        trained(path, refuse(errno.ENOSPC, monkeypatch), errors="raise")
    assert info.value.filename == str(path)
    assert step_of(path) == 4


def test_files_of_callbacks_that_cannot_be_written_end_no_training(tmp_path: Path) -> None:
    """Each warns once, and the checkpoint of the epoch is written."""
    folder, path = tmp_path / "folder", tmp_path / "checkpoint"
    folder.mkdir()
    callbacks = [
        Trouble(lambda: shutil.rmtree(folder), nothing),
        BestCheckpoint(folder / "best", monitor="loss"),
        CSVLog(folder / "log"),
    ]
    model = small_net()
    with pytest.warns(RuntimeWarning) as warnings:
        history = fit(
            model, blobs(128), epochs=4, batch_size=32, callbacks=callbacks, checkpoint=path
        )
    assert len(history) == 4
    assert step_of(path) == 16
    texts = [str(warning.message) for warning in warnings]
    assert len(texts) == 2
    for text, name in zip(texts, ("[BestCheckpoint]", "[CSVLog]"), strict=True):
        assert text.startswith(f"{name} {folder}")
        assert "could not be written (No such file or directory): training goes on" in text
    for callback in callbacks[1:]:
        with pytest.raises(FileNotFoundError):
            fit(model, blobs(128), callbacks=[callback])


def fill(place: Path) -> None:
    """Write to a disk until it is full."""
    with open(place / "other", "wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[], object]]:
    """Return what fills the disk that `place` is on from now on."""
    if mounted(place):
        try:
            yield lambda: fill(place)
        finally:
            subprocess.run(["umount", place], check=True)
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write fails with EFBIG
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2048, limits[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def test_a_disk_that_is_really_full_leaves_the_last_checkpoint_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as full:
        path = tmp_path / "disk" / "checkpoint"
        with pytest.warns(RuntimeWarning, match="could not be written"):
            trained(path, full)
        assert step_of(path) == 4
        assert not [file.name for file in path.parent.iterdir() if file.name.endswith(".tmp")]


def test_a_disk_that_becomes_read_only(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    if not mounted(place):
        pytest.skip("this process may not mount a file system")
    remount = ["mount", "-o", "remount,ro", os.fspath(place)]
    try:
        with pytest.warns(RuntimeWarning, match="Read-only file system"):
            trained(place / "checkpoint", lambda: subprocess.run(remount, check=True))
        assert step_of(place / "checkpoint") == 4
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_folder_that_vanished(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "checkpoint"
    path.parent.mkdir()
    with pytest.warns(RuntimeWarning, match="No such file or directory") as warnings:
        _, history = trained(path, lambda: shutil.rmtree(path.parent))
    assert len(warnings) == 1
    assert len(history) == 3
    with pytest.raises(FileNotFoundError):
        trained(path)


def test_what_a_killed_process_left_of_the_checkpoint_is_removed(tmp_path: Path) -> None:
    left, other = tmp_path / temporary_name("checkpoint"), tmp_path / temporary_name("other")
    left.touch()
    other.touch()
    trained(tmp_path / "checkpoint")
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint", other.name}


def test_a_link_to_a_checkpoint_stays_a_link(tmp_path: Path) -> None:
    place, link = tmp_path / "disk", tmp_path / "link"
    place.mkdir()
    link.symlink_to(place / "checkpoint")
    trained(link)
    assert link.is_symlink()
    assert step_of(place / "checkpoint") == 12
