"""Automatic differentiation: tensors, the tape that records them, and the walk back along it."""

from pycnn.autograd.creation import tensor
from pycnn.autograd.function import Function
from pycnn.autograd.gradcheck import gradcheck
from pycnn.autograd.graph import Node, is_recording, recording
from pycnn.autograd.kinds import Variable
from pycnn.autograd.modes import enable_grad, no_grad, set_grad_enabled
from pycnn.autograd.tensor import Tensor
from pycnn.autograd.tracked import TrackedArray, tracked

__all__ = [
    "Function",
    "Node",
    "Tensor",
    "TrackedArray",
    "Variable",
    "enable_grad",
    "gradcheck",
    "is_recording",
    "no_grad",
    "recording",
    "set_grad_enabled",
    "tensor",
    "tracked",
]
