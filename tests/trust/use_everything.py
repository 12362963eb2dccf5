"""Use every layer, loss and optimizer, and ops with their refusals, a few times.

``python use_everything.py FOLDER ROUNDS`` prints how many calls there were. Memory that is lost in
one of them is what a leak checker looks for.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import pycnn as nn
from pycnn import ops


def images(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def use_networks(folder: Path) -> int:
    """Train, predict with, save and load networks that hold all layers together."""
    pictures = nn.Sequential(
        nn.ZeroPad2d(1),
        nn.Conv2d(1, 4, 3, rng=0),
        nn.BatchNorm2d(4),
        nn.LeakyReLU(),
        nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, rng=1), nn.ReLU())),
        nn.Conv2d(4, 6, 3, padding=1, rng=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.LocalResponseNorm(3),
        nn.ConvTranspose2d(6, 4, 2, stride=2, rng=3),
        nn.Upsample(scale_factor=2),
        nn.AvgPool2d(3, 2),
        nn.AdaptiveMaxPool2d(4),
        nn.AdaptiveAvgPool2d(2),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.GELU(),
        nn.SiLU(),
        nn.ELU(),
        nn.Hardswish(),
        nn.Softplus(),
        nn.Mish(),
        nn.PReLU(4),
        nn.ReLU6(),
        nn.Hardsigmoid(),
        nn.Flatten(),
        nn.Dropout(0.3, rng=0),
        nn.Linear(16, 3, rng=4),
    )
    x, y = images(8, 1, 8, 8), np.arange(8) % 3
    words = nn.Sequential(nn.Embedding(20, 4, rng=5), nn.Flatten(), nn.Linear(24, 3, rng=6))
    text = np.arange(48).reshape(8, 6) % 20
    used = 0
    for model, batch in ((pictures, x), (words, text)):
        for name in ("SGD", "Adam", "AdamW", "Adadelta", "RMSprop"):
            optimizer = getattr(nn.optim, name)(model.parameters(), lr=1e-3)
            nn.fit(model, [(batch, y)], epochs=1, optimizer=optimizer, progress=False)
            used += 1
        nn.predict(model, batch)
        nn.save(folder / "model.safetensors", model)
        nn.load(folder / "model.safetensors", model)
        used += 3
    return used


def use_losses() -> int:
    x, y = images(9, 5), np.arange(9) % 5
    losses = (nn.CrossEntropyLoss(), nn.NLLLoss(), nn.MAPLoss(), nn.FocalLoss())
    for loss in losses:
        loss(np.abs(x), y)
        loss.backward()
    for pointwise in (nn.MSELoss(), nn.BCEWithLogitsLoss(), nn.L1Loss(), nn.HuberLoss()):
        pointwise(x, np.abs(np.tanh(x)))
        pointwise.backward()
    return 16


def use_refusals() -> int:
    """Calls that fail must release what they had taken before."""
    x, w = images(2, 3, 8, 8), images(4, 2, 3, 3)
    calls: list[Any] = [
        lambda: ops.conv2d(x, w),
        lambda: ops.conv2d(x, x[0]),
        lambda: ops.max_pool2d(x, 9),
        lambda: ops.max_pool2d_backward(x, np.full(x.shape, 999, np.int32), x.shape),
        lambda: ops.linear(x[0, 0], x),
        lambda: ops.embedding(x[0, 0], np.array([99])),
        lambda: ops.softmax_cross_entropy(x[0, 0], np.full(8, 77)),
        lambda: ops.adam_step(x, x, x, x, step=1),
        lambda: ops.relu(x.astype(np.float64)),
        lambda: ops.conv2d(x[:1, :1, :1, :1].copy(), w[:1, :1, :1, :1].copy(), padding=2**23),
    ]
    for number, call in enumerate(calls):
        try:
            call()
        except (TypeError, ValueError, MemoryError):
            continue
        raise AssertionError(f"wrong call {number} was not refused")
    return len(calls)


def use_algorithms() -> int:
    """Run all passes of a convolution with each algorithm."""
    from pycnn import _core

    used = 0
    for name in _core.conv_algorithms():
        _core.force_conv_algorithm(name)
        cases: list[tuple[np.ndarray, np.ndarray, dict[str, Any]]] = [
            (images(32, 2, 9, 9), images(16, 2, 3, 3), {"padding": 1}),
            (images(2, 1, 12, 64), images(5, 1, 3, 64), {}),
            (images(2, 6, 9, 9), images(6, 1, 3, 3), {"groups": 6, "stride": 2}),
        ]
        for x, w, geometry in cases:
            y = ops.conv2d(x, w, **geometry)
            ops.conv2d_backward_input(y, w, x.shape, **geometry)
            ops.conv2d_backward_weight(y, x, w.shape, **geometry)
            pooled, winners = ops.conv2d_relu_max_pool2d(x, w, window=(2, 1), **geometry)
            ops.conv2d_relu_max_pool2d_backward(pooled, winners, x, w, window=(2, 1), **geometry)
            used += 5
    _core.force_conv_algorithm("")
    return used


def main(folder: str, rounds: int) -> None:
    parts = (use_losses, use_refusals, use_algorithms)
    used = 0
    for _ in range(rounds):
        used += use_networks(Path(folder)) + sum(part() for part in parts)
    print(used)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
