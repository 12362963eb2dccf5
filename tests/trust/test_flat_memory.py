"""A long training takes no more memory than a short one."""

from __future__ import annotations

from collections.abc import Callable

from support.child import output

STEPS = {"short": 1_000, "long": 10_000}
ROOM = 3 << 20
"""Bytes that the allocator may hold beyond those after a fifth of the steps."""

TRAINING = """
import resource
import numpy as np
import pycnn as nn

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

rng = np.random.default_rng(0)
model = nn.Sequential(
    nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
    nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(36, 5, rng=1),
)
batches = [
    (rng.standard_normal((n, 1, 12, 12)).astype("f4"), rng.integers(0, 5, n))
    for n in (8, 8, 7, 8, 3)
]
optimizer = nn.optim.Adam(model.parameters(), lr=1e-3)
rounds = {steps} // 10
sizes = []
for i in range(rounds):
    settings = {"optimizer": optimizer, "progress": False, "max_grad_norm": 1.0}
    nn.fit(model, batches, batches[:1], epochs=2, **settings)
    nn.predict(model, batches[0][0])
    sizes.append(resident())
print(max(sizes) - max(sizes[: rounds // 5]))
"""


def test_thousands_of_training_steps_hold_a_flat_memory(
    form: str, tried: Callable[[str, int, str], None]
) -> None:
    """With batches of several sizes, evaluation, prediction and an optimizer with state."""
    steps = STEPS[form]
    grown = int(output(TRAINING.replace("{steps}", str(steps))))
    assert grown < ROOM
    tried("training steps in one process", steps, f"memory grew by {max(grown, 0):,} bytes")
