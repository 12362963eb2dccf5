"""Pure functions on arrays: each layer's forward pass, and one function for each gradient.

Arrays are ``numpy.ndarray``, float32, C-contiguous, images in NCHW order. Nothing is cast or copied
silently: another dtype is a ``TypeError``, a non-contiguous array or an impossible geometry a
``ValueError`` that names the op and both shapes. `pycnn.reference` has the same functions in NumPy,
except `conv2d_algorithm`, which tells what the compiled ops choose.

Results have the same bits for any number of threads. Denormal numbers count as zero, except in
`add`. NaN passes through, unless dropout drops it.
"""

from pycnn.ops.activation import *
from pycnn.ops.activation_kinds import *
from pycnn.ops.adaptive import *
from pycnn.ops.addition import *
from pycnn.ops.class_loss import *
from pycnn.ops.conv import *
from pycnn.ops.conv_pooled import *
from pycnn.ops.conv_transpose import *
from pycnn.ops.dropout import *
from pycnn.ops.embedding import *
from pycnn.ops.linear import *
from pycnn.ops.local_response_norm import *
from pycnn.ops.loss import *
from pycnn.ops.norm import *
from pycnn.ops.norm_clamp import *
from pycnn.ops.optim import *
from pycnn.ops.pointwise_loss import *
from pycnn.ops.pointwise_loss_kinds import *
from pycnn.ops.pool import *
from pycnn.ops.rbf import *
from pycnn.ops.resize import *
from pycnn.ops.softmax import *

# What the files above list as public.
__all__ = sorted(name for name, value in vars().items() if callable(value))
