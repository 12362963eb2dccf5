"""Join several augmentations into one."""

from __future__ import annotations

import numpy as np

from pycnn._arguments import written
from pycnn.data import Augment, Samples


class Compose:
    """Apply augmentations one after the other, with the same random generator.

    Parameters
    ----------
    *steps : Augment
        Functions of (x, rng), first to last.

    Raises
    ------
    TypeError
        If a step cannot be called.
    """

    def __init__(self, *steps: Augment) -> None:
        for index, step in enumerate(steps):
            if not callable(step) or isinstance(step, type):
                raise TypeError(
                    f"[Compose] step {index} must be a function of (x, rng), got {written(step)}"
                )
        self.steps = steps

    def __call__(self, x: Samples, rng: np.random.Generator) -> Samples:
        """Return the batch after the last step."""
        for step in self.steps:
            x = step(x, rng)
        return x

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.steps))})"
