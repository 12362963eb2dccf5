"""Layers: thin objects that own parameters, call `pycnn.ops` and save what backward needs.

- `module`: `Module`, the class to inherit from for a layer of your own, and `evaluation_mode`;
  what a Module can do is in `tree` (modules below it), `state` (values by name), `modes` (training
  and evaluation) and `saving` (what forward saves for backward)
- `parameter`: `Parameter`, `Buffer`, `SparseRows`
- `contained`: what attributes and plain lists hold; `turns`: threads take a model by turns;
  `later`: changes that wait for the update; `spread`: a batch shared by processes
- `sequential`, `parallel`, `residual`: containers of layers; `container`: what they share;
  `fused`: neighbouring layers that run as one op
- `reshape`: `Flatten`, `Reshape`, `Unsqueeze`
- `conv`, `conv_transpose`, `pool`, `adaptive_pool`, `subsampling`, `resize`, `linear`,
  `activation`, `activation_kinds`, `prelu`, `dropout`, `embedding`, `batch_norm`,
  `local_response_norm`, `rbf`: one family each
- `s_layer`, `c_layer`: those of the neocognitron; `cells`: what they share; `self_organizing`:
  layers that learn without gradients
- `summary`: the table of `Module.summary`
"""

from pycnn.layers.activation import (
    GELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    ScaledTanh,
    Sigmoid,
    Softmax,
    Tanh,
)
from pycnn.layers.activation_kinds import (
    ELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Mish,
    ReLU6,
    SiLU,
    Softplus,
)
from pycnn.layers.adaptive_pool import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    GlobalAvgPool2d,
    GlobalMaxPool2d,
)
from pycnn.layers.batch_norm import BatchNorm2d
from pycnn.layers.c_layer import CLayer
from pycnn.layers.conv import Conv2d
from pycnn.layers.conv_transpose import ConvTranspose2d
from pycnn.layers.dropout import Dropout
from pycnn.layers.embedding import Embedding
from pycnn.layers.linear import Linear
from pycnn.layers.local_response_norm import LocalResponseNorm
from pycnn.layers.module import Module, evaluation_mode
from pycnn.layers.parallel import Parallel
from pycnn.layers.parameter import Buffer, Parameter, SparseRows
from pycnn.layers.pool import AvgPool2d, MaxPool2d
from pycnn.layers.prelu import PReLU
from pycnn.layers.rbf import RBF
from pycnn.layers.reshape import Flatten, Reshape, Unsqueeze
from pycnn.layers.residual import Residual
from pycnn.layers.resize import Upsample, ZeroPad2d
from pycnn.layers.s_layer import SLayer
from pycnn.layers.sequential import Sequential
from pycnn.layers.subsampling import Subsampling

__all__ = [
    "ELU",
    "GELU",
    "RBF",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "BatchNorm2d",
    "Buffer",
    "CLayer",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MaxPool2d",
    "Mish",
    "Module",
    "PReLU",
    "Parallel",
    "Parameter",
    "ReLU",
    "ReLU6",
    "Reshape",
    "Residual",
    "SLayer",
    "ScaledTanh",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "SparseRows",
    "Subsampling",
    "Tanh",
    "Unsqueeze",
    "Upsample",
    "ZeroPad2d",
    "evaluation_mode",
]
