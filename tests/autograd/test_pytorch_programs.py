"""Networks as written for PyTorch: outputs and gradients are those that PyTorch 2.13 gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import pytorch_programs as programs

import pycnn as torch

# Begin: this part has been run with PyTorch, too, in float64.
INPUTS: dict[str, tuple[int, ...]] = {
    "Residual": (2, 2, 6, 6),
    "Dense": (2, 2, 4, 5),
    "Shuffle": (2, 4, 4, 4),
    "UNet": (2, 2, 5, 7),
    "Text": (3, 6),
    "Temporal": (2, 2, 9),
    "Attention": (2, 4, 3, 3),
    "Unpool": (2, 2, 5, 4),
}


def waves(shape: tuple[int, ...], start: float) -> Any:
    return torch.tensor(np.sin(np.arange(np.prod(shape)) * 0.7 + start).reshape(shape))


def numbers(name: str) -> list[float]:
    """Return the loss, and norms of all gradients, in training and in evaluation mode."""
    model = getattr(programs, name)()
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(waves(tuple(parameter.shape), i) + (0.5 if parameter.dim() < 2 else 0))
    found = []
    for training in (True, False):
        model.train(training)
        model.zero_grad()
        x = waves(INPUTS[name], 0.3)
        x = (x * 4 + 4).long() if name == "Text" else x.requires_grad_()
        y = model(x)
        ys = y if isinstance(y, tuple) else (y,)
        loss = sum((one * waves(tuple(one.shape), 1.1)).sum() for one in ys)
        loss.backward()
        grads = [parameter.grad for parameter in model.parameters()]
        grads += [] if name == "Text" else [x.grad]
        found += [loss.item(), *[float((np.asarray(grad) ** 2).sum() ** 0.5) for grad in grads]]
    return found


# End


NUMBERS = {
    "Residual": (
        "-0.943103 0.643102 0.551512 0.490087 1.43662 0.00509751 0 0.161446 0.333205 5.62728 "
        "0.965221 2.73403 -3.04588 1.79878 1.20151 0.576855 2.48495 0.215883 0.421128 "
        "0.149887 0.304164 10.8071 0.965221 5.78884"
    ),
    "Dense": (
        "-2.3336 0.0953523 0.0158921 0.0728002 0.0279334 0.0716165 0.0332452 0.822678 1.69129 "
        "3.06126 1.15653 0.109233 -6.71377 4.48104 1.64158 3.26695 9.86299 3.72002 3.19034 "
        "5.69771 2.79831 7.22562 2.05962 1.81468"
    ),
    "Shuffle": ("-9.79358 3.22307 2.77828 3.39945 3.98027 -10.6222 5.15482 3.21577 3.57134 5.6113"),
    "UNet": (
        "0.55333 1.30219 0.19711 4.70845 1.17397 8.17772 0.5291 1.43502 0.55333 1.30219 "
        "0.19711 4.70845 1.17397 8.17772 0.5291 1.43502"
    ),
    "Text": (
        "-3.02744 2.92489 1.44885 0.00501406 1.93015 0.00386135 7.07407 0.0117266 -3.02744 "
        "2.92489 1.44885 0.00501406 1.93015 0.00386135 7.07407 0.0117266"
    ),
    "Temporal": (
        "1.20606 0.991978 0.65353 0.723815 0.790185 0.00769892 0.158725 1.64725 1.20606 "
        "0.991978 0.65353 0.723815 0.790185 0.00769892 0.158725 1.64725"
    ),
    "Attention": (
        "8.20061 0.715623 1.99299 0.0555617 2.96056 3.02194 8.20061 0.715623 1.99299 "
        "0.0555617 2.96056 3.02194"
    ),
    "Unpool": ("11.5308 0.380383 0.165277 4.90552 11.5308 0.380383 0.165277 4.90552"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_pytorchs_numbers_come_out(name: str) -> None:
    expected = [float(number) for number in NUMBERS[name].split()]
    assert numbers(name) == pytest.approx(expected, rel=1e-4, abs=1e-5)
