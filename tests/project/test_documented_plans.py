"""The pages of plans in the documents are what ``print`` shows, but for the times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core

DOCS = Path(__file__).parents[2] / "docs"
ISA = "avx2"  # the documents say so
# A time is a number with one digit behind the point, alone between spaces.
TIME = re.compile(r" +\d+\.\d(?= |$)")

pytestmark = pytest.mark.skipif(
    ISA not in _core.isa_available(), reason=f"the pages are those of a processor with {ISA}"
)


@pytest.fixture(autouse=True)
def isa() -> Iterator[None]:
    before = _core.isa()
    _core.set_isa(ISA)
    yield
    _core.set_isa(before)


def blocks(name: str, first: str) -> list[str]:
    """Return the blocks of text of a document that begin with a word."""
    text = (DOCS / name).read_text(encoding="utf-8")
    found: list[str] = re.findall(rf"^```text\n({first}.*?)\n```", text, re.DOTALL | re.MULTILINE)
    return found


@pytest.mark.parametrize(
    ("number", "make", "shape"),
    [
        (0, lambda: nn.models.lenet5(rng=0), (1, 28, 28)),
        (1, lambda: nn.models.resnet18(10, small_images=True, rng=0), (3, 32, 32)),
    ],
    ids=["lenet5", "resnet18"],
)
def test_sessions(number: int, make: Any, shape: tuple[int, ...]) -> None:
    page = str(nn.InferenceSession(make(), shape, max_batch=1))
    assert "\n".join(map(str.rstrip, page.splitlines())) == blocks("inference.md", "Infer")[number]


def test_a_captured_step() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((64, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, 64)
    model = nn.models.lenet5(rng=0).train()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
    step = nn.training.CapturedStep(model, nn.CrossEntropyLoss(), optimizer)
    for _ in range(3):
        step(x, y)
    assert step.reason == ""
    (documented,) = blocks("training.md", "op ")
    found, expected = (
        [TIME.sub("", line) for line in page.splitlines()] for page in (str(step), documented)
    )
    assert found == expected
