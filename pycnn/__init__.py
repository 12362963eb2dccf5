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
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Buffer,
    ChannelShuffle,
    CircularPad1d,
    CircularPad2d,
    CLayer,
    ConstantPad1d,
    ConstantPad2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    Dropout,
    Dropout1d,
    Dropout2d,
    Embedding,
    Flatten,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
    GroupNorm,
    Identity,
    InstanceNorm1d,
    InstanceNorm2d,
    LayerNorm,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    Module,
    Parallel,
    Parameter,
    PixelShuffle,
    PixelUnshuffle,
    ReflectionPad1d,
    ReflectionPad2d,
    ReLU,
    ReplicationPad1d,
    ReplicationPad2d,
    Reshape,
    Residual,
    ScaledTanh,
    Sequential,
    Sigmoid,
    SLayer,
    Softmax,
    Subsampling,
    Tanh,
    Unflatten,
    Unsqueeze,
    Upsample,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
    ZeroPad1d,
    ZeroPad2d,
)
from pycnn.loader import DataLoader
from pycnn.losses import BCEWithLogitsLoss, CrossEntropyLoss, MAPLoss, MSELoss, NLLLoss
from pycnn.profiling import profile
from pycnn.splits import k_fold, split
from pycnn.training import History, evaluate, fit, predict

__version__: str = _core.version


def __getattr__(name: str) -> ModuleType:
    """Import a module that few programs need on first use."""
    if name == "distributed":
        return import_module("pycnn.distributed")
    raise AttributeError(f"module 'pycnn' has no attribute {name!r}")


__all__ = [
    "GELU",
    "RBF",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "ArrayDataset",
    "AvgPool1d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Buffer",
    "CLayer",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "Config",
    "ConstantPad1d",
    "ConstantPad2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "DataLoader",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "History",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MAPLoss",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "NLLLoss",
    "Parallel",
    "Parameter",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "Reshape",
    "Residual",
    "SLayer",
    "ScaledTanh",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Subsampling",
    "Tanh",
    "Unflatten",
    "Unsqueeze",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
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
    "profile",
    "reference",
    "save",
    "set_num_threads",
    "show_config",
    "split",
    "text",
    "training",
]
