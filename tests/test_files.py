"""Files: written whole or not at all, and errors that name them."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from toy import small_net

from pycnn import io
from pycnn._files import atomic_write, check_writable, replace_together


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def half_a_write() -> None:
        with atomic_write(path) as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_a_write()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_has_the_usual_mode_and_keeps_the_old_one(tmp_path: Path) -> None:
    fresh, plain = tmp_path / "fresh", tmp_path / "plain"
    plain.touch()
    with atomic_write(fresh) as file:
        file.write(b"x")
    assert fresh.stat().st_mode == plain.stat().st_mode
    fresh.chmod(0o600)
    with atomic_write(fresh) as file:
        file.write(b"y")
    assert stat.S_IMODE(fresh.stat().st_mode) == 0o600


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with atomic_write(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    check_writable(pipe)
    with atomic_write(pipe) as file:
        file.write(b"hello")
    reader.join(10)
    assert received == [b"hello"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_file_is_on_the_disk_before_it_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (calls.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b)))
    io.save(tmp_path / "m", small_net())
    assert calls == ["fsync", "replace"]


def test_check_writable_leaves_nothing(tmp_path: Path) -> None:
    check_writable(tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    blocker = tmp_path / "blocker"
    blocker.touch()
    for path in (blocker / "file", tmp_path / "nowhere" / "file", tmp_path):
        with pytest.raises(OSError, match="directory") as info:
            check_writable(path)
        assert info.value.filename == str(path)


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "file"
    with pytest.raises(FileNotFoundError) as info, atomic_write(path):
        pass
    assert str(info.value) == f"[Errno 2] No such file or directory: '{path}'"
    other = tmp_path / "other"
    with pytest.raises(FileNotFoundError) as info, atomic_write(tmp_path / "file"):
        other.read_bytes()
    assert info.value.filename == str(other)


# replace_together ----------------------------------------------------------------------------


@pytest.fixture
def old_files(tmp_path: Path) -> Path:
    """A folder with the files a, b and c, and one that has nothing to do with them."""
    for name in ("a", "b", "c", "other"):
        (tmp_path / name).write_text("old")
    return tmp_path


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def replace_a_and_b(folder: Path) -> None:
    with replace_together(folder, ("a", "b", "c")) as new:
        (new / "a").write_text("new")
        (new / "b").write_text("new")


def test_files_are_replaced_together_and_what_is_not_written_anew_goes(old_files: Path) -> None:
    replace_a_and_b(old_files)
    assert written(old_files) == {"a": "new", "b": "new", "other": "old"}


def test_files_that_are_not_complete_replace_nothing(old_files: Path) -> None:
    before = written(old_files)

    def half_of_it() -> None:
        with replace_together(old_files, ("a", "b")) as new:
            (new / "a").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_of_it()
    assert written(old_files) == before


def test_errors_of_files_that_belong_together_name_the_one_that_was_meant(old_files: Path) -> None:
    with pytest.raises(FileNotFoundError) as info, replace_together(old_files, ("a",)) as new:
        (new / "a").read_text()
    assert info.value.filename == str(old_files / "a")
    (old_files / "b").unlink()
    (old_files / "b").mkdir()
    with pytest.raises(IsADirectoryError) as info:
        replace_a_and_b(old_files)
    assert info.value.filename == str(old_files / "b")
    (old_files / "b").rmdir()
    assert written(old_files) == {"a": "old", "c": "old", "other": "old"}


def test_a_replacement_that_is_cut_short_mixes_nothing(
    old_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def cut_short(self: Path, target: Path) -> Path:
        if target.name == "b":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", cut_short)
    with pytest.raises(KeyboardInterrupt):
        replace_a_and_b(old_files)
    assert written(old_files) == {"a": "new", "other": "old"}
