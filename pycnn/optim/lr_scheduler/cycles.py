"""Schedulers that follow half cosines."""

from __future__ import annotations

from typing import Any

from pycnn._arguments import at_least_zero, factor, flag, integer, positive, real, written
from pycnn.optim.lr_scheduler.base import LRScheduler
from pycnn.optim.optimizer import Optimizer
from pycnn.optim.schedules import cosine


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from ``lr`` down to `eta_min` in `T_max` epochs, then up again, and so on.

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017, equation 5.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        self.T_max = integer("CosineAnnealingLR", "T_max", T_max, 1)
        self.eta_min = factor("CosineAnnealingLR", "eta_min", eta_min)
        super().__init__(optimizer, last_epoch, verbose)

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        share = epoch / self.T_max % 2
        return cosine(base, self.eta_min, min(share, 2 - share))


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half cosines from ``lr`` down to `eta_min`, the first in `T_0` epochs, each `T_mult` longer.

    `step` may be given a fraction of an epoch, such as ``epoch + batch / batches``.

    References
    ----------
    Loshchilov, Hutter: SGDR: stochastic gradient descent with warm restarts, 2017, equation 5.
    """

    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        owner = "CosineAnnealingWarmRestarts"
        self.T_0 = integer(owner, "T_0", T_0, 1)
        self.T_mult = integer(owner, "T_mult", T_mult, 1)
        self.eta_min = factor(owner, "eta_min", eta_min)
        self._at = 0.0
        super().__init__(optimizer, last_epoch, verbose)

    def step(self, epoch: float | None = None) -> None:
        """Go on to the next epoch, or to a given one, which may be a fraction."""
        at = self._at + 1 if epoch is None else at_least_zero(type(self).__name__, "epoch", epoch)
        super().step(int(at))
        self._at = at
        self._set([self._rate(base, at) for base in self.base_lrs])

    def rate(self, base: float, epoch: int) -> float:
        """Return the rate of an epoch."""
        return self._rate(base, float(epoch))

    def _rate(self, base: float, at: float) -> float:
        length = float(self.T_0)
        if self.T_mult == 1:
            at %= length
        while at >= length:
            at -= length
            length *= self.T_mult
        return cosine(base, self.eta_min, at / length)


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down to almost nothing, over a whole run of steps.

    The arguments are PyTorch's. With `cycle_momentum` the momentum of SGD, or the first of the
    betas, goes down while the rate goes up, and back. `step` is called after each batch.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range, there is no length of the run, or momentum is to be cycled
        that the optimizer does not have; in `step`, if the run is over.

    References
    ----------
    Smith, Topin: Super-convergence: very fast training of neural networks, 2018.
    """

    absolute = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        verbose: Any = False,
    ) -> None:
        owner = "OneCycleLR"
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError(f"[{owner}] needs total_steps, or epochs and steps_per_epoch")
            total_steps = integer(owner, "epochs", epochs, 1) * integer(
                owner, "steps_per_epoch", steps_per_epoch, 1
            )
        self.total_steps = integer(owner, "total_steps", total_steps, 1)
        if not 0 <= real(owner, "pct_start", pct_start) <= 1:
            raise ValueError(f"[{owner}] pct_start must be in [0, 1], got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"[{owner}] anneal_strategy must be 'cos' or 'linear', got "
                f"{written(anneal_strategy)}"
            )
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = flag(owner, "cycle_momentum", cycle_momentum)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"[{owner}] optimizer must be an Optimizer, got {written(optimizer)}")
        groups = optimizer.param_groups
        if cycle_momentum and not {"momentum", "betas"} & groups[0].keys():
            raise ValueError(
                f"[{owner}] {type(optimizer).__name__} has no momentum and no betas: "
                "cycle_momentum=False"
            )
        self.base_momentum, self.max_momentum = float(base_momentum), float(max_momentum)
        rates = list(max_lr) if isinstance(max_lr, (list, tuple)) else [max_lr] * len(groups)
        if len(rates) != len(groups):
            raise ValueError(
                f"[{owner}] {len(groups)} groups need as many max_lr, got {len(rates)}"
            )
        self.max_lrs = [factor(owner, "max_lr", rate) for rate in rates]
        self.final = positive(owner, "final_div_factor", final_div_factor)
        divisor = positive(owner, "div_factor", div_factor)
        if last_epoch == -1:
            for group, rate in zip(groups, self.max_lrs, strict=True):
                group["initial_lr"] = rate / divisor
        first = float(pct_start * self.total_steps) - 1
        last = float(self.total_steps - 1)
        self.three_phase = flag(owner, "three_phase", three_phase)
        self.ends = [first, 2 * first, last] if three_phase else [first, last]
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self) -> list[float]:
        """Return the rates of the step for all groups; set their momentum."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(f"[OneCycleLR] step {step} is beyond the run of {self.total_steps}")
        if self.cycle_momentum:
            high, low = self.max_momentum, self.base_momentum
            marks = [high, low, high, high] if self.three_phase else [high, low, high]
            momentum = self._along(marks, step)
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        found = []
        for base, most in zip(self.base_lrs, self.max_lrs, strict=True):
            last = base / self.final
            marks = [base, most, base, last] if self.three_phase else [base, most, last]
            found.append(self._along(marks, step))
        return found

    def _along(self, marks: list[float], step: int) -> float:
        """Return a number on its way from mark to mark, each reached at one of `ends`."""
        begin = 0.0
        for i, end in enumerate(self.ends):
            if step <= end or i == len(self.ends) - 1:
                share = (step - begin) / (end - begin) if end != begin else 1.0
                if self.anneal_strategy == "cos":
                    return cosine(marks[i], marks[i + 1], share)
                return marks[i] + (marks[i + 1] - marks[i]) * share
            begin = end
        raise AssertionError("there is a last end")
