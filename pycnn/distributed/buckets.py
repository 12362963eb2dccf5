"""Parts of the flat array that are summed while the backward pass goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from pycnn.distributed.home import Home
from pycnn.layers.parameter import Array

# A bucket is full with this many numbers: 1 MiB. At 25 Gbit/s that takes 0.3 ms, while a sum over
# 64 ranks has 12 rounds of about 10 us: smaller buckets would wait rather than send.
NUMBERS = 1 << 18


class Buckets:
    """Parts of a flat array that a thread sums over the ranks, always in the same order.

    The sum of a bucket begins when each of its parameters has received as many gradients as in the
    second step, which counts them, and all earlier buckets have begun: the order must be the same
    on all ranks. The rest, and buckets that lack gradients, wait for `finish`.

    Parameters
    ----------
    flat : array
        Gradients in the order of `homes`, followed by the tail.
    homes : sequence of Home
        Their places.
    add : function of array
        Sums a part over the ranks, in place.
    """

    def __init__(self, flat: Array, homes: Sequence[Home], add: Callable[[Array], None]) -> None:
        self._flat, self._homes, self._add = flat, homes, add
        self._ends = _ends(homes, flat.size)
        self._bucket = {
            id(home): next(number for number, end in enumerate(self._ends) if home.start < end)
            for home in homes
        }
        self._steps = 0
        self._missing: list[int] = []  # gradients that each bucket waits for
        self._begun: list[Future[None]] = []
        self._thread: ThreadPoolExecutor | None = None

    def arrived(self, home: Home) -> None:
        """Begin the buckets that are complete with this gradient."""
        if home.expected is None:
            return
        self._missing[self._bucket[id(home)]] -= 1
        while len(self._begun) < len(self._ends) - 1 and self._missing[len(self._begun)] == 0:
            self._begin()

    def finish(self) -> None:
        """Sum the rest, wait for all sums, and prepare for the next step."""
        while len(self._begun) < len(self._ends):
            self._begin()
        for sum_of in self._begun:
            sum_of.result()
        self._begun = []
        self._steps += 1
        if self._steps == 2:  # the first one had no homes yet
            for home in self._homes:
                # A parameter without a gradient waits for the end, where its zeros are written.
                home.expected = max(1, home.arrivals)
        self._missing = [0] * len(self._ends)
        for home in self._homes:
            home.arrivals = 0
            self._missing[self._bucket[id(home)]] += home.expected or 0

    @property
    def busy(self) -> bool:
        """Whether sums have begun that the other ranks may never join."""
        return not all(sum_of.done() for sum_of in self._begun)

    def close(self) -> None:
        """End the thread."""
        if self._thread is not None:
            self._thread.shutdown()

    def _begin(self) -> None:
        number = len(self._begun)
        start = self._ends[number - 1] if number else 0
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "pycnn-gradients")
        self._begun.append(self._thread.submit(self._add, self._flat[start : self._ends[number]]))


def _ends(homes: Sequence[Home], size: int) -> list[int]:
    """Return the ends of the buckets: each after a whole parameter, the last after the tail."""
    ends = [0]
    for home in homes:
        if home.stop - ends[-1] >= NUMBERS:
            ends.append(home.stop)
    return [*ends[1:], size]
