"""ResNet-18, VGG-11 and MobileNetV2: torchvision's names, and PyTorch's numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.small_training import same_bits

import pycnn as nn
from pycnn import models

Numbers = tuple[float, ...]

# The first scores of the first image in evaluation mode; in training, without dropout, the loss,
# and the norms of the gradients of the first and of the last parameter. From PyTorch 2.13 and
# torchvision 0.29 in float64, with the weights and images below.
EXPECTED: dict[str, tuple[Callable[[], nn.Module], int, Numbers, Numbers]] = {
    "resnet18": (
        lambda: models.resnet18(10, rng=0),
        64,
        (-45.25232886644667, -45.838102462812955, 47.39134712535619),
        (3.119461308456009, 23.381374428298322, 0.525177960578942),
    ),
    "resnet18 for small images": (
        lambda: models.resnet18(10, small_images=True, rng=0),
        32,
        (-11.600395343691615, -28.378545067406723, 42.43104159012697),
        (2.893052011202801, 4.472180377625533, 0.525332573714568),
    ),
    "mobilenet_v2": (
        lambda: models.mobilenet_v2(10, rng=0),
        64,
        (1.5860913284149398, -2.0654204160616123, -0.9254632883386119),
        (2.1107476677250165, 87.6431054542115, 0.387217249890386),
    ),
    "vgg11_bn for small images": (
        lambda: models.vgg11_bn(10, small_images=True, rng=0),
        32,
        (3.0733674149920778, -0.3142625004879518, 11.537479665658097),
        (2.2139631942081843, 13.181856027920107, 0.4025213453085652),
    ),
}


def weights(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return values that depend on the shapes and the order of the names alone."""
    found: dict[str, Any] = {}
    for i, (name, value) in enumerate(state.items()):
        rng = np.random.default_rng(i)
        if name.endswith("num_batches_tracked"):
            found[name] = np.zeros((), np.int64)
        elif name.endswith("running_var"):
            found[name] = np.float32(rng.uniform(0.5, 1.5, value.shape))
        elif value.ndim < 2:
            mean = 1.0 if name.endswith("weight") else 0.0
            found[name] = np.float32(mean + 0.1 * rng.standard_normal(value.shape))
        else:
            scale = np.sqrt(2 / np.prod(value.shape[1:]))
            found[name] = np.float32(scale * rng.standard_normal(value.shape))
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_numbers_are_those_of_pytorch(name: str) -> None:
    make, size, scores, (loss, first, last) = EXPECTED[name]
    model = make()
    model.load_state_dict(weights(model.state_dict()))
    x = np.random.default_rng(99).standard_normal((4, 3, size, size)).astype(np.float32)
    # Up to 52 layers add in other orders than PyTorch's; MobileNetV2 differs by 2.4e-5 (AVX-512).
    np.testing.assert_allclose(nn.predict(model, x)[0, :3], scores, rtol=5e-5)

    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    criterion = nn.CrossEntropyLoss()
    assert criterion(model(x), np.arange(4)) == pytest.approx(loss, rel=1e-5)
    model.backward_parameters(criterion.backward())
    gradients = [parameter.grad for parameter in model.parameters()]
    assert np.linalg.norm(gradients[-1]) == pytest.approx(last, rel=1e-5)
    # A rectifier's input near 0 may have the other sign: one of them moves this by 1e-4.
    assert np.linalg.norm(gradients[0]) == pytest.approx(first, rel=1e-3)


def test_keys_are_those_of_torchvision() -> None:
    resnet = models.resnet18(rng=0)
    keys = list(resnet.state_dict())
    assert len(keys) == 122
    assert keys[:2] == ["conv1.weight", "bn1.weight"]
    assert "layer2.0.downsample.1.running_var" in keys
    assert keys[-2:] == ["fc.weight", "fc.bias"]
    assert sum(p.numel() for p in resnet.parameters()) == 11_689_512
    mobile = models.mobilenet_v2(rng=0)
    keys = list(mobile.state_dict())
    assert len(keys) == 314
    assert keys[6:8] == ["features.1.conv.0.0.weight", "features.1.conv.0.1.weight"]
    assert "features.2.conv.3.bias" in keys
    assert keys[-2:] == ["classifier.1.weight", "classifier.1.bias"]
    assert sum(p.numel() for p in mobile.parameters()) == 3_504_872
    vgg = models.vgg11_bn(10, small_images=True, rng=0)
    assert "features.25.weight" in vgg.state_dict()
    assert sum(p.numel() for p in vgg.parameters()) == 9_231_114


def test_a_file_makes_the_model_again(tmp_path: Path) -> None:
    """Weights larger than all that is left of the file's numbers are drawn twice on the way."""
    model = models.resnet18(10, small_images=True, rng=0)
    nn.save(tmp_path / "model.safetensors", model)
    again = nn.load_model(tmp_path / "model.safetensors")
    assert again.spec == ("resnet18", {"classes": 10, "small_images": True})
    assert same_bits(model.state_dict(), again.state_dict())
