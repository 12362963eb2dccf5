"""Optimizers stay finite: random settings within the stated domain, gradients of any size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pycnn.layers import Parameter
from pycnn.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop

CASES = {"short": 200, "long": 20_000}
STEPS, NUMBERS = 5, 9


def random_optimizer(parameter: Parameter, rng: np.random.Generator) -> Optimizer:
    """Draw an optimizer and settings; an eps below the limit is raised to it."""
    kept = float(rng.choice([0.0, 0.5, 0.9, 0.999, 1 - 1e-8]))
    eps = float(10.0 ** rng.uniform(-17, 0))
    lr = float(10.0 ** rng.uniform(-8, 3))
    options: dict[str, Any] = {"lr": lr}
    kind = rng.choice(5)
    if kind == 0:
        # The step is the gradient itself: a rate that does not overflow.
        return SGD([parameter], lr=min(lr, 1.0), momentum=float(rng.choice([0.0, 0.9])))
    if kind == 1:
        return Adadelta([parameter], rho=kept, eps=max(eps, 1e-36 / (1 - kept)), **options)
    options["eps"] = max(eps, 1.01e-17 / np.sqrt(1 - kept))
    if kind == 2:
        return RMSprop([parameter], alpha=kept, **options)
    betas = (float(rng.choice([0.0, 0.9, 0.99])), kept)
    return (Adam if kind == 3 else AdamW)([parameter], betas=betas, **options)


def test_optimizers_stay_finite(form: str, tried: Callable[[str, int, str], None]) -> None:
    rng = np.random.default_rng(11)
    for case in range(CASES[form]):
        parameter = Parameter(rng.normal(size=NUMBERS).astype(np.float32))
        optimizer = random_optimizer(parameter, rng)
        for _ in range(STEPS):
            sizes = 10.0 ** rng.uniform(-45, 19, NUMBERS)
            parameter.grad = (rng.choice([-1, 0, 1], NUMBERS) * sizes).astype(np.float32)
            optimizer.step()
            assert np.isfinite(parameter.data).all(), (case, optimizer, parameter.grad)
    tried("optimizers stay finite", CASES[form], f"{STEPS} steps each")
