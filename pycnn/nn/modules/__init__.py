"""The modules of `pycnn.nn`, where some programs for PyTorch look for them."""

from pycnn.layers import *
from pycnn.losses import *
