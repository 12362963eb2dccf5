"""VGG with eleven layers that have weights, and batch normalisation."""

from __future__ import annotations

from itertools import pairwise

from pycnn import init
from pycnn._arguments import flag, integer
from pycnn.layers import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from pycnn.models.registry import register

# Filters of each convolution; None stands for a pooling (configuration A of the paper).
_FEATURES = (64, None, 128, None, 256, 256, None, 512, 512, None, 512, 512, None)


@register
def vgg11_bn(
    classes: int = 1000, small_images: bool = False, *, rng: init.Rng = None
) -> Sequential:
    """VGG-11 with batch normalisation, for colour images (N, 3, H, W) of at least 32x32.

    Eight 3x3 convolutions, each normalised and rectified, five poolings that halve the image, and
    three linear layers. The names of the parameters are those of torchvision's ``vgg11_bn``, so its
    weights can be loaded. 132,868,840 parameters for 1000 classes; for small images and 10 classes
    9,231,114.

    Parameters
    ----------
    classes : int
        Outputs.
    small_images : bool
        Whether it is for images of about 32x32: one linear layer of 512 inputs then follows the
        convolutions. Otherwise the last plane is brought to 7x7, and linear layers of 4096 follow,
        as published for ImageNet.
    rng : Generator, int or None
        Random numbers of the initial parameters, N(0, 2 / fan-out) for convolutions and N(0, 0.01)
        for linear layers, and of dropout.

    Returns
    -------
    Sequential
        ``features``, ``avgpool``, ``flatten`` and ``classifier``.

    Raises
    ------
    TypeError, ValueError
        If `classes` is not a whole number from 1, or `small_images` not a bool.

    References
    ----------
    Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition, ICLR
    2015, table 1, column A. Batch normalisation is younger than the paper.
    """
    integer("vgg11_bn", "classes", classes, 1)
    flag("vgg11_bn", "small_images", small_images)
    rng = init.generator(rng, "vgg11_bn")
    features: list[Module] = []
    channels = 3
    for filters in _FEATURES:
        if filters is None:
            features.append(MaxPool2d(2))
            continue
        conv = Conv2d(channels, filters, 3, padding=1, rng=rng)
        init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu", generator=rng)
        assert conv.bias is not None
        init.zeros_(conv.bias)
        features += [conv, BatchNorm2d(filters), ReLU()]
        channels = filters
    sizes = (channels, classes) if small_images else (channels * 7 * 7, 4096, 4096, classes)
    return Sequential(
        {
            "features": Sequential(*features),
            "avgpool": AdaptiveAvgPool2d(1 if small_images else 7),
            "flatten": Flatten(),
            "classifier": _classifier(sizes, rng),
        }
    )


def _classifier(sizes: tuple[int, ...], rng: init.Rng) -> Sequential:
    """Return linear layers, with a rectifier and dropout between two."""
    layers: list[Module] = []
    for inputs, outputs in pairwise(sizes):
        if layers:
            layers += [ReLU(), Dropout(0.5, rng=rng)]
        linear = Linear(inputs, outputs, rng=rng)
        init.normal_(linear.weight, 0, 0.01, rng)
        assert linear.bias is not None
        init.zeros_(linear.bias)
        layers.append(linear)
    return Sequential(*layers)
