"""The back-end of the CPU: the ops of `pycnn._core`, and NumPy for the rest."""

from __future__ import annotations

from pycnn import _core
from pycnn.backends.contract import NumPyArray
from pycnn.backends.numpy_arrays import NumPyArrays
from pycnn.backends.operations import Operations


class Cpu(NumPyArrays):
    """The back-end of NumPy's arrays: see `pycnn.backends.contract.Backend` for its methods.

    Parameters
    ----------
    ops : Operations
        Ops that take NumPy's arrays: those of `pycnn._core` except in tests.
    """

    name = "cpu"

    def __init__(self, ops: Operations = _core) -> None:
        self.ops = ops

    def matmul(self, a: NumPyArray, b: NumPyArray) -> NumPyArray:
        """Multiply matrices by the op of a linear layer, others by NumPy."""
        matrices = a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]
        if matrices and a.dtype == b.dtype == "float32" and a.size and b.size:
            return self.ops.linear(a, self.transpose(b, (1, 0)), None)
        return super().matmul(a, b)
