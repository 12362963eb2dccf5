"""Optimizer steps of many parameters by one call, which the CPU has beside the ops.

The ops of the same names do it for one parameter: see `pycnn.ops.sgd_step` and `adam_step`. Here
each entry is the tuple of arrays that they begin with. In the place of a gradient may be the two
arrays of `linear_weight_factors`, whose product is computed on the way.
"""

from __future__ import annotations

from pycnn import _core, backends

__all__ = ["adam_steps", "are_joined", "linear_weight_factors", "sgd_steps"]

sgd_steps, adam_steps = _core.sgd_steps, _core.adam_steps
linear_weight_factors = _core.linear_weight_factors


def are_joined() -> bool:
    """Whether arrays of NumPy go to the compiled ops of the CPU now, as they do but in tests."""
    return backends.of_cpu().ops is _core
