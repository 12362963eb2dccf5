"""Where random numbers come from when nobody names a seed."""

from __future__ import annotations

import math

import numpy as np

from pycnn._arguments import integer

_seeded: np.random.Generator | None = None


def manual_seed(seed: int) -> np.random.Generator:
    """Seed the random numbers of everything that is given no ``rng`` of its own.

    Initial values of layers, `pycnn.rand` and `pycnn.randn` then come from one stream, in the order
    of the calls. Without it they are fresh in each process. NumPy's own random state is not
    touched.

    Parameters
    ----------
    seed : int
        At least 0.

    Returns
    -------
    Generator
        The stream.
    """
    global _seeded
    _seeded = np.random.default_rng(integer("manual_seed", "seed", seed, 0, math.inf))
    return _seeded


def default_rng() -> np.random.Generator:
    """Return the stream that `manual_seed` has started, or one with fresh entropy."""
    return np.random.default_rng() if _seeded is None else _seeded
