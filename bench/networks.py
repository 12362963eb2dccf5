"""The whole networks to measure, for any library, under the names that pycnn's parameters have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sketch import Sketch, Step


@dataclass(frozen=True)
class Network:
    """One network of `pycnn.models`, or of `small_cifar.py`.

    `sketch` records its steps. `words` is set for a text network: its inputs are numbers below
    `words`.
    """

    title: str
    model: str
    sketch: Callable[[Sketch, int], object]
    sample: tuple[int, ...]
    classes: int
    optimizer: str = "sgd"
    words: int = 0
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def steps(self) -> list[Step]:
        """Return the operations, in order."""
        sketch = Sketch(self.sample)
        self.sketch(sketch, 0)
        return sketch.steps

    @property
    def state(self) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of parameters and running statistics."""
        return {name: shape for step in self.steps for name, shape in step.parameters.items()}

    @property
    def trained(self) -> list[str]:
        """Return the names of the parameters."""
        return [name for name in self.state if ".running_" not in name]

    @property
    def parameters(self) -> tuple[tuple[int, ...], ...]:
        """Return the shapes of the parameters."""
        return tuple(self.state[name] for name in self.trained)

    @property
    def last(self) -> list[str]:
        """Return the names of the parameters of the last layer."""
        return list(self.steps[-1].parameters)

    def multiply_adds(self, train: bool, frozen: bool = False) -> int:
        """Return the work for one sample; with `frozen`, of training only the last layer.

        Each layer has three products in training; the first one with weights has two, because
        nobody needs its dx, unless words are looked up before it.
        """
        work = [step.multiply_adds for step in self.steps if step.multiply_adds]
        if not train:
            return sum(work)
        if frozen:
            return sum(work) + work[-1]
        return 3 * sum(work) - (0 if self.words else work[0])


def _lenet(net: Sketch, x: int) -> int:
    x = net.max_pool(net.relu(net.conv(x, "0", 6, 5, padding=2, bias=True)), 2, 2)
    x = net.max_pool(net.relu(net.conv(x, "3", 16, 5, bias=True)), 2, 2)
    x = net.relu(net.linear(net.flatten(x), "7", 120))
    return net.linear(net.relu(net.linear(x, "9", 84)), "11", 10)


def _alexnet(net: Sketch, x: int) -> int:
    x = net.relu(net.conv(x, "conv1", 96, 11, stride=4, bias=True))
    x = net.max_pool(net.response_norm(x), 3, 2)
    x = net.relu(net.conv(x, "conv2", 256, 5, padding=2, groups=2, bias=True))
    x = net.max_pool(net.response_norm(x), 3, 2)
    x = net.relu(net.conv(x, "conv3", 384, 3, padding=1, bias=True))
    x = net.relu(net.conv(x, "conv4", 384, 3, padding=1, groups=2, bias=True))
    x = net.relu(net.conv(x, "conv5", 256, 3, padding=1, groups=2, bias=True))
    x = net.flatten(net.max_pool(x, 3, 2))
    for key in ("fc6", "fc7"):
        x = net.dropout(net.relu(net.linear(x, key, 4096)), 0.5)
    return net.linear(x, "fc8", 1000)


# 20,000 trained words, sentences of 60 words: Kim's network on a larger corpus than his.
_WORDS, _LENGTH, _DIM, _FILTERS, _WIDTHS = 20_000, 60, 300, 100, (3, 4, 5)


def _text(net: Sketch, x: int) -> int:
    x = net.embedding(x, "0", _WORDS, _DIM)
    features = []
    for i, width in enumerate(_WIDTHS):
        padding = (width - 1, width, 0, 0)
        y = net.conv(x, f"2.{i}.0", _FILTERS, (width, _DIM), padding=padding, bias=True)
        features.append(net.maximum(net.relu(y)))
    return net.linear(net.dropout(net.concatenate(*features), 0.5), "4", 2)


