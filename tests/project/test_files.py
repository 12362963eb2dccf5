"""Files: written whole or not at all, and errors that name them."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from support.killed import killed_at
from support.small_training import small_net

import pycnn
from pycnn import io
from pycnn._files import atomic_write, check_writable
from pycnn._temporary import create, remove_leftovers, temporary_name
from pycnn.plot.canvas import finish, new_figure
from pycnn.training.history import History, write_json


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


def test_the_temporary_file_is_locked_until_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that begins to write the file removes leftovers, and nothing else."""
    replace = os.replace

    def late(temporary: str, target: str) -> None:
        remove_leftovers(tmp_path, ("file",))
        replace(temporary, target)

    monkeypatch.setattr(os, "replace", late)
    with atomic_write(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


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


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_then_its_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def replaced(source: str, target: str) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    io.save(tmp_path / "m", small_net())
    assert calls == ["file", "replace", "folder"]


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


# Left behind by dead processes ----------------------------------------------------------------


def test_leftovers_of_the_dead_are_removed_and_those_of_the_living_stay(tmp_path: Path) -> None:
    dead, folder = tmp_path / temporary_name("file"), tmp_path / temporary_name("run")
    dead.touch()
    folder.mkdir()
    (folder / "file").touch()
    others = [tmp_path / name for name in (".file.tmp", ".file.1234567g.tmp", "file", "other")]
    for path in (*others, tmp_path / temporary_name("other")):
        path.touch()
    before = set(tmp_path.iterdir())
    with create(os.fspath(tmp_path / temporary_name("file"))) as living:
        remove_leftovers(tmp_path, ("file", "run"))
        assert set(tmp_path.iterdir()) == {*before, Path(living.name)} - {dead, folder}
    remove_leftovers(tmp_path / "nowhere", ("file",))


def test_a_leftover_is_no_link_that_is_followed(tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / temporary_name("file")
    precious.touch()
    link.symlink_to(precious)
    remove_leftovers(tmp_path, ("file",))
    assert precious.exists()


# Every writer --------------------------------------------------------------------------------

WRITES = re.compile(
    r"""open\([^)]*["'][wxa]\+?b?["']|\.open\(["'][wxa]|write_text|write_bytes|\.tofile\(|np\.save"""
)


def test_every_file_of_the_library_is_written_whole_or_not_at_all() -> None:
    """No module opens a file for writing but those that `atomic_write` is made of."""
    package = Path(pycnn.__file__).parent
    found = {
        os.fspath(path.relative_to(package)): WRITES.findall(path.read_text())
        for path in package.rglob("*.py")
    }
    assert {name: lines for name, lines in found.items() if lines} == {
        "_files.py": ['open(path, "wb"'],  # a device or a pipe
        "_temporary.py": ['open(path, "xb"'],
    }


def killed_while(write: Callable[[Path], object], folder: Path, name: str) -> None:
    """Kill a writer at each of its calls: the file is the old one or the new one."""
    write(folder / name)
    new = (folder / name).read_bytes()
    (folder / name).write_bytes(b"old")
    for call in count():
        if not killed_at(call, lambda: write(folder / name)):
            break
        assert (folder / name).read_bytes() in (b"old", new)
        (folder / name).write_bytes(b"old")
    assert call > 2
    assert (folder / name).read_bytes() == new


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("model.safetensors", lambda path: io.save(path, small_net())),
        ("history.csv", lambda path: History().to_csv(path)),
        ("history.json", lambda path: History().to_json(path)),
        ("settings.json", lambda path: write_json(path, {"a": 1})),
        ("picture.svg", lambda path: finish(new_figure(1, 1), path)),
    ],
)
def test_a_writer_that_is_killed_leaves_the_old_file_or_the_new_one(
    name: str, write: Callable[[Path], object], tmp_path: Path
) -> None:
    killed_while(write, tmp_path, name)
