"""What schedulers share: whose rates they change, how often they were called, their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycnn._arguments import flag, integer, written
from pycnn.optim.optimizer import Optimizer


class LRScheduler:
    """Base class: gives each group of an optimizer the rate of an epoch, at each call of `step`.

    A class of one's own defines ``rate(base, epoch)``, or ``get_lr()`` as in PyTorch.

    Parameters
    ----------
    optimizer : Optimizer
        Its groups begin with the rates that they have. ``initial_lr`` in a group is what it began
        with.
    last_epoch : int
        The epoch before the first one; for a training that goes on, where it had got to.
    verbose : bool
        Taken for the sake of older programs: nothing is printed.

    Attributes
    ----------
    base_lrs : list of float
        The rates that the groups began with.
    last_epoch : int
        The epoch whose rates the groups have, from 0.

    Raises
    ------
    TypeError
        If `optimizer` is none.
    ValueError
        If `last_epoch` is not -1 and a group has no ``initial_lr``.
    """

    # Whether the rates follow from the epoch alone. Otherwise what else has changed them since the
    # last step, such as another scheduler, stays: they are multiplied.
    absolute = False
    eta_min = 0.0  # what the rates tend to

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1, verbose: Any = False) -> None:
        owner = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"[{owner}] optimizer must be an Optimizer, got {written(optimizer)}")
        flag(owner, "verbose", verbose)
        self.optimizer = optimizer
        self.last_epoch = integer(owner, "last_epoch", last_epoch, -1)
        for group in optimizer.param_groups:
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"[{owner}] last_epoch {last_epoch} needs the initial_lr of each group, which "
                    "is what it began with"
                )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self._last_lr = [float(group["lr"]) for group in optimizer.param_groups]
        self.last_epoch += 1
        if last_epoch == -1:
            self._begin()
        else:
            self.step(self.last_epoch)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch for a group that began with the rate `base`."""
        raise NotImplementedError(f"[{type(self).__name__}] the class defines no rate")

    def get_lr(self) -> list[float]:
        """Return the rates of the epoch `last_epoch` for all groups."""
        return [self.rate(base, self.last_epoch) for base in self.base_lrs]

    def get_last_lr(self) -> list[float]:
        """Return the rates that `step` has set last."""
        return list(self._last_lr)

    def step(self, epoch: int | None = None) -> None:
        """Go on to the next epoch, or to a given one, and set the rates of the groups."""
        if epoch is None:
            self.last_epoch += 1
        else:
            self.last_epoch = integer(type(self).__name__, "epoch", epoch, 0)
        if epoch is not None or self._is_absolute:
            self._set(self.get_lr())
            return
        pairs = zip(self.optimizer.param_groups, self.base_lrs, strict=True)
        self._set([self._next(group["lr"], base) for group, base in pairs])

    def _next(self, own: float, base: float) -> float:
        """Return the rate that follows a group's own, which may not be the one of the epoch."""
        rate, before = self.rate(base, self.last_epoch), self.rate(base, self.last_epoch - 1)
        if own == before:
            return rate
        if before == self.eta_min:
            return own + rate - before
        return self.eta_min + (own - self.eta_min) * (rate - self.eta_min) / (before - self.eta_min)

    @property
    def _is_absolute(self) -> bool:
        return self.absolute or type(self).get_lr is not LRScheduler.get_lr

    def _begin(self) -> None:
        """Set the rates of epoch 0; those of a scheduler that was there before are multiplied."""
        if self._is_absolute:
            self._set(self.get_lr())
            return
        rates = []
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            first, own = self.rate(base, 0), group["lr"]
            rates.append(first if own == base or not base else own * (first / base))
        self._set(rates)

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = list(rates)

    # State ---------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs: everything but the optimizer and functions."""
        return {name: value for name, value in vars(self).items() if _is_plain(value)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the state of another scheduler of the same class; the optimizer has its own."""
        vars(self).update(state_dict)


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (int, float, str, bool))
