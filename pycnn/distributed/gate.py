"""Signals in a training of several ranks: it ends after a step, on all of them after the same."""

from __future__ import annotations

from types import FrameType

from pycnn.distributed.failure import Agreed
from pycnn.training.interrupt import Gate


class RanksGate(Gate):
    """Keeps a signal back until all ranks have agreed to end the training; a second one ends it.

    Attributes
    ----------
    agreed : bool
        Whether they have, with the last step.
    """

    __slots__ = ("agreed",)

    def __init__(self) -> None:
        super().__init__()
        self.agreed = False

    @property
    def asked(self) -> bool:
        """Whether a signal has come to this rank."""
        return self._waiting is not None

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._waiting is None:
            self._waiting = signum
        else:
            self._raise(signum, frame)

    def _let_through(self) -> None:
        if self.agreed:
            self.agreed, self._waiting = False, None
            raise Agreed
