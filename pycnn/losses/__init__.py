"""Losses: call one with outputs and targets for its value, then ask it for the gradient.

- `CrossEntropyLoss`, `NLLLoss`: classes, from scores or from log-probabilities; at each place of an
  image, too, and `CrossEntropyLoss` takes probabilities as targets
- `FocalLoss`: classes, or yes and no, where easy answers count little
- `MAPLoss`: classes, from distances (LeCun et al., 1998)
- `BCEWithLogitsLoss`, `BCELoss`: yes or no for each number, from logits or from probabilities
- `MSELoss`, `L1Loss`, `SmoothL1Loss`, `HuberLoss`: numbers
- `KLDivLoss`: distributions
- `OpLoss`: what they share
"""

from pycnn.losses.base import REDUCTIONS, OpLoss
from pycnn.losses.binary import BCELoss, BCEWithLogitsLoss
from pycnn.losses.classes import CrossEntropyLoss, NLLLoss
from pycnn.losses.distances import MAPLoss
from pycnn.losses.focal import FocalLoss
from pycnn.losses.pointwise import HuberLoss, KLDivLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "REDUCTIONS",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MAPLoss",
    "MSELoss",
    "NLLLoss",
    "OpLoss",
    "SmoothL1Loss",
]
