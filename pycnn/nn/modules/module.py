"""See `pycnn.Module`."""

from pycnn.layers import Module

__all__ = ["Module"]
