"""The machine's limits: multiply-adds per second and bytes per second."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from peers import Worker

# 256 MiB to read and 256 MiB to write, far more than any cache holds.
_COPY_FLOATS = 64 * 1024 * 1024
_ATTEMPTS = 5


def fma_peak(worker: Worker, seconds: float) -> float:
    """Return the FMA peak of pycnn's process, with its ISA and its threads, in FLOP/s."""
    return float(worker.ask("peak", seconds=seconds))


def copy_bandwidth(threads: int) -> float:
    """Return the bytes per second of a large copy, bytes read plus bytes written.

    Each thread copies its own slice (NumPy releases the interpreter lock), as a perfectly parallel
    op would.
    """
    source = np.ones(_COPY_FLOATS, np.float32)
    target = np.zeros(_COPY_FLOATS, np.float32)
    parts = np.array_split(target, threads), np.array_split(source, threads)
    times = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(_ATTEMPTS):
            start = time.perf_counter()
            list(pool.map(np.copyto, *parts))
            times.append(time.perf_counter() - start)
    return (source.nbytes + target.nbytes) / statistics.median(times)
