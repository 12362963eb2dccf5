"""See `pycnn.layers`; `_ConvNd` is any convolution."""

from pycnn.layers import Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d
from pycnn.layers.conv import AnyConvolution as _ConvNd

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "_ConvNd"]
