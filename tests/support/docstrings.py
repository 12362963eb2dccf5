"""Run the examples of docstrings, on data sets that are cut to a few samples.

As a script: those of the modules that are named, on each rank of a job.
"""

from __future__ import annotations

import doctest
import importlib
import sys
from collections.abc import Callable
from unittest import mock

import numpy as np

import pycnn
from pycnn import datasets

DATASETS = ("mnist", "movie_reviews")


def find(module: str) -> list[doctest.DocTest]:
    """Return the docstrings of a module that have examples."""
    for name in pycnn._LATER:  # the search looks into the package, which must not grow meanwhile
        getattr(pycnn, name)
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    return [test for test in found if test.examples]


def run(test: doctest.DocTest, device: str = "cuda") -> None:
    """Run the examples of one docstring; what says "cuda" runs on `device`."""
    test.globs = {"np": np, "pycnn": pycnn}
    for example in test.examples:
        example.source = example.source.replace('"cuda"', f'"{device}"')
    heard: list[str] = []
    small = {name: _small(getattr(datasets, name)) for name in DATASETS}
    with mock.patch.dict(vars(datasets), small):
        failed, _ = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=heard.append)
    assert not failed, "".join(heard)


def _small(
    dataset: Callable[[], tuple[pycnn.ArrayDataset, ...]],
) -> Callable[[], tuple[pycnn.ArrayDataset, ...]]:
    return lambda: tuple(part[:64] for part in dataset())


if __name__ == "__main__":
    for name in sys.argv[1:]:
        for docstring in find(name):
            run(docstring)
