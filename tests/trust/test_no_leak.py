"""Valgrind finds no memory that we have lost: every layer, some steps, a file written and read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from support.child import output

import pycnn

USE = Path(__file__).with_name("use_everything.py")


def test_the_use_of_everything_runs(tmp_path: Path) -> None:
    """Without Valgrind, which takes a minute for it."""
    count = output(f"import runpy; runpy.run_path({str(USE)!r})['main']({str(tmp_path)!r}, 2)")
    assert int(count) > 50


@pytest.mark.trust
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_no_lost_block_is_ours(tmp_path: Path, tried: Callable[[str, int, str], None]) -> None:
    report = tmp_path / "report.xml"
    done = subprocess.run(
        [
            *("valgrind", "--leak-check=full", "--show-leak-kinds=definite,indirect"),
            *("--num-callers=40", "--xml=yes", f"--xml-file={report}"),
            *(sys.executable, str(USE), str(tmp_path), "5"),
        ],
        # Valgrind does not know AVX-512, and Python's allocator hides who leaked memory.
        env={
            **os.environ,
            "PYTHONMALLOC": "malloc",
            "PYCNN_ISA": "baseline",
            "PYCNN_NUM_THREADS": "2",
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    extension = str(Path(pycnn.__file__).parent / "_core")
    errors = ElementTree.parse(report).getroot().findall("error")
    ours = [
        ElementTree.tostring(error, encoding="unicode")
        for error in errors
        if any((frame.text or "").startswith(extension) for frame in error.iter("obj"))
    ]
    assert not ours, ours[0]
    tried("calls under valgrind", int(done.stdout), "no block lost, nothing read that is not there")
