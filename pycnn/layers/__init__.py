"""Layers: thin objects that own parameters, call `pycnn.ops` and remember what backward needs.

- `parameter`, `module`: `Parameter`, `Buffer`, `Module` (what to subclass for a layer of your own)
- `container`: `Sequential`, `Flatten`
- `conv`, `pool`, `linear`, `activation`, `batch_norm`, `subsampling`: one family each
- `neocognitron`: `SLayer`, `CLayer`, which learn without gradients
- `summary`: the table of `Module.summary`
"""

from pycnn.layers.activation import Dropout, ReLU
from pycnn.layers.batch_norm import BatchNorm2d
from pycnn.layers.container import Flatten, Sequential
from pycnn.layers.conv import Conv2d
from pycnn.layers.linear import Linear
from pycnn.layers.module import Module
from pycnn.layers.neocognitron import CLayer, SLayer
from pycnn.layers.parameter import Buffer, Parameter
from pycnn.layers.pool import AvgPool2d, MaxPool2d
from pycnn.layers.subsampling import Subsampling

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "Buffer",
    "CLayer",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Linear",
    "MaxPool2d",
    "Module",
    "Parameter",
    "ReLU",
    "SLayer",
    "Sequential",
    "Subsampling",
]