def _plain(features: tuple[int | None, ...], prefix: str, bias: bool, head: str) -> Any:
    """Return the sketch of 3x3 convolutions, normalised and rectified, and poolings (None)."""

    def sketch(net: Sketch, x: int) -> int:
        i = 0
        for filters in features:
            if filters is None:
                x, i = net.max_pool(x, 2, 2), i + 1
                continue
            x = net.conv(x, f"{prefix}{i}", filters, 3, padding=1, bias=bias)
            x, i = net.relu(net.norm(x, f"{prefix}{i + 1}")), i + 3
        return net.linear(net.mean(x), head, 10)

    return sketch


def _resnet18(net: Sketch, x: int) -> int:
    x = net.relu(net.norm(net.conv(x, "conv1", 64, 3, padding=1), "bn1"))
    channels = 64
    for group, filters in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            key = f"layer{group}.{block}."
            stride = 2 if group > 1 and block == 0 else 1
            y = net.conv(x, key + "conv1", filters, 3, stride, padding=1)
            y = net.relu(net.norm(y, key + "bn1"))
            y = net.norm(net.conv(y, key + "conv2", filters, 3, padding=1), key + "bn2")
            if channels != filters:
                x = net.conv(x, key + "downsample.0", filters, 1, stride)
                x = net.norm(x, key + "downsample.1")
            x, channels = net.relu(net.add(y, x)), filters
    return net.linear(net.mean(x), "fc", 10)


# Expansion, channels, blocks and first stride of each group.
_INVERTED = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _mobilenet_v2(net: Sketch, x: int) -> int:
    def layer(x: int, key: str, filters: int, size: int, stride: int, groups: int = 1) -> int:
        x = net.conv(x, key + ".0", filters, size, stride, size // 2, groups)
        return net.relu6(net.norm(x, key + ".1"))

    x, channels, number = layer(x, "features.0", 32, 3, 2), 32, 1
    for expansion, outputs, blocks, first in _INVERTED:
        for block in range(blocks):
            key, stride = f"features.{number}.conv.", first if block == 0 else 1
            between, part, y = channels * expansion, 0, x
            if expansion > 1:
                y, part = layer(y, key + "0", between, 1, 1), 1
            y = layer(y, f"{key}{part}", between, 3, stride, between)
            y = net.norm(net.conv(y, f"{key}{part + 1}", outputs, 1), f"{key}{part + 2}")
            x = net.add(x, y) if stride == 1 and channels == outputs else y
            channels, number = outputs, number + 1
    x = net.mean(layer(x, f"features.{number}", 1280, 1, 1))
    return net.linear(net.dropout(x, 0.2), "classifier.1", 1000)


_SMALL = (32, 32, None, 64, 64, None, 128)
_VGG11 = (64, None, 128, None, 256, 256, None, 512, 512, None, 512, 512, None)
_IMAGE = (3, 32, 32)

LENET = Network("LeNet-5", "lenet5", _lenet, (1, 28, 28), 10)
ALEXNET = Network("AlexNet (2012)", "alexnet", _alexnet, (3, 227, 227), 1000)
TEXTCNN = Network("text network", "textcnn", _text, (_LENGTH,), 2, optimizer="adam", words=_WORDS)
SMALL_CIFAR = Network("small CIFAR net", "small_cifar", _plain(_SMALL, "", False, "19"), _IMAGE, 10)
_SMALL_IMAGES = {"classes": 10, "small_images": True}
RESNET18 = Network("ResNet-18 @32", "resnet18", _resnet18, _IMAGE, 10, arguments=_SMALL_IMAGES)
VGG11 = Network(
    "VGG-11-BN @32",
    "vgg11_bn",
    _plain(_VGG11, "features.", True, "classifier.0"),
    _IMAGE,
    10,
    arguments=_SMALL_IMAGES,
)
MOBILENET = Network("MobileNetV2 @96", "mobilenet_v2", _mobilenet_v2, (3, 96, 96), 1000)

_ALL = (LENET, ALEXNET, TEXTCNN, SMALL_CIFAR, RESNET18, VGG11, MOBILENET)
NETWORKS = {network.model: network for network in _ALL}
