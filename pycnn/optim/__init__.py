"""Optimizers, learning-rate schedules and gradient clipping.

- `SGD`, `Adam`, `AdamW`, `Adadelta`, `RMSprop`, `Adagrad`, `NAdam`, `Muon`: PyTorch's arguments and
  updates; `Lion`
- `Constant`, `Step`, `Cosine`, `OneCycle`, `Exponential`, `Polynomial`, `Linear`, `Staircase`,
  `MultiStep`, `CosineRestarts`: (step, total steps) to learning rate
- `Warmup`, `Successive`, `Chained`, `PerEpoch`: schedules made of others
- `lr_scheduler`: PyTorch's schedulers, for loops of one's own
- `clip_grad_norm`, `clip_grad_value`: limits on the common norm of all gradients, or on each number
"""

from pycnn.optim import lr_scheduler
from pycnn.optim.adadelta import Adadelta
from pycnn.optim.adagrad import Adagrad
from pycnn.optim.adam import Adam, AdamW
from pycnn.optim.clip import clip_grad_norm, clip_grad_value
from pycnn.optim.combined_schedules import Chained, PerEpoch, Successive, Warmup
from pycnn.optim.decays import (
    CosineRestarts,
    Exponential,
    Linear,
    MultiStep,
    Polynomial,
    Staircase,
)
from pycnn.optim.lion import Lion
from pycnn.optim.muon import Muon
from pycnn.optim.nadam import NAdam
from pycnn.optim.optimizer import Optimizer
from pycnn.optim.rmsprop import RMSprop
from pycnn.optim.schedules import Constant, Cosine, OneCycle, Schedule, Step
from pycnn.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Chained",
    "Constant",
    "Cosine",
    "CosineRestarts",
    "Exponential",
    "Linear",
    "Lion",
    "MultiStep",
    "Muon",
    "NAdam",
    "OneCycle",
    "Optimizer",
    "PerEpoch",
    "Polynomial",
    "RMSprop",
    "Schedule",
    "Staircase",
    "Step",
    "Successive",
    "Warmup",
    "clip_grad_norm",
    "clip_grad_value",
    "lr_scheduler",
]
