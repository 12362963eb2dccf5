"""The threads of each rank: the cores of its machine, divided among the ranks there."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from pycnn import _config, _core
from pycnn.distributed.channel import Channel
from pycnn.layers.parameter import Array

# Most cores that can be told apart.
MOST_CORES = 4096

OVERSUBSCRIBED = "oversubscribed"


def divide_threads(channel: Channel, node: Channel) -> str:
    """Set the threads of this rank unless the user chose them; describe those of all ranks.

    Parameters
    ----------
    channel, node : Channel
        Of all ranks, and of those on this machine.

    Returns
    -------
    str
        One sentence for all ranks; it mentions a machine with more threads than cores.
    """
    cores = sorted(os.sched_getaffinity(0))
    mask = np.zeros(MOST_CORES, np.int64)
    mask[[core for core in cores if core < MOST_CORES]] = 1
    sharing = node.gathered(mask).sum(axis=0)
    if not _chosen(os.environ):
        _core.set_num_threads(share_of(cores, sharing.tolist(), _alone(), node.size))
    threads = _core.get_num_threads()
    available = int(np.count_nonzero(sharing))
    on_node = int(node.gathered(np.array([threads])).sum())
    facts = channel.gathered(
        np.array([node.rank == 0, threads, available, on_node, node.size, len(cores)])
    )
    text = sentence(facts[:, 0], facts[:, 1], facts[:, 2:5])
    if available > 1 and (facts[:, 5] == 1).all():  # Open MPI binds so with few ranks
        text += ", each bound to one core by the launcher (--bind-to none)"
    return text


def share_of(cores: Sequence[int], sharing: Sequence[int], budget: int, ranks: int) -> int:
    """Return a rank's part of the cores.

    Parameters
    ----------
    cores : sequence of int
        Those that the rank may use.
    sharing : sequence of int
        Number of ranks of this machine that may use each core.
    budget : int
        Threads of the rank if it were alone: at most the cores, and the container's quota.
    ranks : int
        Ranks on the machine.
    """
    share = sum(1 / sharing[core] for core in cores if core < len(sharing) and sharing[core])
    if budget < len(cores):  # a quota, which all ranks share
        share = min(share, budget / ranks)
    return max(1, int(share + 1e-9))


def sentence(heads: Array, threads: Array, nodes: Array) -> str:
    """Say how many ranks, machines and threads there are.

    Parameters
    ----------
    heads : (ranks,) array
        1 for the first rank of each machine.
    threads : (ranks,) array
        Of each rank.
    nodes : (ranks, 3) array
        Cores, threads and ranks of each rank's machine.
    """
    machines, few, many = int(np.sum(heads)), int(min(threads)), int(max(threads))
    text = f"{len(threads)} ranks on {machines} machine{'s' if machines > 1 else ''}"
    text += f", {few}{f' to {many}' if many > few else ''} thread{'s' if many > 1 else ''} each"
    for cores, running, ranks in nodes:
        if running > cores:
            text += (
                f"; {OVERSUBSCRIBED}: {ranks} ranks with {running} threads share {cores} "
                f"core{'s' if cores > 1 else ''}"
            )
            break
    return text


@cache
def _alone() -> int:
    """Return the threads of this process before the first division."""
    return _core.get_num_threads()


def _chosen(environment: Mapping[str, str]) -> bool:
    """Return whether the user has set the number of threads."""
    names = ("PYCNN_NUM_THREADS", "OMP_NUM_THREADS")
    return _config.threads_were_set or any(environment.get(name) for name in names)
