"""What a training asks of the ranks it runs on: data, gradients, agreement."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from math import isfinite, nan
from typing import Any, TypeVar

import numpy as np

from pycnn import _core, backends
from pycnn._progress import Progress, show
from pycnn._streams import warn
from pycnn.autograd.structure import mapped
from pycnn.distributed.agreement import (
    check_floats,
    check_settings,
    keep_one_model,
    take_over,
    total_of,
)
from pycnn.distributed.channel import Channel
from pycnn.distributed.device_gradients import DeviceGradients
from pycnn.distributed.failure import ERROR, Agreed, end_job, guarded, meet
from pycnn.distributed.gate import RanksGate
from pycnn.distributed.gradients import FlatGradients
from pycnn.distributed.parts import Parts
from pycnn.distributed.tail import Gradients, Tail
from pycnn.distributed.threads import OVERSUBSCRIBED
from pycnn.layers.module import Module
from pycnn.layers.spread import Spread, spread
from pycnn.optim import Optimizer
from pycnn.training.accumulation import scaled
from pycnn.training.callbacks import Callback, TerminateOnNaN
from pycnn.training.meter import Meter
from pycnn.training.processes import Alone

T = TypeVar("T")


class _Training:
    """The state of one training of the ranks; a callback of it may start another."""

    def __init__(self, channel: Channel) -> None:
        self.gate = RanksGate()
        self.parts = Parts(channel)
        self.gradients: Gradients | None = None
        self.own_loss = 0.0  # of this rank, in the last step


class Team(Alone):
    """Ranks as `pycnn.fit` sees them.

    Parameters
    ----------
    channel : Channel
        Of the ranks.
    seconds : float
        How long to wait for ranks that have not come to a training yet.
    deterministic, sync_batch_norm, overlap : bool
        See `pycnn.distributed.Ranks`.
    """

    def __init__(
        self,
        channel: Channel,
        seconds: float,
        deterministic: bool,
        sync_batch_norm: bool,
        overlap: bool,
    ) -> None:
        self.channel = channel
        self.rank, self.size = channel.rank, channel.size
        self.deterministic = deterministic
        self.sync_batch_norm = sync_batch_norm
        self.overlap = overlap
        self.brief = False  # whether to report a failure in one line, as a command does
        self._seconds = seconds
        self._announced = False
        self._training: _Training | None = None

    @property
    def _now(self) -> _Training:
        """The current training."""
        assert self._training is not None
        return self._training

    def gate(self) -> RanksGate:
        """Return the gate that holds signals back until all ranks have agreed."""
        return self._now.gate

    def have_agreed(self, interruption: KeyboardInterrupt) -> bool:
        """Return whether all ranks end the training at this step; a forced end ends the job."""
        return isinstance(interruption, Agreed)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """End the job if this rank alone leaves the outermost block by an exception."""
        outside = self._training
        self._training = _Training(self.channel)
        try:
            if outside is not None:  # a training in a callback of another, or in a command
                yield
            else:
                with guarded(self.channel.comm, self.brief), warnings.catch_warnings():
                    meet(self.channel.comm, self._seconds)
                    if self.rank:  # rank 0 gives pycnn's warnings
                        pattern = r"\[\w+\]|rank \d+: \["
                        warnings.filterwarnings("ignore", pattern, RuntimeWarning)
                    yield
            if self._training.gradients is not None:
                self._training.gradients.close()
        except Exception as error:
            if (gradients := self._training.gradients) is not None and gradients.busy:
                end_job(self.channel.comm, str(error), ERROR)  # those sums would never end
            raise
        finally:
            if self._training.gradients is not None:
                self._training.gradients.release()
            self._training = outside

    def share(self, batches: Any, validation: Any) -> tuple[Any, Any]:
        """Return this rank's part of the training data and of the validation data."""
        return self._now.parts.share(batches, validation)

    def agree(self, settings: dict[str, Any]) -> None:
        """Refuse to begin if a rank was asked for another training than rank 0."""
        options = ("deterministic", "sync_batch_norm", "overlap")
        own = {name: getattr(self, name) for name in options}
        # Other instruction sets round differently, and the ranks would drift apart.
        own["instruction set"] = _core.isa()
        check_settings(self.channel, {**own, **settings})

    def begin(self, model: Module, optimizer: Optimizer) -> None:
        """Take over the state of rank 0, and make room for the gradients."""
        check_floats(model, optimizer)
        take_over(self.channel, model, optimizer)
        parameters, ordered = optimizer.params, self.deterministic
        if (device := model._placed()) == "cpu":
            self._now.gradients = FlatGradients(
                parameters, self.channel, deterministic=ordered, overlap=self.overlap
            )
        else:
            self._now.gradients = DeviceGradients(
                parameters, self.channel, device, deterministic=ordered
            )

    def together(self, call: Callable[[], None]) -> None:
        """Call on all ranks; if it fails on one, all raise."""
        problem: Exception | None = None
        try:
            call()
        except Exception as error:
            problem = error
        self.channel.raise_together(problem)

    def by_first(self, call: Callable[[], T]) -> T:
        """Call on rank 0 only; return its result, or raise its error, on all ranks."""
        return self.channel.by_first(call)

    def steps(self, source: Iterable[tuple[Any, Any]], first: int) -> Iterator[tuple[Any, Any]]:
        """Return the batches of an epoch from number `first` on, in step with the other ranks."""
        return self._now.parts.steps(source, first)

    def part(self, samples: int) -> AbstractContextManager[None]:
        """Tell layers the place of this rank's samples in the batch."""
        total = self.channel.total if self.sync_batch_norm else None
        parts = self._now.parts
        return spread(Spread(parts.before, samples, total, parts.counts))

    @property
    def counts(self) -> bool:
        """Whether the current samples belong to the batch: this rank may have no part of it."""
        return self._now.parts.counts

    def weighted(self, gradient: Any, weight: float) -> Any:
        """Turn a loss gradient of this part's mean into one of the mean over the whole batch."""
        if not weight:  # a mean over nothing has no gradient
            return mapped(lambda g: None if g is None else backends.of(g).zeros_like(g), gradient)
        factor = weight / self._now.parts.whole
        return scaled(gradient, factor)

    def sum_gradients(self, loss: float, weight: float) -> tuple[float, float]:
        """Sum the gradients of all ranks; return the loss and the weight of the whole batch."""
        assert self._now.gradients is not None
        whole = self._now.parts.whole
        self._now.own_loss = loss if weight else 0.0
        mine = loss * (weight / whole) if weight else 0.0
        found = self._now.gradients.sum(Tail(mine, weight, float(self._now.gate.asked)))
        self._now.gate.agreed = found.signals > 0
        if not found.weight:
            return nan, 0.0
        if found.weight != whole:
            self._now.gradients.scale(whole / found.weight)
        return found.loss * (whole / found.weight), found.weight

    def text(self, text: str | None) -> str | None:
        """Return the text of a rank that has one, with its number if the texts differ.

        A rank whose own loss is not finite comes first: it knows more about a broken step.
        """
        texts = self.channel.texts(text or "")
        if not any(texts):
            return None
        if all(one == texts[0] for one in texts):
            return texts[0]
        suspects = self.channel.gathered(np.array([not isfinite(self._now.own_loss)]))[:, 0]
        speaking = [rank for rank, one in enumerate(texts) if one]
        rank = next((rank for rank in speaking if suspects[rank]), speaking[0])
        return f"rank {rank}: {texts[rank]}"

    def stop_reason(self, reason: str | None, callbacks: Sequence[Callback]) -> str | None:
        """Return the reason if one of these callbacks stops the training on any rank.

        `TerminateOnNaN` sees the same on all ranks; other callbacks may not, so the ranks compare.
        """
        if all(type(callback) is TerminateOnNaN for callback in callbacks):
            return reason
        return self.text(reason)

    def ask_for_signals(self) -> None:
        """Agree to end the training if a signal has reached a rank since the last step."""
        asked = np.array([self._now.gate.asked])
        self._now.gate.agreed = bool(self.channel.gathered(asked).any())

    def announce(self, progress: Progress) -> None:
        """Say once how many ranks and threads there are; a command says it in its own line."""
        if self.brief or self._announced:
            return
        self._announced = True
        show(self.threads, progress)
        if OVERSUBSCRIBED in self.threads:
            warn(f"[fit] {self.threads}: take fewer ranks, or fewer threads each")

    def end_of_pass(self, model: Module) -> None:
        """Copy the buffers of rank 0 to all ranks, and check that all have the same parameters."""
        keep_one_model(self.channel, model)

    def gathered(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the states of all ranks, made of JSON values."""
        return list(map(json.loads, self.channel.texts(json.dumps(state))))

    def total(self, meter: Meter) -> Meter:
        """Return a meter with the counts of all ranks."""
        return total_of(self.channel, meter, self.text(meter.where or None) or "")
