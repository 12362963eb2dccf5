"""Whole networks in float64: pycnn's own layers on the reference ops instead of the C++ ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from case import Array, Arrays, Case
from pycnn_networks import infer, train

from pycnn import ops, reference


def network_results(case: Case, arrays: Arrays) -> list[Array]:
    """Return the outputs of `with_pycnn` for the case, computed in float64."""
    wide = {
        name: array.astype(np.float64) if array.dtype == np.float32 else array
        for name, array in arrays.items()
    }
    with _reference_ops():
        if case.op == "train":
            return train(case, wide, eager=True).outputs()
        return infer(case, wide, eager=True).outputs()


@contextmanager
def _reference_ops() -> Iterator[None]:
    """Make every layer, loss and optimizer call `pycnn.reference`."""
    compiled = {name: getattr(ops, name) for name in reference.__all__}
    try:
        for name in compiled:
            setattr(ops, name, getattr(reference, name))
        yield
    finally:
        for name, op in compiled.items():
            setattr(ops, name, op)
