"""Layers: thin objects that own parameters, call `pycnn.ops` and save what backward needs.

- `module`: `Module`, the class to inherit from for a layer of your own, and `evaluation_mode`;
  what a Module can do is in `tree` (modules below it), `state` (values by name), `modes` (training
  and evaluation) and `saving` (what forward saves for backward)
- `parameter`: `Parameter`, `Buffer`, `SparseRows`
- `contained`: what attributes and plain lists hold; `turns`: threads take a model by turns;
  `later`: changes that wait for the update; `spread`: a batch shared by processes
- `sequential`, `parallel`, `residual`: containers of layers; `container`: what they share;
  `fused`: neighbouring layers that run as one op
- `reshape`: `Flatten`, `Unflatten`, `Reshape`, `Unsqueeze`, `Identity`; `rearrange`: pixels into
  channels and back
- `conv`, `conv_transpose`, `pool`, `adaptive_pool`, `subsampling`, `resize`, `pad`, `linear`,
  `activation`, `activation_kinds`, `prelu`, `softmax`, `dropout`, `embedding`, `batch_norm`,
  `local_response_norm`, `rbf`: one family each; `conv1d`, `pool1d`: those of signals
- `instance_norm`, `group_norm`: statistics of a sample; `standardised`: what they share
- `gates`: `GLU`; `unpool`: max pooling undone; `folding`: patches as columns
- `more_activations`: rarer ones; `distances`: layers of two inputs
- `hooks`, `members`: functions that look on, and what is below a module by name
- `images`: what layers share that take images or signals; `borders`, `ones`: what padding needs
- `s_layer`, `c_layer`: those of the neocognitron; `cells`: what they share; `self_organizing`:
  layers that learn without gradients
- `summary`: the table of `Module.summary`
"""

from pycnn.layers.activation import (
    GELU,
    LeakyReLU,
    ReLU,
    ScaledTanh,
    Sigmoid,
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
from pycnn.layers.batch_norm import BatchNorm1d, BatchNorm2d
from pycnn.layers.c_layer import CLayer
from pycnn.layers.conv import Conv2d
from pycnn.layers.conv1d import Conv1d, ConvTranspose1d
from pycnn.layers.conv_transpose import ConvTranspose2d
from pycnn.layers.distances import Bilinear, CosineSimilarity, PairwiseDistance
from pycnn.layers.dropout import Dropout, Dropout1d, Dropout2d
from pycnn.layers.embedding import Embedding
from pycnn.layers.folding import Fold, Unfold
from pycnn.layers.gates import GLU
from pycnn.layers.group_norm import GroupNorm, LayerNorm
from pycnn.layers.instance_norm import InstanceNorm1d, InstanceNorm2d
from pycnn.layers.linear import Linear
from pycnn.layers.local_response_norm import LocalResponseNorm
from pycnn.layers.module import Module, evaluation_mode
from pycnn.layers.module_lists import ModuleDict, ModuleList, ParameterList
from pycnn.layers.more_activations import (
    CELU,
    SELU,
    Hardshrink,
    LogSigmoid,
    Softmin,
    Softshrink,
    Softsign,
    Tanhshrink,
    Threshold,
)
from pycnn.layers.pad import (
    CircularPad1d,
    CircularPad2d,
    ConstantPad1d,
    ConstantPad2d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReplicationPad1d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from pycnn.layers.parallel import Parallel
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.layers.pool import AvgPool2d, MaxPool2d
from pycnn.layers.pool1d import AdaptiveAvgPool1d, AdaptiveMaxPool1d, AvgPool1d, MaxPool1d
from pycnn.layers.prelu import PReLU
from pycnn.layers.rbf import RBF
from pycnn.layers.rearrange import ChannelShuffle, PixelShuffle, PixelUnshuffle
from pycnn.layers.reshape import Flatten, Identity, Reshape, Unflatten, Unsqueeze
from pycnn.layers.residual import Residual
from pycnn.layers.resize import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from pycnn.layers.s_layer import SLayer
from pycnn.layers.sequential import Sequential
from pycnn.layers.softmax import LogSoftmax, Softmax
from pycnn.layers.sparse_rows import SparseRows
from pycnn.layers.subsampling import Subsampling
from pycnn.layers.unpool import MaxUnpool2d

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "RBF",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Bilinear",
    "Buffer",
    "CLayer",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "ConstantPad1d",
    "ConstantPad2d",
    "Conv1d",
    "Conv2d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "CosineSimilarity",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "Fold",
    "GlobalAvgPool2d",
    "GlobalMaxPool2d",
    "GroupNorm",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "LogSigmoid",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "MaxUnpool2d",
    "Mish",
    "Module",
    "ModuleDict",
    "ModuleList",
    "PReLU",
    "PairwiseDistance",
    "Parallel",
    "Parameter",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "ReLU6",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "Reshape",
    "Residual",
    "SLayer",
    "ScaledTanh",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "SparseRows",
    "Subsampling",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "Unflatten",
    "Unfold",
    "Unsqueeze",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "evaluation_mode",
]
