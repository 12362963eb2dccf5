"""Convolutional networks, trained fast on the CPU you have.

- `pycnn.ops`: pure functions on arrays, in C++; `pycnn.reference`: the same in NumPy
- layers (`Conv2d`, `Linear`, ...), `Sequential` and `Module`, with PyTorch's names and rules
- `fit`, `evaluate`, `predict`: the training loop; `pycnn.optim`, `pycnn.losses`, `pycnn.training`
- `pycnn.datasets`, `pycnn.augment`, `pycnn.models`; `save` and `load`; `pycnn.plot`
- `pycnn.distributed`: training on many processes and machines
- `profile`, `show_config`, `set_num_threads`, `get_num_threads`

>>> import pycnn
>>> train, test = pycnn.datasets.mnist()
>>> model = pycnn.models.lenet5(rng=0)
>>> history = pycnn.fit(model, train, validation=test, epochs=3)
"""

from importlib import import_module
from types import ModuleType

import pycnn._load  # noqa: F401  # isort: split
from pycnn import (
    _core,
    augment,
    cuda,
    datasets,
    init,
    layers,
    losses,
    models,
    ops,
    optim,
    plot,
    reference,
    text,
    training,
)
from pycnn._config import Config, get_num_threads, set_num_threads, show_config
from pycnn.data import ArrayDataset
from pycnn.io import load, load_model, save
from pycnn.layers import (
    GELU,
    RBF,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    BatchNorm2d,
    Buffer,
    CLayer,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    LogSoftmax,
    MaxPool2d,
    Module,
    Parallel,
    Parameter,
    ReLU,
    Reshape,
    Residual,
    ScaledTanh,
    Sequential,
    Sigmoid,
    SLayer,
    Softmax,
    Subsampling,
    Tanh,
    Unsqueeze,
    Upsample,
    ZeroPad2d,
)
from pycnn.loader import DataLoader
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MAPLoss, MSELoss, NLLLoss
from pycnn.profiling import profile
from pycnn.splits import k_fold, random_split
from pycnn.training import History, evaluate, fit, predict, predict_proba

__version__: str = _core.version


def __getattr__(name: str) -> ModuleType:
    """Import a module that few programs need on first use."""
    if name == "distributed":
        return import_module("pycnn.distributed")
    raise AttributeError(f"module 'pycnn' has no attribute {name!r}")


__all__ = [
    "GELU",
    "RBF",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "ArrayDataset",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm2d",
    "Buffer",
    "CLayer",
    "Config",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "DataLoader",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "History",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MAPLoss",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "NLLLoss",
    "Parallel",
    "Parameter",
    "ReLU",
    "Reshape",
    "Residual",
    "SLayer",
    "ScaledTanh",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Subsampling",
    "Tanh",
    "Unsqueeze",
    "Upsample",
    "ZeroPad2d",
    "augment",
    "cuda",
    "datasets",
    "evaluate",
    "fit",
    "get_num_threads",
    "init",
    "k_fold",
    "layers",
    "load",
    "load_model",
    "losses",
    "models",
    "ops",
    "optim",
    "plot",
    "predict",
    "predict_proba",
    "profile",
    "random_split",
    "reference",
    "save",
    "set_num_threads",
    "show_config",
    "text",
    "training",
]
