"""Hypothesis profiles and the fixtures that every test file shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from support.convolution import forced
from support.dataset_files import idx_bytes, picture_folder
from support.device_ops import OTHER_DEVICES, computed_on

from pycnn import _core, backends, devices, io, models
from pycnn.recipes.pictures import picture_sets

# `few` draws the same examples each time, `ci` twice as many, `sanitized` a third of them, for code
# that sanitizers make slow; `dev` looks for new ones.
for name, count in (("ci", 30), ("few", 15), ("sanitized", 5)):
    settings.register_profile(
        name, deadline=None, derandomize=True, max_examples=count, database=None
    )
settings.register_profile("dev", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Leave the source folder: there `python -c` would not import the installed package."""
    os.chdir(tmp_path_factory.mktemp("elsewhere"))


@pytest.fixture(autouse=True)
def _guarded_memory() -> Iterator[None]:
    """Compute in memory full of NaN, and fail a test in which somebody has written behind a block.

    What a kernel has not written, or has read too far, is then in its results. A block is looked at
    when it is freed: one that outlives its test fails the next one.
    """
    _core.poison_memory(True)
    before = _core.damaged_blocks()
    yield
    assert _core.damaged_blocks() == before, "a kernel has written behind the end of a block"


# Where the installed package has CUDA kernels: for the CPU, and for a GPU that is there.
CUDA_DEVICES = devices.available()


@pytest.fixture(params=(*_core.isa_available(), *CUDA_DEVICES), scope="session")
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once with the kernels of each instruction set that this machine has.

    And once with the CUDA kernels: on the CPU, if the package was built with PYCNN_CUDA_EMULATED,
    and on a GPU, where there is one for the package.
    """
    if request.param in CUDA_DEVICES:
        with computed_on(request.param):
            yield request.param
        return
    before = _core.isa()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture(params=OTHER_DEVICES)
def device(request: pytest.FixtureRequest) -> str:
    """Run the test once for each device besides the CPU; the test moves things there itself."""
    name: str = request.param
    return name


@pytest.fixture(params=("cpu", "reference", *CUDA_DEVICES))
def arrays(request: pytest.FixtureRequest) -> backends.Backend:
    """Run the test once for each back-end, with the arrays that it has."""
    return devices.backend(request.param)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Let all tests that are skipped for one reason make one line of the summary."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        report.longrepr = (str(Path(__file__).parent), None, report.longrepr[2])
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Compute on the CPU in a test that does not ask for `backend`, and in its fixtures.

    What `backend` has last chosen stays until it chooses anew.
    """
    asked = "backend" in getattr(item, "fixturenames", ())
    with nullcontext() if asked else computed_on("cpu"):
        return (yield)


@pytest.fixture(params=_core.conv_algorithms(), scope="module")
def algorithm(request: pytest.FixtureRequest) -> Iterator[str]:
    """Force each algorithm of convolution in turn: it computes every shape that it can."""
    with forced(request.param):
        yield request.param


@pytest.fixture
def unforced() -> Iterator[None]:
    """Leave the choice of a convolution's algorithm to the table, whatever another test forces."""
    with forced(""):
        yield


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


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """MNIST's format, 300 training and 100 test images: a bright row tells the digit."""
    folder = tmp_path_factory.mktemp("idx")
    rng = np.random.default_rng(0)
    for split, n in (("train", 300), ("t10k", 100)):
        labels = rng.integers(0, 10, n).astype(np.uint8)
        images = rng.integers(0, 60, (n, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 + 2 * label : 5 + 2 * label] = 255
        (folder / f"{split}-images-idx3-ubyte").write_bytes(idx_bytes(images))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    return str(folder)


@pytest.fixture
def checkpoint(own_folder: None) -> str:
    """Save a fresh LeNet-5 in the test's own folder."""
    io.save("checkpoint.safetensors", models.lenet5(rng=0))
    return "checkpoint.safetensors"


@pytest.fixture
def damaged(own_folder: None) -> list[str]:
    """The broken files among forty in the folder pets: a training and a test picture."""
    train, test = picture_sets(picture_folder(Path("pets"), 20), 32, 32)
    broken = [train.paths[3], test.paths[1]]
    for path in broken:
        Path(path).write_bytes(Path(path).read_bytes()[:99])
    return broken


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the checkpoint of a training may lie."""
    return tmp_path / "training.safetensors"


@pytest.fixture
def default_handler() -> Iterator[None]:
    """Set Python's handler for SIGINT, even in the background, and the default for SIGHUP."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    after = signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGHUP, hangup)
    assert after is signal.default_int_handler
