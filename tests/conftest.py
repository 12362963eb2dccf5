"""Hypothesis profiles and the fixtures that every test file shares."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import settings

from pycnn import _core

# `ci` draws the same examples each time; `dev` looks for new ones.
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60, database=None)
settings.register_profile("dev", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Leave the source folder: there `python -c` would not import the installed package."""
    os.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(params=_core.isa_available(), scope="session")
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once with the kernels of each instruction set that this machine has."""
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture
def restore_threads() -> Iterator[None]:
    """Put the number of threads back after a test that changes it."""
    import pycnn

    before = pycnn.get_num_threads()
    yield
    pycnn.set_num_threads(before)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
