"""Losses: call one with outputs and targets for its value, then ask it for the gradient.

- `CrossEntropyLoss`, `NLLLoss`: classes, from scores or from log-probabilities
- `MAPLoss`: classes, from distances (LeCun et al., 1998)
- `BCEWithLogitsLoss`: yes or no for each number
- `MSELoss`: squared error
- `OpLoss`: what they share
"""

from pycnn.losses.base import REDUCTIONS, OpLoss
from pycnn.losses.classes import CrossEntropyLoss, NLLLoss
from pycnn.losses.distances import MAPLoss
from pycnn.losses.pointwise import BCEWithLogitsLoss, MSELoss

__all__ = [
    "REDUCTIONS",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "MAPLoss",
    "MSELoss",
    "NLLLoss",
    "OpLoss",
]
