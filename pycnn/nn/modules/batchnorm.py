"""See `pycnn.layers`; `_BatchNorm` is what normalises over a batch."""

from pycnn.layers import BatchNorm1d, BatchNorm2d
from pycnn.layers.batch_norm import OfBatches as _BatchNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "_BatchNorm"]
