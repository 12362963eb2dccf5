"""What is asked of pycnn: how many times as fast as the best peer each row has to be."""

from __future__ import annotations

GOALS: dict[str, float] = {
    "LeNet-5 training step N=64": 7,
    "LeNet-5 training step N=256": 7.5,
    "LeNet-5 inference N=1": 2,
    "LeNet-5 inference N=256": 2.5,
    "small CIFAR net training step N=64": 2.5,
    "small CIFAR net inference N=1": 1.3,
    "small CIFAR net inference N=64": 1.8,
    "ResNet-18 @32 training step N=32": 2.2,
    "ResNet-18 @32 inference N=1": 1.2,
    "ResNet-18 @32 inference N=32": 1.7,
    "VGG-11-BN @32 training step N=32": 1.8,
    "VGG-11-BN @32 inference N=1": 1.2,
    "VGG-11-BN @32 inference N=32": 1.4,
    "MobileNetV2 @96 training step N=16": 2,
    "MobileNetV2 @96 inference N=1": 1,
    "MobileNetV2 @96 inference N=16": 1.2,
    "AlexNet (2012) training step N=16": 3,
    "AlexNet (2012) inference N=16": 3,
    "text network training step N=50": 4,
    **{
        f"{row} {part}": 1
        for row in (
            "conv 3->64 11x11 s4 p2 @227 N=16",
            "conv 256->1024 1x1 @14 N=16",
            "conv 128->128 3x3 s2 p1 @56 N=16",
            "depthwise 256 3x3 p1 @28 N=16",
        )
        for part in ("forward", "d input", "d weight")
    },
}
