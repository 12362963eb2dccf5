"""ResNet-18: blocks of two convolutions with a shortcut around each."""

from __future__ import annotations

from typing import Any

from pycnn import init
from pycnn._arguments import flag, integer
from pycnn.layers import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from pycnn.models.registry import register


class BasicBlock(Module):
    """Two 3x3 convolutions f and a shortcut: ``y = relu(f(x) + x)``.

    Where the shape changes, it is ``relu(f(x) + downsample(x))`` with a 1x1 convolution.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of the first convolution.
    rng : Generator
        Random numbers of the initial parameters.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, rng: init.Rng) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, outputs, 3, stride, rng)
        self.bn1 = BatchNorm2d(outputs)
        self.relu = ReLU()
        self.conv2 = _conv(outputs, outputs, 3, 1, rng)
        self.bn2 = BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            shortcut = _conv(inputs, outputs, 1, stride, rng)
            self.downsample = Sequential(shortcut, BatchNorm2d(outputs))

    def forward(self, x: Any) -> Any:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(Module):
    """A first convolution, four groups of blocks, the mean of each channel, a linear layer.

    Parameters
    ----------
    blocks : sequence of int
        Blocks of each group.
    classes : int
    small_images : bool
        As for `resnet18`.
    rng : Generator
        Random numbers of the initial parameters.
    """

    def __init__(
        self, blocks: tuple[int, ...], classes: int, small_images: bool, rng: init.Rng
    ) -> None:
        super().__init__()
        self.conv1 = _conv(3, 64, 3, 1, rng) if small_images else _conv(3, 64, 7, 2, rng)
        self.bn1 = BatchNorm2d(64)
        self.relu = ReLU()
        self.maxpool = Identity() if small_images else MaxPool2d(3, 2, 1)
        self.layer1 = _group(64, 64, blocks[0], 1, rng)
        self.layer2 = _group(64, 128, blocks[1], 2, rng)
        self.layer3 = _group(128, 256, blocks[2], 2, rng)
        self.layer4 = _group(256, 512, blocks[3], 2, rng)
        self.avgpool = AdaptiveAvgPool2d(1)
        self.flatten = Flatten()
        self.fc = Linear(512, classes, rng=rng)

    def forward(self, x: Any) -> Any:
        """Map (N, 3, H, W) to scores (N, classes)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.flatten(self.avgpool(x)))


def _group(inputs: int, outputs: int, blocks: int, stride: int, rng: init.Rng) -> Sequential:
    """Return blocks in a row, the first with a stride."""
    rest = [BasicBlock(outputs, outputs, 1, rng) for _ in range(1, blocks)]
    return Sequential(BasicBlock(inputs, outputs, stride, rng), *rest)


def _conv(inputs: int, outputs: int, size: int, stride: int, rng: init.Rng) -> Conv2d:
    """Return a convolution without bias that keeps the size, from He's normal distribution."""
    conv = Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False, rng=rng)
    init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu", generator=rng)
    return conv


@register
def resnet18(classes: int = 1000, small_images: bool = False, *, rng: init.Rng = None) -> ResNet:
    """ResNet-18 for colour images (N, 3, H, W): 17 convolutions and a linear layer.

    The names of the parameters are those of torchvision's ``resnet18``, so its weights can be
    loaded: ``model.load_state_dict(...)`` with arrays, or `pycnn.load` from a safetensors file.
    11,689,512 parameters for 1000 classes.

    Parameters
    ----------
    classes : int
        Outputs.
    small_images : bool
        Whether it is for images of about 32x32: the first convolution is then 3x3 with stride 1,
        and no pooling follows, as the paper has it for CIFAR-10. Otherwise it is 7x7 with stride 2,
        and a pooling follows, as published for ImageNet.
    rng : Generator, int or None
        Random numbers of the initial parameters: N(0, 2 / fan-out) for convolutions.

    Returns
    -------
    ResNet

    Raises
    ------
    TypeError, ValueError
        If `classes` is not a whole number from 1, or `small_images` not a bool.

    References
    ----------
    He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016, sections 3.3, 4.2.
    """
    integer("resnet18", "classes", classes, 1)
    flag("resnet18", "small_images", small_images)
    return ResNet((2, 2, 2, 2), classes, small_images, init.generator(rng, "resnet18"))
