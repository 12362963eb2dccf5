"""The floors of the package: who imports whom, so that each part can be read without those above.

Circles within a floor are another test's matter.
"""

from __future__ import annotations

from itertools import chain

from support.imports import Import, imports
from support.sources import sources

# From the bottom. A part imports itself and what lies on the floors below. Private modules are on
# the lowest floor, but the one that asks devices; the two lowest floors have no order within.
ARRAYS = {
    *(
        "arrays",
        "ops",
        "reference",
        "backends",
        "devices",
        "dtypes",
        "cuda",
        "accelerator",
        "init",
        "autograd",
        "_config",
    ),
}
FLOORS = [
    {"layers"},
    {"data", "losses", "optim", "profiling"},
    {"augment", "functional", "loader", "splits"},
    {"jit", "text", "utils"},
    {"datasets", "hub", "models", "nn"},
    {"io"},
    {"inference"},
    {"training"},
    {"distributed", "plot", "recipes"},
    {"report"},
    {"pycnn"},
    {"cli"},
    {"__main__"},
]

# These wait until a function is called, and so let a lower floor use what a higher one offers.
LATE = {
    ("io", "models"),  # a model that a file names
    ("training", "distributed"),
    ("training", "plot"),  # the curve that a notebook shows of a history
}

# The report names the version that has written it.
FOR_THE_VERSION = {("report", "pycnn")}


def floor(part: str) -> int:
    """Return the number of a part's floor, 0 for private modules."""
    if part in ARRAYS:
        return 1
    found = [i for i, parts in enumerate(FLOORS, 2) if part in parts]
    assert found or part.startswith("_"), f"on which floor is {part}?"
    return found[0] if found else 0


def wrong(found: Import) -> bool:
    pair = (found.part, found.imported)
    if found.part == found.imported or pair in FOR_THE_VERSION or (found.late and pair in LATE):
        return False
    above = floor(found.imported) - floor(found.part)
    return above > 0 or (above == 0 and floor(found.part) > 1)


ALL = list(chain.from_iterable(map(imports, sources((".py",), ("pycnn",)))))


def test_a_part_imports_only_the_floors_below_it() -> None:
    assert len(ALL) > 500
    assert [str(found) for found in ALL if wrong(found)] == []


def test_every_exception_is_needed() -> None:
    late = {(found.part, found.imported) for found in ALL if found.late}
    at_once = {(found.part, found.imported) for found in ALL if not found.late}
    assert LATE - late == set()
    assert FOR_THE_VERSION - at_once == set()


def test_the_reference_stands_alone() -> None:
    """It is what the ops are compared with: nothing of theirs, no compiled module, NumPy alone."""
    parts = {found.imported for found in ALL if found.part == "reference"}
    assert parts == {"reference", "_arguments"}


def test_compiled_code_is_called_by_few() -> None:
    """`_format` and `io` take the version from there."""
    parts = {found.part for found in ALL if found.imported == "_core"}
    assert parts <= {
        "pycnn",
        "_config",
        "_format",
        "arrays",
        "backends",
        "distributed",
        "inference",
        "io",
        "ops",
        "profiling",
    }
