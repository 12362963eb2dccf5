"""Quotas of control groups, read in made-up file systems: how many processors a process may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycnn import _core

V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw"
V1 = "33 30 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "34 30 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
OTHERS = """22 28 0:20 / /proc rw shared:12 - proc proc rw
28 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
short line
"""


def quota(
    root: Path, groups: str, mounts: list[str], files: dict[str, str], other: str = OTHERS
) -> int:
    """What is read where these are the process's groups, the mounts, and the files of groups."""
    process = root / "proc" / "self"
    process.mkdir(parents=True, exist_ok=True)
    (process / "cgroup").write_text(groups)
    (process / "mountinfo").write_text("".join(line + "\n" for line in [*mounts, other.strip()]))
    for name, text in files.items():
        file = root / "sys" / "fs" / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return _core.cgroup_quota(str(root))


def v1(group: str, microseconds: int, period: int = 100_000) -> dict[str, str]:
    return {
        f"cpu,cpuacct{group}/cpu.cfs_quota_us": f"{microseconds}\n",
        f"cpu,cpuacct{group}/cpu.cfs_period_us": f"{period}\n",
    }


def test_a_quota_of_the_process_own_group(tmp_path: Path) -> None:
    """It is not in the folder that is mounted, but in that of the group within."""
    files = {"user.slice/job 7/cpu.max": "300000 100000\n"}
    assert quota(tmp_path, "0::/user.slice/job 7\n", [V2], files) == 3


@pytest.mark.parametrize(
    ("group", "expected"),
    [("/a/b/c", 2), ("/a/b", 2), ("/a", 4), ("/", 8), ("/a/z", 4), ("/other", 8)],
)
def test_the_smallest_quota_of_all_groups_above_wins(
    tmp_path: Path, group: str, expected: int
) -> None:
    files = {
        "cpu.max": "800000 100000",
        "a/cpu.max": "400000 100000",
        "a/b/cpu.max": "200000 100000",
        "a/b/c/cpu.max": "max 100000",
    }
    assert quota(tmp_path, f"0::{group}\n", [V2], files) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("150000 100000", 2),
        ("100000 100000", 1),
        ("1000 100000", 1),
        ("100001 100000", 2),
        ("50000 10000", 5),
        ("max 100000", 0),
        ("max", 0),
        ("", 0),
        ("nonsense 100000", 0),
        ("100000 0", 0),
        ("-1 100000", 0),
        ("1e300 1", 0),
        ("inf 1", 0),
        ("nan 1", 0),
    ],
)
def test_quotas_are_rounded_up_and_what_is_none_counts_for_nothing(
    tmp_path: Path, text: str, expected: int
) -> None:
    assert quota(tmp_path, "0::/\n", [V2], {"cpu.max": text}) == expected


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [({"/a/b": 250_000}, 3), ({"/a": 150_000, "/a/b": -1}, 2), ({"": 100_000}, 1), ({"/a": -1}, 0)],
)
def test_version_1(tmp_path: Path, quotas: dict[str, int], expected: int) -> None:
    groups = "5:memory:/elsewhere\n4:cpu,cpuacct:/a/b\n1:name=systemd:/init\n"
    files = {name: text for group, us in quotas.items() for name, text in v1(group, us).items()}
    files["memory/elsewhere/cpu.cfs_quota_us"] = files["memory/cpu.cfs_quota_us"] = "1"
    assert quota(tmp_path, groups, [V1_MEMORY, V1], files) == expected


def test_both_versions_at_once(tmp_path: Path) -> None:
    unified = V2.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified ")
    files = {"unified/x/cpu.max": "500000 100000", **v1("/y", 300_000)}
    groups = "4:cpu,cpuacct:/y\n0::/x\n"
    assert quota(tmp_path, groups, [unified, V1], files) == 3
    files |= {"unified/x/cpu.max": "200000 100000"}
    assert quota(tmp_path, groups, [unified, V1], files) == 2


@pytest.mark.parametrize(
    "group", ["/docker/abc", "/docker/abc/inner", "/", "/../..", "/docker/abcd"]
)
def test_a_container_sees_its_own_group_mounted(tmp_path: Path, group: str) -> None:
    """The group's name may be that outside, within its own mount; or one that cannot be seen."""
    mount = V2.replace(" / /sys", " /docker/abc /sys")
    files = {"cpu.max": "400000 100000", "d/cpu.max": "1 1", "inner/cpu.max": "200000 100000"}
    assert quota(tmp_path, f"0::{group}\n", [mount], files) == (2 if "inner" in group else 4)


def test_folders_with_blanks_and_controllers_with_longer_names(tmp_path: Path) -> None:
    blank = V2.replace("/sys/fs/cgroup ", r"/sys/fs/cgroup/with\040blank\134 ")
    files = {"with blank\\/g/cpu.max": "200000 100000", **v1("", 100_000)}
    sets = V1.replace("rw,cpu,cpuacct", "rw,cpuset,cpuacct")
    assert quota(tmp_path, "4:cpuset:/\n0::/g\n", [sets, blank], files) == 2


def test_systems_without_control_groups(tmp_path: Path) -> None:
    assert _core.cgroup_quota(str(tmp_path / "nothing here")) == 0
    assert quota(tmp_path, "", [], {}) == 0
    assert quota(tmp_path, "garbage\n:\n::\n0:\n", [V2, "1 2 3 - cgroup2", "-", " - "], {}) == 0


def test_this_systems_own_files_are_read() -> None:
    assert _core.cgroup_quota("") >= 0
