"""Connections as the papers of the 1990s count them."""

from __future__ import annotations

import math

import numpy as np

from pycnn.layers import RBF, Conv2d, Linear, Module, Subsampling
from pycnn.layers.parameter import Shape
from pycnn.layers.turns import between_steps


def connections(model: Module, input_shape: Shape) -> dict[str, int]:
    """Count the connections of each layer that has any, for one sample.

    A connection is one use of a weight or bias by one unit: a weight of a filter that is used at
    each of P Q places makes P Q connections. A sub-sampling unit has one connection for each input
    and one for its bias, although its inputs share a coefficient.

    Parameters
    ----------
    model : Module
        A model of `Conv2d`, `Linear`, `Subsampling`, `RBF` and layers without connections.
    input_shape : tuple of int
        Shape of one sample, without the batch axis.

    Returns
    -------
    dict of str to int
        Connections by the path of the layer, as in `Module.summary`.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998, section II.B.
    """
    counts: dict[str, int] = {}
    with between_steps(model):
        for path, layer, y in model.trace(np.zeros((1, *input_shape), model.input_dtype)):
            if isinstance(layer, (Conv2d, Linear)):
                uses = math.prod(y.shape[2:])
                counts[path] = uses * sum(parameter.numel() for parameter in layer.parameters())
            elif isinstance(layer, Subsampling):
                counts[path] = y.size * (math.prod(layer.kernel_size) + 1)
            elif isinstance(layer, RBF):
                counts[path] = layer.centres.data.size
    return counts
