"""Write the report of a training run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pycnn import __version__
from pycnn._files import atomic_write, check_ending, check_writable
from pycnn._html import paragraph
from pycnn._run_files import REPORT
from pycnn.layers import Module
from pycnn.recipes import Recipe
from pycnn.report.page import page, tiles
from pycnn.report.run import SavedRun
from pycnn.report.sections import facts, sections


def write_report(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str] | None = None,
    *,
    data: str | None = None,
    skip_broken: bool = False,
    transposed: bool | None = None,
    make: Callable[[], Module] | Module | None = None,
    recipe: Recipe | None = None,
) -> Path:
    """Write history, pictures, summary and settings of a training run to one HTML page.

    The page needs no network connection, no script and no other file. It shows what suits the
    model: feature maps, filters and misclassified images, or n-grams and misunderstood sentences.

    Parameters
    ----------
    folder : path
        Folder with the files of ``pycnn train``: ``model.safetensors``, and if they exist
        ``history.json`` and ``settings.json``.
    path : path, optional
        The page to write, a name that ends in .html; ``report.html`` in the folder by default.
    data : str, optional
        Folder of the data; by default that of the training.
    skip_broken : bool
        Whether broken pictures of the data are left out, with a warning; they always are if the
        training left them out.
    transposed : bool, optional
        As for `pycnn.datasets.mnist`; by default as in the training.
    make : callable or Module, optional
        As `model` of `pycnn.load_model`: for a network with a class of the user's own.
    recipe : Recipe, optional
        The data and inputs; by default those that go with the model.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    OSError, ValueError
        If a file cannot be read or written or holds something else, or `path` does not end in
        .html.
    """
    run = SavedRun(
        folder, data, skip_broken=skip_broken, transposed=transposed, make=make, recipe=recipe
    )
    target = run.folder / REPORT if path is None else Path(path)
    check_writable(target)
    check_ending(target, ".html")
    part = getattr(run.test, "part", "")
    samples = f"{len(run.test):,} samples" + (f", {part}" if part else "")
    tested = f"Tested on {run.test.name or 'its test data'}: {samples}."
    lead = paragraph(tested) + tiles(facts(run))
    text = page(f"Report on {run.name}", lead, sections(run), f"pycnn {__version__}")
    with atomic_write(target) as file:
        file.write(text.encode())
    return target
