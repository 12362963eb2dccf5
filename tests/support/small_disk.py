"""Disks that are full soon."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def mounted(place: Path) -> bool:
    """Mount a file system of 96 KiB, if this process may."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", os.fspath(place)]
    if not shutil.which("mount"):
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
