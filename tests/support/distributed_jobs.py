"""The work of ranks in tests of distributed training: a script for mpiexec, a job for each name.

    python distributed_jobs.py NAME [OPTIONS AS JSON]

Rank 0 prints results as one line of JSON, the last one.
"""

from __future__ import annotations

import json
import os
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import pycnn
from pycnn import distributed
from pycnn.layers.parameter import Array
from pycnn.training import Callback, Run
from support.annotations import Options
from support.distributed_nets import (
    digits,
    follow,
    neocognitron,
    on_device,
    resume,
    small_net,
    state_of,
    train_small,
    wide,
)
from support.distributed_trouble import job_odd, job_trouble


def job_follow(options: dict[str, Any]) -> dict[str, Any]:
    ranks = distributed.Ranks(
        deterministic=options.get("deterministic", False),
        overlap=options.get("overlap", False),
        sync_batch_norm=True,
    )
    return follow(options, ranks)


def job_same_bits(options: dict[str, Any]) -> dict[str, Any]:
    """Train with every way of summing; the tree has the same bits each time, overlapping or not."""
    found = {}
    ways: dict[str, Options] = {
        "tree": {"deterministic": True},
        "again": {"deterministic": True},
        "overlapping": {"deterministic": True, "overlap": True},
        "by MPI": {"overlap": True},
    }
    for name, arguments in ways.items():
        found[name] = zlib.crc32(wide(distributed.Ranks(**arguments)).tobytes())
    return found


def job_hosts(options: dict[str, Any]) -> dict[str, Any]:
    """Train on two hosts; return the shortest round trip of a message."""
    ranks = distributed.Ranks(overlap=True)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        for sender in (0, 1):
            if ranks.rank == sender:
                ranks.channel.comm.Send(np.zeros(1), 1 - sender)
            else:
                ranks.channel.comm.Recv(np.zeros(1), 1 - ranks.rank)
        times.append(time.perf_counter() - start)
    state = wide(ranks)
    return {
        "machines": ranks.threads,
        "round trip": min(times),
        "state": state[:: len(state) // 1000].tolist(),
    }


def job_uneven(options: dict[str, Any]) -> dict[str, Any]:
    """Train on numbers of samples that ranks cannot share evenly."""
    ranks = distributed.Ranks()
    return {
        str(samples): state_of(train_small(ranks, samples=samples, epochs=2)).tolist()
        for samples in options["samples"]
    }


def job_device(options: dict[str, Any]) -> dict[str, Any]:
    ranks = distributed.Ranks(deterministic=options["deterministic"], sync_batch_norm=True)
    return on_device("cuda_emulated", ranks)


def job_shared(options: dict[str, Any]) -> dict[str, Any]:
    ranks = distributed.Ranks()
    loads = [0]

    def pixels() -> pycnn.ArrayDataset:
        x = np.arange(60, dtype=np.uint8).reshape(5, 3, 4)
        return pycnn.ArrayDataset(x, list("babca"), mean=(0.1, 0.2, 0.3), std=0.5)

    def load() -> tuple[pycnn.ArrayDataset, pycnn.ArrayDataset, pycnn.ArrayDataset]:
        loads[0] += 1
        data = digits(1000)
        return data, data[:10], pixels()

    train, test, shared = ranks.shared(load)
    own, order = digits(1000), np.arange(5)
    same = bool((train.x == own.x).all() and (train.y == own.y).all() and len(test) == 10)
    same &= bool((shared.gather(order) == pixels().gather(order)).all())
    same &= (shared.classes, shared.named) == (("a", "b", "c"), True)
    numbers = ranks.channel.gathered(np.array([loads[0], same, train.x.flags.writeable]))
    model = small_net()
    pycnn.fit(model, train, test, batch_size=100, progress=False, distributed=ranks)
    return {
        "loads": numbers[:, 0].tolist(),
        "same": numbers[:, 1].tolist(),
        "writeable": numbers[:, 2].tolist(),
        "classes": train.classes,
    }


def job_counted(options: dict[str, Any]) -> dict[str, Any]:
    """Return the figures of a training, and whether callbacks of all ranks see the same losses."""
    ranks = distributed.Ranks()
    seen = []

    class Seen(Callback):
        def on_step(self, run: Run) -> None:
            seen.append(run.loss)

    model = small_net()
    history = pycnn.fit(
        model, digits(330), digits(101), batch_size=32, epochs=2, progress=False,
        distributed=ranks, callbacks=[Seen()],
    )  # fmt: skip
    losses = ranks.channel.gathered(np.array(seen))
    return {
        "records": [list(record[:6]) for record in history.records],
        "alike": bool((losses == losses[0]).all()),
        "steps": len(seen),
    }


def job_own_batches(options: dict[str, Any]) -> dict[str, Any]:
    """Train on batches that each rank makes itself: of a global batch, every n-th sample."""
    ranks = distributed.Ranks()
    data = digits(320)
    rank, size = ranks.rank, ranks.size

    class Batches:
        def __iter__(self) -> Iterator[tuple[Array, Array]]:
            for start in range(0, 320, 32):
                part = slice(start + 32 * rank // size, start + 32 * (rank + 1) // size)
                if options.get("short") and rank == 1 and start > 200:
                    return
                yield data.x[part], data.y[part]

    model = small_net()
    optimizer = pycnn.optim.SGD(model.parameters(), 0.05)
    pycnn.fit(model, Batches(), optimizer=optimizer, progress=False, distributed=ranks)
    return {"state": state_of(model).tolist()}


def job_neocognitron(options: dict[str, Any]) -> dict[str, Any]:
    return neocognitron(distributed.Ranks())


def job_resume(options: dict[str, Any]) -> dict[str, Any]:
    return resume(options, distributed.Ranks(deterministic=True))


def job_threads(options: dict[str, Any]) -> dict[str, Any]:
    """Return the threads that each rank takes, and those it would take alone."""
    alone = pycnn.get_num_threads()
    ranks = distributed.Ranks()
    mine = [pycnn.get_num_threads(), alone]
    return {"ranks": ranks.channel.gathered(np.array(mine)).tolist(), "said": ranks.threads}


JOBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "counted": job_counted,
    "device": job_device,
    "follow": job_follow,
    "hosts": job_hosts,
    "neocognitron": job_neocognitron,
    "odd": job_odd,
    "own_batches": job_own_batches,
    "resume": job_resume,
    "same_bits": job_same_bits,
    "shared": job_shared,
    "threads": job_threads,
    "trouble": job_trouble,
    "uneven": job_uneven,
}


def main() -> None:
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    result = JOBS[sys.argv[1]](options)
    if int(os.environ.get("OMPI_COMM_WORLD_RANK", "0")) == 0:
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
