"""The modules of `pycnn.nn`, where some programs for PyTorch look for them."""

from pycnn.layers import *
from pycnn.losses import *
from pycnn.nn.absent import *
from pycnn.nn.modules import batchnorm as batchnorm
from pycnn.nn.modules import conv as conv
from pycnn.nn.modules import module as module
from pycnn.nn.modules import utils as utils
