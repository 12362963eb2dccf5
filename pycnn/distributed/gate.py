"""Signals in a training of several ranks: all ranks end after the same step."""

from __future__ import annotations

from types import FrameType

from pycnn.distributed.failure import Agreed
from pycnn.training.interrupt import Gate


class RanksGate(Gate):
    """Holds a signal back until all ranks agree to end the training; a second one raises at once.

    Attributes
    ----------
    agreed : bool
        Whether the ranks agreed to end it in the last step.
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
