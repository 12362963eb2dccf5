"""LeNet-5 as it was published in 1998."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn import init
from pycnn.layers import RBF, Conv2d, Flatten, Linear, Module, ScaledTanh, Sequential, Subsampling
from pycnn.models.digit_bitmaps import digit_bitmaps
from pycnn.models.registry import register

# Table I: the maps of S2 that each map of C3 looks at.
C3_LINKS = (
    *((k, (k + 1) % 6, (k + 2) % 6) for k in range(6)),
    *((k, (k + 1) % 6, (k + 2) % 6, (k + 3) % 6) for k in range(6)),
    *((k, k + 1, (k + 3) % 6, (k + 4) % 6) for k in range(3)),
    tuple(range(6)),
)
# Appendix A: initial weights are uniform in +-2.4 / fan-in.
INITIAL_RANGE = 2.4


def c3_table() -> npt.NDArray[np.bool_]:
    """Return Table I of the paper: entry [k, c] tells whether map k of C3 looks at map c of S2."""
    table = np.zeros((16, 6), bool)
    for k, channels in enumerate(C3_LINKS):
        table[k, list(channels)] = True
    return table


@register
def lenet5_1998(*, rng: init.Rng = None) -> Sequential:
    """LeNet-5 as published, for the ten digits in (N, 1, 32, 32) images.

    ========  ===================  ==========  ===========
    layer     output               parameters  connections
    ========  ===================  ==========  ===========
    C1        6 maps of 28 x 28           156      122,304
    S2        6 maps of 14 x 14            12        5,880
    C3        16 maps of 10 x 10        1,516      151,600
    S4        16 maps of 5 x 5             32        2,000
    C5        120 maps of 1 x 1        48,120       48,120
    F6        84                       10,164       10,164
    output    10                            -          840
    all                                60,000      340,908
    ========  ===================  ==========  ===========

    The paper prints all of these but the 840 connections of the output, 10 units with 84 inputs
    each: they are what its total of 340,908 leaves. `pycnn.models.connections` counts them.

    Parameters
    ----------
    rng : Generator, int or None
        Random numbers of the initial parameters: U(+-2.4 / fan-in), weights and biases.

    Returns
    -------
    Sequential
        Layers C1, S2, C3, S4, C5, F6, each followed by its squashing function, and the output:
        (N, 10) squared distances to the bitmaps of the digits. The smallest is the answer, which
        `Module.scores` tells `pycnn.evaluate`. Train it with `pycnn.MAPLoss`, on
        `pycnn.datasets.mnist_1998`.

    Notes
    -----
    Squashing: 1.7159 tanh(2 x / 3), after every layer up to F6. The paper says so twice: "units in
    layers up to F6" pass their sum through it (II.B), and a convolutional layer is a convolution,
    "followed by an additive bias and squashing function" (II.A); the description of the
    sub-sampling layers names it once more.

    Fan-in: 25 for C1, 25 times the links of a map for C3 (75, 100 or 150), 400 for C5, 120 for
    F6; the 4 inputs of a window for S2 and S4. The bias is not counted.

    The bitmaps are fixed, as in the paper, but drawn anew: see `pycnn.models.digit_bitmaps`.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86(11), 1998, section II.B, table I, appendix A.
    """
    table = c3_table()
    layers: dict[str, Module] = {
        "C1": Conv2d(1, 6, 5),
        "S2": Subsampling(6),
        "C3": Conv2d(6, 16, 5, connections=table),
        "S4": Subsampling(16),
        "C5": Conv2d(16, 120, 5),
        "F6": Linear(120, 84),
    }
    _initialise(layers, table.sum(axis=1), init.generator(rng, "lenet5_1998"))
    model: dict[str, Module] = {}
    for name, layer in layers.items():
        if name == "F6":
            model["flatten"] = Flatten()
        model |= {name: layer, f"{name}_squash": ScaledTanh()}
    return Sequential(model | {"output": RBF(centres=digit_bitmaps())})


def _initialise(
    layers: dict[str, Module], links: npt.NDArray[np.int64], rng: np.random.Generator
) -> None:
    """Fill weights and biases from U(+-2.4 / fan-in); `links` are those of each map of C3."""
    fan_in = {"C1": 25, "S2": 4, "S4": 4, "C5": 400, "F6": 120}
    for name, layer in layers.items():
        for kind, parameter in layer.named_parameters():
            values = init.uniform(parameter.shape, INITIAL_RANGE, rng)
            if name != "C3":
                values /= fan_in[name]
            elif kind == "bias":
                values /= 25 * links
            else:
                values /= np.repeat(25 * links, links)[:, np.newaxis, np.newaxis]
            parameter.data[...] = values
