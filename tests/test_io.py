"""Checkpoints: round trips, what the file holds, and everything that can be wrong with one."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from toy import same_bits, small_net, snapshot

from pycnn import __version__, io, models
from pycnn._files import atomic_write, check_writable, replace_together
from pycnn.layers import Linear, Sequential


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    io.save(path, models.lenet5(rng=0))
    return path


def test_round_trip(checkpoint: Path) -> None:
    model = models.lenet5(rng=1)
    io.load(checkpoint, model)
    assert same_bits(model.state_dict(), models.lenet5(rng=0).state_dict())
    assert same_bits(io.load_model(checkpoint).state_dict(), model.state_dict())
    assert [path.name for path in checkpoint.parent.iterdir()] == ["model.safetensors"]


def test_arguments_of_the_model_come_back(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    io.save(path, models.lenet5(classes=26, rng=0))
    model = io.load_model(path)
    assert model.spec == ("lenet5", {"classes": 26})
    assert model.state_dict()["11.weight"].shape == (26, 84)


def test_the_file_is_plain_safetensors(checkpoint: Path) -> None:
    state = load_file(checkpoint)
    assert same_bits(state, models.lenet5(rng=0).state_dict())
    with safe_open(checkpoint, "np") as file:
        header = json.loads(file.metadata()["pycnn"])
    assert header["version"] == __version__
    assert (header["model"], header["arguments"]) == ("lenet5", {"classes": 10})


def test_the_same_model_gives_the_same_bytes(checkpoint: Path) -> None:
    other = checkpoint.with_name("other")
    io.save(other, models.lenet5(rng=0))
    assert other.read_bytes() == checkpoint.read_bytes()


def test_files_of_others_load_by_name(tmp_path: Path) -> None:
    path, model = tmp_path / "theirs.safetensors", small_net(0)
    save_file(small_net(1).state_dict(), path)
    io.load(path, model)
    assert same_bits(model.state_dict(), small_net(1).state_dict())
    with pytest.raises(ValueError, match="does not say which model it holds"):
        io.load_model(path)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda path: cut(path, 0), "not a readable safetensors file"),
        (lambda path: cut(path, 5), "not a readable safetensors file"),
        (lambda path: cut(path, 300), "not a readable safetensors file"),
        (lambda path: cut(path, -1), "not a readable safetensors file"),
        (lambda path: path.write_bytes(b"PK" * 500), "not a readable safetensors file"),
        (lambda path: path.write_bytes(b"\xff" * 500), "not a readable safetensors file"),
        (lambda path: flip(path, -1), "corrupt: its checksum does not match"),
        (lambda path: flip(path, -100_000), "corrupt: its checksum does not match"),
    ],
)
def test_damage_is_seen_and_changes_nothing(
    checkpoint: Path, damage: Callable[[Path], None], text: str
) -> None:
    damage(checkpoint)
    model = models.lenet5(rng=1)
    before = snapshot(model)
    for read in (lambda: io.load(checkpoint, model), lambda: io.load_model(checkpoint)):
        with pytest.raises(ValueError, match=text) as info:
            read()
        assert str(checkpoint) in str(info.value)
    assert same_bits(before, model.state_dict())


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("{", "corrupt: its header cannot be read"),
        ("[1]", "corrupt: its header cannot be read"),
        ('{"model": "vgg16", "arguments": {}}', "unknown model 'vgg16'; available: alexnet"),
        ('{"model": "lenet5", "arguments": {"depth": 3}}', "unexpected keyword argument 'depth'"),
        ('{"model": "lenet5", "arguments": {"classes": "x"}}', "out_features must be an int"),
        ('{"model": "lenet5", "arguments": {"classes": 3}}', r"shape \(84, 2\), the model \(3, 84"),
        ('{"model": 5, "arguments": {}}', "does not say which model"),
        ("{}", "does not say which model"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, header: str, text: str) -> None:
    path = tmp_path / "m.safetensors"
    state = models.lenet5(rng=0).state_dict() | {"11.weight": np.zeros((84, 2), np.float32)}
    save_file(state, path, {"pycnn": header})
    with pytest.raises(ValueError, match=text):
        io.load_model(path)


def test_a_checkpoint_of_another_model(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=r"model\.safetensors: .*missing 4\.weight.*unexpected 11"):
        io.load(checkpoint, small_net())
    save_file({"0.weight": np.zeros((2, 3)), "0.bias": np.zeros(2)}, checkpoint)
    with pytest.raises(TypeError, match=r"model\.safetensors: .*got float64"):
        io.load(checkpoint, Sequential(Linear(3, 2)))


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.load(tmp_path / "nowhere", small_net())
    with pytest.raises(IsADirectoryError):
        io.load_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        io.save(tmp_path / "nowhere" / "m", small_net())
    with pytest.raises(IsADirectoryError):
        io.save(tmp_path, small_net())
    assert list(tmp_path.iterdir()) == []


# atomic_write --------------------------------------------------------------------------------


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
