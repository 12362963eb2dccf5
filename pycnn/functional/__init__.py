"""Layers as functions, with PyTorch's names: ``pycnn.functional.relu(x)``.

Each takes tensors, and is recorded where gradients are wanted, or arrays, and then returns arrays.
`pycnn.ops` has the functions on arrays that these are made of, with one for each gradient.
"""

from pycnn.functional import activation, affine, images, losses, more, norm, pool
from pycnn.functional.activation import *
from pycnn.functional.affine import *
from pycnn.functional.images import *
from pycnn.functional.losses import *
from pycnn.functional.more import *
from pycnn.functional.norm import *
from pycnn.functional.pool import *

# What the files above list as public.
__all__: list[str] = []
__all__ += activation.__all__
__all__ += affine.__all__
__all__ += images.__all__
__all__ += losses.__all__
__all__ += more.__all__
__all__ += norm.__all__
__all__ += pool.__all__
