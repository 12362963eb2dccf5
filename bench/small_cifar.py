"""A small network for 32x32 pictures, as people write their first one with batch normalisation."""

from __future__ import annotations

import pycnn

# Filters of each convolution; None stands for a pooling.
FEATURES = (32, 32, None, 64, 64, None, 128)


def small_cifar(classes: int = 10) -> pycnn.Sequential:
    """Return 3x3 convolutions, each normalised and rectified, and a linear layer on their means."""
    layers: list[pycnn.Module] = []
    channels = 3
    for filters in FEATURES:
        if filters is None:
            layers.append(pycnn.MaxPool2d(2))
            continue
        conv = pycnn.Conv2d(channels, filters, 3, padding=1, bias=False, rng=0)
        layers += [conv, pycnn.BatchNorm2d(filters), pycnn.ReLU()]
        channels = filters
    head = [pycnn.AdaptiveAvgPool2d(1), pycnn.Flatten(), pycnn.Linear(channels, classes, rng=0)]
    return pycnn.Sequential(*layers, *head)
