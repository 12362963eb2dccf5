"""The whole networks to measure: parameters, inputs and multiply-adds, for any library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Network:
    """One network of `pycnn.models`.

    `parameters` are the shapes in the order in which both libraries list them; a weight is followed
    by its bias. `words` is set for a text network: its inputs are numbers below `words`. `first` is
    the part of a sample's multiply-adds in the first layer, whose input needs no gradient.
    """

    title: str
    model: str
    parameters: tuple[tuple[int, ...], ...]
    sample: tuple[int, ...]
    classes: int
    first: int
    rest: int
    optimizer: str = "sgd"
    words: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters as arrays of a case."""
        return tuple(f"p{i}.{'weight' if len(s) > 1 else 'bias'}" for i, s in self._numbered())

    def _numbered(self) -> list[tuple[int, tuple[int, ...]]]:
        return list(enumerate(self.parameters))


def _layers(*weights: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of weights, each followed by the shape of its bias."""
    return tuple(shape for weight in weights for shape in (weight, weight[:1]))


LENET = Network(
    title="LeNet-5",
    model="lenet5",
    parameters=_layers((6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)),
    sample=(1, 28, 28),
    classes=10,
    first=28 * 28 * 6 * 25,
    rest=10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10,
)

ALEXNET = Network(
    title="AlexNet (2012)",
    model="alexnet",
    parameters=_layers(
        (96, 3, 11, 11),
        (256, 48, 5, 5),
        (384, 256, 3, 3),
        (384, 192, 3, 3),
        (256, 192, 3, 3),
        (4096, 9216),
        (4096, 4096),
        (1000, 4096),
    ),
    sample=(3, 227, 227),
    classes=1000,
    first=55 * 55 * 96 * 363,
    rest=27 * 27 * 256 * 48 * 25
    + 13 * 13 * (384 * 256 + 384 * 192 + 256 * 192) * 9
    + 9216 * 4096
    + 4096 * 4096
    + 4096 * 1000,
)

# 20,000 trained words, sentences of 60 words: Kim's network on a larger corpus than his.
_WORDS, _LENGTH, _DIM, _FILTERS, _WIDTHS = 20_000, 60, 300, 100, (3, 4, 5)
TEXTCNN = Network(
    title="text network",
    model="textcnn",
    parameters=(
        (_WORDS, _DIM),
        *_layers(*((_FILTERS, 1, width, _DIM) for width in _WIDTHS), (2, 300)),
    ),
    sample=(_LENGTH,),
    classes=2,
    first=0,  # the embedding multiplies nothing
    # With padding, a filter of w words has length + w windows.
    rest=sum((_LENGTH + width) * _FILTERS * width * _DIM for width in _WIDTHS) + 2 * 300,
    optimizer="adam",
    words=_WORDS,
)

NETWORKS = {network.model: network for network in (LENET, ALEXNET, TEXTCNN)}
