"""Tests of what the CPU alone has: instruction sets, algorithms, AlexNet's sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.device_ops import computed_on

from pycnn import _core


@pytest.fixture(autouse=True)
def _on_the_cpu() -> Iterator[None]:
    """Compute on the CPU, whatever device the `backend` of tests elsewhere has chosen last."""
    with computed_on("cpu"):
        yield


@pytest.fixture(params=_core.isa_available(), scope="session")
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once with the kernels of each instruction set, and not on the CUDA kernels.

    It would say nothing of those, or take minutes on the emulated device.
    """
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)
