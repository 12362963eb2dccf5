"""The layers, where some programs for PyTorch look for these; see `pycnn.layers`."""

from pycnn.layers import *
