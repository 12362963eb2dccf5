"""Files that belong together: replaced all of them or none, wherever a process is killed."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from support.killed import killed_at
from support.saved_run import save_run, seeds_of

from pycnn import _together, io, models
from pycnn._run_files import CHECKPOINT, FILES, checkpoint_of
from pycnn._temporary import remove_leftovers
from pycnn._together import COMPLETE, MOVING, PLACE, file_of, replace_together, settle

NAMES = ("a", "b", "c")


@pytest.fixture
def old_files(tmp_path: Path) -> Path:
    """A folder with the files a, b and c, and one that has nothing to do with them."""
    for name in (*NAMES, "other"):
        (tmp_path / name).write_text("old")
    return tmp_path


def written(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def replace_a_and_b(folder: Path) -> None:
    with replace_together(folder, NAMES) as new:
        (new / "a").write_text("new")
        (new / "b").write_text("new")


OLD = {"a": "old", "b": "old", "c": "old", "other": "old"}
NEW = {"a": "new", "b": "new", "other": "old"}


def test_files_are_replaced_together_and_what_is_not_written_anew_goes(old_files: Path) -> None:
    replace_a_and_b(old_files)
    assert written(old_files) == NEW


def test_files_that_are_not_complete_replace_nothing(old_files: Path) -> None:
    def half_of_it() -> None:
        with replace_together(old_files, ("a", "b")) as new:
            (new / "a").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_of_it()
    assert written(old_files) == OLD


def test_errors_of_files_that_belong_together_name_the_one_that_was_meant(old_files: Path) -> None:
    with pytest.raises(FileNotFoundError) as info, replace_together(old_files, ("a",)) as new:
        (new / "a").read_text()
    assert info.value.filename == str(old_files / "a")
    (old_files / "b").unlink()
    (old_files / "b").mkdir()
    with pytest.raises(IsADirectoryError) as other:
        replace_a_and_b(old_files)
    assert other.value.filename == str(old_files / "b")
    (old_files / "b").rmdir()
    assert written(old_files) == {"a": "old", "c": "old", "other": "old"}


@pytest.mark.parametrize("name", ["b", COMPLETE])
def test_ctrl_c_comes_too_late_when_the_new_files_are_complete(
    name: str, old_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault hits the move of a file or the rename of their folder."""
    interruptions = [KeyboardInterrupt]
    for call in ("replace", "rename"):

        def cut_short(source: Path, target: Path, call: object = getattr(os, call)) -> None:
            if Path(source).name == name and interruptions:
                raise interruptions.pop()
            call(source, target)  # type: ignore[operator]

        monkeypatch.setattr(os, call, cut_short)
    replace_a_and_b(old_files)
    assert interruptions == []
    assert written(old_files) == NEW


def seen(folder: Path) -> dict[str, str]:
    """Return the files that a pycnn program without write permission finds."""
    places = {name: file_of(folder, name) for name in NAMES} | {"other": folder / "other"}
    return {name: path.read_text() for name, path in places.items() if path.exists()}


@pytest.mark.parametrize("linked", [False, True])
def test_a_kill_at_any_call_leaves_all_old_files_or_all_new_ones(
    old_files: Path, tmp_path_factory: pytest.TempPathFactory, linked: bool
) -> None:
    for call in count():
        folder = tmp_path_factory.mktemp("killed") / "folder"
        shutil.copytree(old_files, folder)
        path = folder
        if linked:
            path = folder.parent / "link"
            path.symlink_to(folder)
        killed = killed_at(call, partial(replace_a_and_b, path))
        whole = seen(path)
        assert whole in (OLD, NEW), call
        raw = [(path / name).read_text() for name in NAMES if (path / name).exists()]
        assert len(set(raw)) == 1, f"old and new side by side at call {call}"
        if linked:
            settle(path, NAMES)
        for again in count():  # killed again and again while it is being finished
            if not killed_at(again, partial(settle, path, NAMES)):
                break
            assert seen(path) == whole
        remove_leftovers(path, (PLACE, *NAMES))
        assert written(path) == whole
        if not killed:
            assert whole == NEW
            assert call > 15
            return


def test_what_one_process_could_not_finish_the_next_one_does_first(old_files: Path) -> None:
    (old_files / MOVING).mkdir()
    (old_files / MOVING / "b").write_text("older")
    for name in ("b", "c"):
        (old_files / name).unlink()
    replace_a_and_b(old_files)
    assert written(old_files) == NEW


# A run --------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [COMPLETE, MOVING])
def test_a_run_that_may_not_be_finished_is_read_where_it_is(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(tmp_path, 1, monkeypatch)
    (tmp_path / state).mkdir()
    for name in FILES:
        if (tmp_path / name).exists():
            (tmp_path / name).rename(tmp_path / state / name)
    # With COMPLETE the old files may still exist, with MOVING no longer.
    if state == COMPLETE:
        io.save(tmp_path / CHECKPOINT, models.lenet5(rng=0))
        (tmp_path / "settings.json").write_text(json.dumps({"data": None, "seed": 0}))

    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(_together, "_finish", read_only)
    assert seeds_of(tmp_path) == {1}
    assert checkpoint_of(tmp_path / CHECKPOINT) == tmp_path / state / CHECKPOINT
    assert checkpoint_of(tmp_path) == tmp_path / state / CHECKPOINT
