"""The library that stands in for NCCL, compiled from fake_nccl.c."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(not COMPILER, reason="needs a C compiler, cc")


def compiled(folder: Path) -> str:
    """Compile the library into a folder, and return its path."""
    assert COMPILER is not None
    library = str(folder / "libnccl.so.2")
    source = Path(__file__).with_suffix(".c")
    subprocess.run(
        [COMPILER, "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source], check=True
    )
    return library
