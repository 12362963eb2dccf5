"""The command ``pycnn`` of the package under test, for mpiexec."""

import sys

from pycnn.cli import main

if __name__ == "__main__":
    if sys.argv[1:2] == ["--without-mpi4py"]:
        del sys.argv[1]
        sys.modules["mpi4py"] = None  # type: ignore[assignment]
    sys.exit(main())
