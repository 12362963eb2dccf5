"""The specification: every op of `pycnn.ops` in plain NumPy, readable above all.

Names, arguments and results are those of `pycnn.ops`, but any floating dtype is accepted and kept:
the tests call these functions in float64 and judge the float32 kernels by them. The reference
checks only the geometry that it needs to be meaningful; it is slow on purpose, and no op here
calls another implementation.
"""

from pycnn.reference.activation import *
from pycnn.reference.activation_kinds import *
from pycnn.reference.adaptive import *
from pycnn.reference.addition import *
from pycnn.reference.class_loss import *
from pycnn.reference.conv import *
from pycnn.reference.conv_pooled import *
from pycnn.reference.conv_transpose import *
from pycnn.reference.dropout import *
from pycnn.reference.embedding import *
from pycnn.reference.linear import *
from pycnn.reference.local_response_norm import *
from pycnn.reference.loss import *
from pycnn.reference.norm import *
from pycnn.reference.norm_clamp import *
from pycnn.reference.optim import *
from pycnn.reference.pointwise_loss import *
from pycnn.reference.pointwise_loss_kinds import *
from pycnn.reference.pool import *
from pycnn.reference.rbf import *
from pycnn.reference.resize import *
from pycnn.reference.softmax import *

# What the files above list as public.
__all__ = sorted(name for name, value in vars().items() if callable(value))
