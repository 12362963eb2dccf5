"""Optimizers, learning-rate schedules and gradient clipping.

- `SGD`, `Adam`, `AdamW`, `Adadelta`, `RMSprop`: PyTorch's argument order and updates
- `Constant`, `Step`, `Cosine`, `OneCycle`: (step, total steps) to learning rate
- `clip_grad_norm`: limit on the common norm of all gradients
"""

from pycnn.optim.adadelta import Adadelta
from pycnn.optim.adam import Adam, AdamW
from pycnn.optim.clip import clip_grad_norm
from pycnn.optim.optimizer import Optimizer
from pycnn.optim.rmsprop import RMSprop
from pycnn.optim.schedules import Constant, Cosine, OneCycle, Schedule, Step
from pycnn.optim.sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "OneCycle",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "Step",
    "clip_grad_norm",
]
