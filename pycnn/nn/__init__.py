"""The names of `pycnn` under the places where programs for PyTorch look for them.

``import pycnn as torch`` and ``import pycnn.nn as nn`` run such a program's models: everything here
is `pycnn`'s own.
"""

from pycnn import functional, init
from pycnn.layers import *
from pycnn.losses import *
from pycnn.nn import modules, parallel, parameter, utils
from pycnn.nn.absent import *
from pycnn.nn.parallel import DataParallel as DataParallel

__all__ = [
    *(name for name in dir() if name[0].isupper()),
    "functional",
    "init",
    "modules",
    "parallel",
    "parameter",
    "utils",
]
