"""Ranks: the processes of MPI that train one model together."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from pycnn._arguments import choice, flag, positive
from pycnn.devices import EXTENSIONS
from pycnn.distributed.channel import Channel
from pycnn.distributed.cuda_device import choose_device, launched_as
from pycnn.distributed.failure import ENDED, guarded, meet, tell
from pycnn.distributed.memory import SharedSets
from pycnn.distributed.mpi import DistributedError, load, world
from pycnn.distributed.team import Team
from pycnn.distributed.threads import divide_threads

if TYPE_CHECKING:
    from mpi4py import MPI

T = TypeVar("T")


def _tell_of_the_end(comm: MPI.Intracomm) -> None:
    """Tell the other ranks that this process ends, unless MPI has already ended."""
    if not load().Is_finalized():
        tell(comm, ENDED)


class Ranks(Team):
    """The processes started by a launcher such as ``mpiexec -n 4``, which train one model.

    Each has a copy of the model and computes its part of every batch. Their gradients are summed
    before each update, so that all ranks make the same update. Making an instance starts MPI, and
    all ranks must make one. Pass it to `pycnn.fit` as ``distributed``; True stands for an instance
    with the defaults.

    Parameters
    ----------
    communicator : mpi4py.MPI.Intracomm, optional
        The ranks; all that were started by default.
    deterministic : bool
        Whether to sum gradients in a fixed order, a tree over the ranks, rather than in the order
        of MPI: the same number of ranks then gives the same bits each time, with any MPI on any
        network.
    sync_batch_norm : bool
        Whether batch normalisation uses the statistics of the whole batch rather than those of the
        rank's part.
    overlap : bool
        Whether to sum gradients while the backward pass goes on, in a thread that needs a core for
        the messages.
    device : {'cpu', 'cuda', 'cuda_emulated'}
        Where the model will be. For 'cuda' each rank takes one GPU of its machine, before CUDA
        starts: make the instance before ``model.to("cuda")``.
    timeout : float
        Seconds to wait at the beginning for ranks that have not come yet.

    Attributes
    ----------
    rank, size : int
        Number of this process, from 0, and the number of processes.
    threads : str
        A sentence about the machines and the threads. The cores of a machine are divided among its
        ranks, unless `pycnn.set_num_threads` or the environment sets the threads of each.

    Raises
    ------
    DistributedError
        A ValueError: if there is no mpi4py, no MPI, or only one rank.
    TypeError, ValueError
        If an argument is not as above.

    Examples
    --------
    >>> ranks = pycnn.distributed.Ranks()
    >>> train, test = ranks.shared(pycnn.datasets.mnist)  # in memory once a machine
    >>> model = pycnn.models.lenet5(rng=0)
    >>> history = pycnn.fit(model, train, test, epochs=3, distributed=ranks)
    """

    def __init__(
        self,
        communicator: MPI.Intracomm | None = None,
        *,
        deterministic: bool = False,
        sync_batch_norm: bool = False,
        overlap: bool = False,
        device: str = "cpu",
        timeout: float = 600.0,
    ) -> None:
        for name, value in (
            ("deterministic", deterministic),
            ("sync_batch_norm", sync_batch_norm),
            ("overlap", overlap),
        ):
            flag("Ranks", name, value)
        choice("Ranks", "device", device, ("cpu", *EXTENSIONS))
        seconds = positive("Ranks", "timeout", timeout)
        gpus = ""
        if device == "cuda" and (place := launched_as()) is not None:
            gpus = choose_device(*place, device)  # now: a CUDA-aware MPI starts CUDA itself
        comm = world(communicator)
        meet(comm, seconds)
        super().__init__(Channel(comm), seconds, deterministic, sync_batch_norm, overlap)
        # Before MPI ends, which waits for the other ranks: they must not wait for this one.
        atexit.register(_tell_of_the_end, self.channel.comm)
        with guarded(self.channel.comm, brief=False):
            if overlap and load().Query_thread() < load().THREAD_MULTIPLE:
                raise DistributedError("overlap=True needs an MPI with MPI_THREAD_MULTIPLE")
            shared = self.channel.comm.Split_type(load().COMM_TYPE_SHARED)
            self.node = Channel(shared)  # of this machine
            if device == "cuda" and not gpus:
                gpus = choose_device(self.node.rank, self.node.size, device)
            self._threads = divide_threads(self.channel, self.node)
            self._threads += f"; {gpus}" if gpus else ""
        self._sets = SharedSets(self.node)

    @property
    def threads(self) -> str:
        """Say how many ranks, machines and threads there are."""
        return self._threads

    def shared(self, load: Callable[[], T]) -> T:
        """Load data sets once in memory for all ranks of a machine.

        Parameters
        ----------
        load : function without arguments
            Returns one data set or a tuple of them, as `pycnn.datasets.mnist` does. If they are
            `pycnn.ArrayDataset`, it is called on one rank of each machine, and all its ranks share
            the arrays, which are read-only. Otherwise each rank calls it.
        """
        with self.guarded():
            return self._sets.load(load)
