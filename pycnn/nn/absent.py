"""Layers that pycnn does not have: programs may name them, in ``isinstance``, and not make one."""

from __future__ import annotations

from typing import Any

from pycnn.layers import Module

NAMES = (
    *("Conv3d", "ConvTranspose3d", "BatchNorm3d", "InstanceNorm3d", "Dropout3d"),
    *("MaxPool3d", "AvgPool3d", "AdaptiveAvgPool3d", "AdaptiveMaxPool3d", "MaxUnpool3d"),
    *("ConstantPad3d", "ZeroPad3d", "ReflectionPad3d", "ReplicationPad3d"),
    *("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"),
    *("MultiheadAttention", "Transformer", "TransformerEncoder", "TransformerEncoderLayer"),
    *("TransformerDecoder", "TransformerDecoderLayer"),
)

__all__ = [*NAMES]


class Absent(Module):
    """A layer that cannot be made; weights are often set by kinds of layers that a model lacks."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(
            f"[{type(self).__name__}] pycnn has no 3-D layers, recurrent layers or attention: "
            "write a Module of the layers and functions that there are"
        )


globals().update({name: type(name, (Absent,), {"__module__": __name__}) for name in NAMES})
