"""What programs for PyTorch import from ``torch.utils``; see `pycnn.nn`."""

from pycnn.utils import checkpoint, data, model_zoo

__all__ = ["checkpoint", "data", "model_zoo"]
