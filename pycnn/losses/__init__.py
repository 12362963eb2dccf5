"""Losses: call one with outputs and targets for its value, then ask it for the gradient.

- `CrossEntropyLoss`, `NLLLoss`: classes, from scores or from log-probabilities; at each place of an
  image, too, and `CrossEntropyLoss` takes probabilities as targets
- `FocalLoss`: classes, or yes and no, where easy answers count little
- `MAPLoss`: classes, from distances (LeCun et al., 1998)
- `BCEWithLogitsLoss`, `BCELoss`: yes or no for each number, from logits or from probabilities
- `MSELoss`, `L1Loss`, `SmoothL1Loss`, `HuberLoss`: numbers
- `KLDivLoss`: distributions
- `OpLoss`: what they share
- `composed`: losses of pairs, triplets, counts and variances, which are functions of tensors
"""

from pycnn.losses.base import REDUCTIONS, OpLoss
from pycnn.losses.binary import BCELoss, BCEWithLogitsLoss
from pycnn.losses.classes import CrossEntropyLoss, NLLLoss
from pycnn.losses.composed import (
    CosineEmbeddingLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelSoftMarginLoss,
    PoissonNLLLoss,
    SoftMarginLoss,
    TripletMarginLoss,
)
from pycnn.losses.distances import MAPLoss
from pycnn.losses.focal import FocalLoss
from pycnn.losses.pointwise import HuberLoss, KLDivLoss, L1Loss, MSELoss, SmoothL1Loss

__all__ = [
    "REDUCTIONS",
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MAPLoss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelSoftMarginLoss",
    "NLLLoss",
    "OpLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
]
