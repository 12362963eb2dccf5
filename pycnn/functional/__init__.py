"""Layers as functions, with PyTorch's names: ``pycnn.functional.relu(x)``.

Each takes tensors, and is recorded where gradients are wanted, or arrays, and then returns arrays.
`pycnn.ops` has the functions on arrays that these are made of, with one for each gradient.
"""

from pycnn.functional.activation import *
from pycnn.functional.affine import *
from pycnn.functional.images import *
from pycnn.functional.losses import *
from pycnn.functional.norm import *
from pycnn.functional.pool import *

# What the files above list as public.
__all__ = sorted(name for name, value in vars().items() if callable(value))
