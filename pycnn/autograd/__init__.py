"""Automatic differentiation: tensors, the tape that records them, and the walk back along it."""

from pycnn.autograd.creation import no_grad, tensor
from pycnn.autograd.graph import Node, is_recording, recording
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.tracked import TrackedArray, tracked

__all__ = [
    "Node",
    "Tensor",
    "TrackedArray",
    "is_recording",
    "no_grad",
    "recording",
    "tensor",
    "tracked",
]
