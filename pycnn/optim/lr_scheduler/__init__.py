"""PyTorch's learning-rate schedulers: objects that change an optimizer's rates at each `step`.

For loops of one's own, in which they are called once an epoch or once a batch. `pycnn.fit` takes
the schedules of `pycnn.optim`, which need no call.

>>> import pycnn
>>> optimizer = pycnn.optim.SGD(pycnn.Linear(2, 2).parameters(), lr=0.1)
>>> scheduler = pycnn.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)
>>> for epoch in range(90):  # after the batches of the epoch, with optimizer.step()
...     scheduler.step()
"""

from pycnn.optim.lr_scheduler.base import LRScheduler
from pycnn.optim.lr_scheduler.combined import ChainedScheduler, SequentialLR
from pycnn.optim.lr_scheduler.cycles import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    OneCycleLR,
)
from pycnn.optim.lr_scheduler.decays import (
    ConstantLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from pycnn.optim.lr_scheduler.plateau import ReduceLROnPlateau

_LRScheduler = LRScheduler  # its name in older programs

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
