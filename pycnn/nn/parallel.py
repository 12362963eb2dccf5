"""PyTorch's wrappers for several GPUs: pycnn uses one, or the CPU."""

from __future__ import annotations

from typing import Any

from pycnn.layers import Module

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """A module that calls the one it was given; the keys of its parameters begin with 'module.'.

    Parameters
    ----------
    module : Module
        What to call.
    device_ids, output_device, dim
        PyTorch's; they change nothing.
    """

    def __init__(
        self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0
    ) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Call the module."""
        return self.module(*inputs, **options)


def data_parallel(module: Module, inputs: Any, device_ids: Any = None, *_: Any) -> Any:
    """Return ``module(inputs)``; for a tuple, ``module(*inputs)``."""
    return module(*inputs) if isinstance(inputs, tuple) else module(inputs)
