"""Time calls in blocks of repetitions, with the median of each block."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable

# A repetition lasts at least this long, so that the clock and the loop cost less than 0.1 %.
_SECONDS_PER_REPETITION = 5e-4
_LEAST_REPETITIONS = 3


def calibrate(call: Callable[[], object], seconds: float) -> int:
    """Warm up for about `seconds`; return how many calls make one repetition."""
    once = math.inf
    stop = time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        call()
        end = time.perf_counter()
        once = min(once, end - start)
        if end >= stop:
            return max(1, math.ceil(_SECONDS_PER_REPETITION / once))


def block(call: Callable[[], object], calls: int, seconds: float) -> float:
    """Repeat `calls` calls for about `seconds`; return the median time of one call in seconds."""
    times: list[float] = []
    stop = time.perf_counter() + seconds
    while len(times) < _LEAST_REPETITIONS or time.perf_counter() < stop:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times)
