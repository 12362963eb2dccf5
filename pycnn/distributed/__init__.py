"""Training on many processes and machines with MPI: see `Ranks`.

``mpiexec -n 4 pycnn train lenet5 --distributed`` and ``pycnn.fit(..., distributed=True)`` need the
extra ``mpi``, mpi4py. MPI does not start before a `Ranks` is made.
"""

from pycnn.distributed.mpi import DistributedError
from pycnn.distributed.ranks import Ranks

__all__ = ["DistributedError", "Ranks"]
