"""Training: the loop, its callbacks and its history, and running a trained model.

- `fit`: train a model on a data set, and resume a training that was killed
- `evaluate`, `predict`, `predict_proba`: figures and outputs of a model
- `callbacks`: extensions of the loop
- `lr_find`: the learning rate that a model trains well with
- `CapturedStep`: a step on a GPU whose kernels are started by one call
- `TrainingRun`: the state that callbacks see; `Run`, its name until version 0.1, still works
- `Metric`: a figure of one's own, for `fit` and `evaluate`
- `History`, `EpochRecord`: the figures of each epoch
- `self_organize`: learning without labels or gradients, for the neocognitron
"""

from pycnn.training.average import EMA
from pycnn.training.callbacks import (
    BestCheckpoint,
    Callback,
    CSVLog,
    EarlyStopping,
    TerminateOnNaN,
)
from pycnn.training.captured_step import CapturedStep
from pycnn.training.evaluation import Evaluation, evaluate
from pycnn.training.history import EpochRecord, History
from pycnn.training.loop import fit
from pycnn.training.max_norm import MaxNorm
from pycnn.training.metrics import Metric
from pycnn.training.more_callbacks import (
    Checkpoint,
    LambdaCallback,
    ReduceLROnPlateau,
    TimeLimit,
)
from pycnn.training.prediction import predict, predict_proba
from pycnn.training.rate_search import RateSearch, lr_find
from pycnn.training.run import TrainingRun
from pycnn.training.self_organization import self_organize
from pycnn.training.tensorboard import TensorBoard

Run = TrainingRun

__all__ = [
    "EMA",
    "BestCheckpoint",
    "CSVLog",
    "Callback",
    "CapturedStep",
    "Checkpoint",
    "EarlyStopping",
    "EpochRecord",
    "Evaluation",
    "History",
    "LambdaCallback",
    "MaxNorm",
    "Metric",
    "RateSearch",
    "ReduceLROnPlateau",
    "Run",
    "TensorBoard",
    "TerminateOnNaN",
    "TimeLimit",
    "TrainingRun",
    "evaluate",
    "fit",
    "lr_find",
    "predict",
    "predict_proba",
    "self_organize",
]
