"""Convolutional networks, trained fast on the CPU you have.

- `pycnn.ops`: pure functions on arrays, in C++; `pycnn.reference`: the same in NumPy
- layers (`Conv2d`, `Linear`, ...), `Sequential` and `Module`, with PyTorch's names and rules
- `Tensor` and `functional`: what a `forward` of your own is written with, and its gradients
- `fit`, `evaluate`, `predict`: the training loop; `pycnn.optim`, `pycnn.losses`, `pycnn.training`
- `InferenceSession`: a trained model made ready to run
- `pycnn.datasets`, `pycnn.augment`, `pycnn.models`; `save` and `load`; `pycnn.plot`
- `pycnn.distributed`: training on many processes and machines
- `profile`, `show_config`, `set_num_threads`, `get_num_threads`
- `set_convolution`, `get_convolution`

>>> import pycnn
>>> train, test = pycnn.datasets.mnist()
>>> model = pycnn.models.lenet5(rng=0)
>>> history = pycnn.fit(model, train, validation=test, epochs=3)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pycnn._load  # noqa: F401  # isort: split
from pycnn import (
    _core,
    autograd,
    cuda,
    dtypes,
    functional,
    init,
    layers,
    losses,
    models,
    ops,
    optim,
    reference,
    text,
    training,
)
from pycnn._config import (
    Config,
    get_convolution,
    get_num_threads,
    set_convolution,
    set_num_threads,
    show_config,
)
from pycnn._other_names import of_package
from pycnn._random import manual_seed
from pycnn.autograd.creation import *
from pycnn.autograd.draws import *
from pycnn.autograd.function import Function
from pycnn.autograd.functions import *
from pycnn.autograd.gradcheck import gradcheck
from pycnn.autograd.joining import *
from pycnn.autograd.kinds import *
from pycnn.autograd.modes import *
from pycnn.autograd.patterns import *
from pycnn.autograd.tensor import Tensor
from pycnn.data import ArrayDataset
from pycnn.dtypes import *
from pycnn.io import load, load_model, save
from pycnn.layers import *
from pycnn.loader import DataLoader
from pycnn.losses import *
from pycnn.profiling import profile
from pycnn.splits import k_fold, random_split
from pycnn.training import History, evaluate, fit, predict, predict_proba

if TYPE_CHECKING:
    from pycnn import accelerator as accelerator
    from pycnn import augment, datasets, nn, plot
    from pycnn import distributed as distributed
    from pycnn import hub as hub
    from pycnn import inference as inference
    from pycnn import jit as jit
    from pycnn import utils as utils
    from pycnn.inference import InferenceSession

__version__: str = _core.version

# Imported on first use: a program that needs few of them starts sooner.
_LATER = frozenset(
    (
        *("accelerator", "augment", "datasets", "distributed", "hub", "inference", "jit", "nn"),
        *("plot", "utils"),
    )
)


# Functions that PyTorch has here as well, with the same arguments.
_FUNCTIONS = frozenset(
    (
        *("adaptive_avg_pool1d", "avg_pool1d", "conv1d", "conv2d", "conv_transpose1d"),
        *("conv_transpose2d", "cosine_similarity", "dropout", "group_norm", "layer_norm"),
        *("max_pool1d", "max_pool2d", "pairwise_distance", "pixel_shuffle", "pixel_unshuffle"),
        "prelu",
    )
)


def __getattr__(name: str) -> Any:
    """Import a module on first use; give PyTorch's names of kinds."""
    if name in _LATER:
        return import_module(f"pycnn.{name}")
    if name == "InferenceSession":
        return import_module("pycnn.inference").InferenceSession
    if name in dtypes.KINDS:
        return dtypes.KINDS[name]
    if name in _FUNCTIONS:
        return getattr(functional, name)
    raise AttributeError(f"module 'pycnn' has no attribute {name!r}{of_package(name)}")


def __dir__() -> list[str]:
    """Return all names, also of what has not been imported yet."""
    return sorted({*globals(), *_LATER, "InferenceSession"})


__all__ = [
    "ArrayDataset",
    "Config",
    "DataLoader",
    "Function",
    "History",
    "InferenceSession",
    "Tensor",
    "augment",
    "autograd",
    "cuda",
    "datasets",
    "evaluate",
    "fit",
    "functional",
    "get_convolution",
    "get_num_threads",
    "gradcheck",
    "init",
    "k_fold",
    "layers",
    "load",
    "load_model",
    "losses",
    "manual_seed",
    "models",
    "nn",
    "ops",
    "optim",
    "plot",
    "predict",
    "predict_proba",
    "profile",
    "random_split",
    "reference",
    "save",
    "set_convolution",
    "set_num_threads",
    "show_config",
    "text",
    "training",
    *autograd.creation.__all__,
    *autograd.draws.__all__,
    *autograd.functions.__all__,
    *autograd.joining.__all__,
    *autograd.kinds.__all__,
    *autograd.modes.__all__,
    *autograd.patterns.__all__,
    *dtypes.__all__,
    *layers.__all__,
    *losses.__all__,
]
