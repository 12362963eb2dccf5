"""The processes that train a model together: this one alone, or those of `pycnn.distributed`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from pycnn._config import get_num_threads
from pycnn._progress import Progress
from pycnn.layers.module import Module
from pycnn.optim import Optimizer
from pycnn.training.callbacks import Callback
from pycnn.training.interrupt import Gate
from pycnn.training.meter import Meter

T = TypeVar("T")

_NO_CONTEXT = nullcontext()  # one for all steps


class Alone:
    """What a training asks of its processes, for a single process.

    Attributes
    ----------
    rank, size : int
        Number of this process, and how many there are.
    """

    rank = 0
    size = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that shows progress and writes files."""
        return self.rank == 0

    @property
    def threads(self) -> str:
        """Say how many threads there are."""
        return f"threads: {get_num_threads()}"

    def shared(self, load: Callable[[], T]) -> T:
        """Load data sets, where they can be in memory once for several processes."""
        return load()

    def gate(self) -> Gate:
        """Return the gate for interrupting signals."""
        return Gate()

    def have_agreed(self, interruption: KeyboardInterrupt) -> bool:
        """Return whether the interruption ends the training in all processes."""
        return True

    def guarded(self) -> AbstractContextManager[Any]:
        """Return the context of a training: an error here must not leave others waiting."""
        return nullcontext()

    def share(self, batches: Any, validation: Any) -> tuple[Any, Any]:
        """Return this process's part of the training data and of the validation data."""
        return batches, validation

    def agree(self, settings: dict[str, Any]) -> None:
        """Refuse to begin if the processes were asked for different trainings."""

    def begin(self, model: Module, optimizer: Optimizer) -> None:
        """Begin the training from the same state in all processes."""

    def together(self, call: Callable[[], None]) -> None:
        """Call in all processes; if it fails in one, all raise."""
        call()

    def by_first(self, call: Callable[[], T]) -> T:
        """Call in the first process only, and return its result in all."""
        return call()

    def steps(self, source: Iterable[tuple[Any, Any]], first: int) -> Iterable[tuple[Any, Any]]:
        """Return the batches of an epoch from number `first` on."""
        return source

    @property
    def counts(self) -> bool:
        """Whether the current samples count, and are not only there to keep step."""
        return True

    def part(self, samples: int) -> AbstractContextManager[Any]:
        """Return the context of a forward and a backward pass of a part of `samples` samples."""
        return _NO_CONTEXT

    def weighted(self, gradient: Any, weight: float) -> Any:
        """Turn a loss gradient of this part's mean into one of the mean over the whole batch."""
        return gradient

    def sum_gradients(self, loss: float, weight: float) -> tuple[float, float]:
        """Add up all gradients; return the loss and the weight of the whole batch."""
        return loss, weight

    def text(self, text: str | None) -> str | None:
        """Return the text of the first process that has one."""
        return text

    def stop_reason(self, reason: str | None, callbacks: Sequence[Callback]) -> str | None:
        """Return the reason if one of these callbacks stops the training in any process."""
        return reason

    def ask_for_signals(self) -> None:
        """Agree to end the training if a signal has come since the last step."""

    def announce(self, progress: Progress) -> None:
        """Say how many processes and threads there are, if progress is to be shown."""

    def end_of_pass(self, model: Module) -> None:
        """Make the model the same in all processes, before it is measured or saved."""

    def gathered(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the states of all processes, if there are several."""
        return []

    def total(self, meter: Meter) -> Meter:
        """Return a meter with the counts of all processes."""
        return meter


_default: list[Alone] = []


def processes_of(distributed: Any) -> Alone:
    """Return the processes that the argument `distributed` of `pycnn.fit` stands for.

    Raises
    ------
    TypeError
        If it has a wrong type.
    DistributedError
        If there is no MPI, or only one rank.
    """
    if distributed is False:
        return Alone()
    if isinstance(distributed, Alone):
        return distributed
    if distributed is None:
        raise TypeError("[fit] distributed must be a bool, a communicator or Ranks, got None")
    from pycnn.distributed import Ranks

    if distributed is not True:
        return Ranks(distributed)
    if not _default:  # one for all calls: communicators are scarce, and all ranks must make them
        _default.append(Ranks())
    return _default[0]
