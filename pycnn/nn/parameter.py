"""See `pycnn.Parameter`."""

from pycnn.layers import Buffer, Parameter

__all__ = ["Buffer", "Parameter"]
