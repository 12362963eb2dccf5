"""MobileNetV2: blocks that widen, filter each channel alone, and narrow again."""

from __future__ import annotations

from typing import Any

from pycnn import init
from pycnn._arguments import integer
from pycnn.layers import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Module,
    ReLU6,
    Sequential,
)
from pycnn.models.registry import register

# Expansion, channels, blocks and first stride of each group: table 2 of the paper.
_GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(Module):
    """A 1x1 convolution to more channels, a 3x3 one of each channel, a 1x1 one to fewer.

    The input is added to the output if both have the same shape: ``y = f(x) + x``.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of the 3x3 convolution.
    expansion : int
        How many times as many channels lie between; with 1 there is no first convolution.
    rng : Generator
        Random numbers of the initial parameters.
    """

    def __init__(
        self, inputs: int, outputs: int, stride: int, expansion: int, rng: init.Rng
    ) -> None:
        super().__init__()
        between = inputs * expansion
        wide = [] if expansion == 1 else [_conv_norm_relu(inputs, between, 1, 1, 1, rng)]
        self.conv = Sequential(
            *wide,
            _conv_norm_relu(between, between, 3, stride, between, rng),
            _conv(between, outputs, 1, 1, 1, rng),
            BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Any) -> Any:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return x + self.conv(x) if self.adds else self.conv(x)


def _conv(inputs: int, outputs: int, size: int, stride: int, groups: int, rng: init.Rng) -> Conv2d:
    """Return a convolution without bias that keeps the size, from He's normal distribution."""
    conv = Conv2d(
        inputs, outputs, size, stride, padding=size // 2, groups=groups, bias=False, rng=rng
    )
    init.kaiming_normal_(conv.weight, mode="fan_out", generator=rng)
    return conv


def _conv_norm_relu(
    inputs: int, outputs: int, size: int, stride: int, groups: int, rng: init.Rng
) -> Sequential:
    conv = _conv(inputs, outputs, size, stride, groups, rng)
    return Sequential(conv, BatchNorm2d(outputs), ReLU6())


@register
def mobilenet_v2(classes: int = 1000, *, rng: init.Rng = None) -> Sequential:
    """MobileNetV2 for colour images (N, 3, H, W): 17 blocks of narrow-wide-narrow convolutions.

    The names of the parameters are those of torchvision's ``mobilenet_v2``, so its weights can be
    loaded. 3,504,872 parameters for 1000 classes.

    Parameters
    ----------
    classes : int
        Outputs.
    rng : Generator, int or None
        Random numbers of the initial parameters, N(0, 2 / fan-out) for convolutions and N(0, 0.01)
        for the linear layer, and of dropout.

    Returns
    -------
    Sequential
        ``features``, ``avgpool``, ``flatten`` and ``classifier``.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not a whole number from 1.

    References
    ----------
    Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: inverted residuals and linear bottlenecks,
    CVPR 2018.
    """
    integer("mobilenet_v2", "classes", classes, 1)
    rng = init.generator(rng, "mobilenet_v2")
    features: list[Module] = [_conv_norm_relu(3, 32, 3, 2, 1, rng)]
    channels = 32
    for expansion, outputs, blocks, stride in _GROUPS:
        for block in range(blocks):
            first = stride if block == 0 else 1
            features.append(InvertedResidual(channels, outputs, first, expansion, rng))
            channels = outputs
    features.append(_conv_norm_relu(channels, 1280, 1, 1, 1, rng))
    linear = Linear(1280, classes, rng=rng)
    init.normal_(linear.weight, 0, 0.01, rng)
    assert linear.bias is not None
    init.zeros_(linear.bias)
    return Sequential(
        {
            "features": Sequential(*features),
            "avgpool": AdaptiveAvgPool2d(1),
            "flatten": Flatten(),
            "classifier": Sequential(Dropout(0.2, rng=rng), linear),
        }
    )
