"""Layers: thin objects that own parameters, call `pycnn.ops` and remember what backward needs.

- `parameter`, `module`: `Parameter`, `Buffer`, `Module` (what to subclass for a layer of your own)
- `container`: `Sequential`, `Flatten`
- `conv`, `conv_transpose`, `pool`, `linear`, `activation`, `batch_norm`, `subsampling`, `rbf`:
  one family each
- `summary`: the table of `Module.summary`
"""

from pycnn.layers.activation import Dropout, ReLU
from pycnn.layers.batch_norm import BatchNorm2d
from pycnn.layers.container import Flatten, Sequential
from pycnn.layers.conv import Conv2d
from pycnn.layers.conv_transpose import ConvTranspose2d
from pycnn.layers.linear import Linear
from pycnn.layers.module import Module
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.layers.pool import AvgPool2d, MaxPool2d
from pycnn.layers.rbf import RBF
from pycnn.layers.subsampling import Subsampling

__all__ = [
    "RBF",
    "AvgPool2d",
    "BatchNorm2d",
    "Buffer",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Flatten",
    "Linear",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Subsampling",
]
