"""Every example in a docstring runs and gives what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import examples
from support.device_ops import MISSING
from support.mpi_ranks import needs_mpi, run
from support.sources import ROOT, sources, text

from pycnn import devices

PROMPT = re.compile(r"^\s*>>> ", re.MULTILINE)
MODULES = {
    ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path
    for path in sources((".py",), ("pycnn",))
    if PROMPT.search(text(path))
}
# These examples want several ranks.
ON_RANKS = {"pycnn.distributed.ranks"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - ON_RANKS))
def test_examples_run(module: str, own_folder: None) -> None:
    """Those for a GPU on its emulation, where there is none."""
    for test in examples.find(module):
        device = next(iter(devices.available()), None)
        if device is None and '"cuda"' in "".join(example.source for example in test.examples):
            pytest.skip(f"needs {MISSING}, or a GPU")
        examples.run(test, device or "cpu")


@needs_mpi
@pytest.mark.parametrize("module", sorted(ON_RANKS))
def test_examples_run_on_ranks(module: str) -> None:
    run("examples.py", 2, module)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_example_is_overlooked(module: str) -> None:
    """Such as one in a comment, or in the docstring of a function within another."""
    found = [example for test in examples.find(module) for example in test.examples]
    assert len(found) == len(PROMPT.findall(text(MODULES[module])))


def test_no_example_is_left_out() -> None:
    skipped = [path for path in MODULES.values() if re.search(r"doctest:\s*\+SKIP", text(path))]
    assert skipped == []


def test_documents_have_no_examples_of_this_kind() -> None:
    """Nobody would run them: the README's are scripts, which another test runs."""
    folders = (ROOT, ROOT / "docs", ROOT / "csrc", ROOT / "bench")
    documents = [path for folder in folders for path in folder.glob("*.md")]
    assert documents
    assert [path for path in documents if PROMPT.search(Path(path).read_text())] == []
