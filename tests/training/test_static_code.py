"""A forward of one's own is planned only where it does the same in every step."""

from __future__ import annotations

import random
import time
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F
from pycnn.training import CapturedStep

SCALE = 2
SIZES = {"dim": 1}


def doubled(x: Any) -> Any:
    return F.relu(x)


class Net(nn.Module):
    """PyTorch's style."""

    steps = 2

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2, rng=0)
        self.conv2 = nn.Conv2d(6, 16, 5, rng=1)
        self.fc = nn.Linear(400, 10, rng=2)
        self.drop = nn.Dropout(0.2, rng=3)
        self.pool = 2
        self.seen = 0

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.conv1(x)), self.pool)
        x = self.second(x)
        x = x.view(x.size(0), -1)
        if self.training:
            x = self.drop(x)
        return self.fc(x)

    def second(self, x: Any) -> Any:
        return F.max_pool2d(doubled(self.conv2(x)), Net.steps if False else self.steps)


class Counting(Net):
    def second(self, x: Any) -> Any:
        self.seen += 1
        return super().second(x)


class Branching(Net):
    def second(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.relu(x) if x.sum() > 0 else x


class Drawing(Net):
    def second(self, x: Any) -> Any:
        return F.max_pool2d(F.relu(self.conv2(x)) * random.random(), 2)


class Timing(Net):
    def second(self, x: Any) -> Any:
        return F.max_pool2d(F.relu(self.conv2(x)), int(time.time() > 0) + 1)


class Numeric(Net):
    def second(self, x: Any) -> Any:
        return F.max_pool2d(F.relu(self.conv2(x)) * np.float32(2), 2)


class Printing(Net):
    def second(self, x: Any) -> Any:
        print("", end="")
        return F.max_pool2d(F.relu(self.conv2(x)), 2)


class Dropping(Net):
    def second(self, x: Any) -> Any:
        return F.dropout(F.max_pool2d(F.relu(self.conv2(x)), 2), 0.5, training=True)


class Reading(Net):
    def second(self, x: Any) -> Any:
        return F.max_pool2d(F.relu(self.conv2(x)), SIZES["dim"] + 1)


class Called(Net):
    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return super().__call__(*inputs, **options)


class Unusual(Net):
    """Calls itself by another name."""

    def forward(net, x: Any) -> Any:
        x = F.max_pool2d(F.relu(net.conv1(x)), net.pool)
        x = net.second(x)
        return net.fc(net.drop(x.view(x.size(0), -1)))


class Borrowing(Net):
    """Calls a plain function whose argument is called as that of methods."""

    def second(self, x: Any) -> Any:
        return F.max_pool2d(F.relu(convolved(self, x)), 2)


def convolved(self: Any, x: Any) -> Any:
    return self.conv2(x)


def data(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [
        (rng.standard_normal((8, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, 8))
        for _ in range(count)
    ]


def losses(model: Any, captured: bool, change: Any = lambda *_: None) -> tuple[list[float], str]:
    criterion, update = nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1, 0.9)
    step = CapturedStep(model.train(), criterion, update)
    found = []
    for number, (x, y) in enumerate(data(9)):
        change(number, model)
        if captured:
            found.append(step(x, y))
            continue
        found.append(criterion(model.forward(x), y))
        model.zero_grad()
        model.backward_parameters(criterion.backward())
        update.step()
    return found, step.reason


@pytest.mark.parametrize("kind", [Net, Unusual])
def test_a_static_forward_is_planned(kind: Any) -> None:
    expected, _ = losses(kind(), False)
    assert losses(kind(), True) == (expected, "")


def test_what_it_reads_is_noticed() -> None:
    def change(number: int, model: Any) -> None:
        if number == 3:
            model.drop = nn.Dropout(0.5, rng=4)
        elif number == 6:
            model.train(False)

    expected, _ = losses(Net(), False, change)
    assert losses(Net(), True, change) == (expected, "")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Counting, "STORE_ATTR|COPY_FREE_VARS|no plain function"),
        (Branching, "reads the numbers of a tensor"),
        (Drawing, "random is a module"),
        (Timing, "time is a module"),
        (Numeric, "np is a module"),
        (Printing, "print is none"),
        (Dropping, "dropout draws from the stream"),
        (Reading, "SIZES is a dict"),
        (Called, "defines __call__"),
        (Borrowing, "conv2 is none of the attributes"),
    ],
)
def test_what_may_vary_is_left_to_python(kind: Any, reason: str) -> None:
    if kind is Dropping:  # draws from the one generator of the process
        nn.manual_seed(0)
    expected, _ = losses(kind(), False)
    if kind is Dropping:
        nn.manual_seed(0)
    model = kind()
    random.seed(0)
    found, why = losses(model, True)
    assert any(part in why for part in reason.split("|")), why
    if kind is not Drawing:
        assert found == expected
    if kind is Counting:
        assert model.seen == 9
