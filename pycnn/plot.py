"""Pictures, with matplotlib (the extra ``plot``)."""

from __future__ import annotations

import os
from pathlib import Path

from pycnn._files import atomic_write
from pycnn.training.history import History


def learning_curve(history: History, path: str | os.PathLike[str], title: str = "") -> None:
    """Draw loss and accuracy against the epoch, for training and validation.

    Parameters
    ----------
    history : History
        At least one epoch.
    path : path
        Picture to write; its ending gives the format (png, svg, pdf).
    title : str
        Heading.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no epoch to draw, or the format is unknown.
    OSError
        If the file cannot be written.
    """
    # A Figure of its own leaves pyplot, and with it the windows of the caller, alone.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    if len(history) == 0:
        raise ValueError("the history is empty: there is nothing to draw")
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    for panel, field, unit in zip(panels, ("loss", "accuracy"), ("", " / %"), strict=True):
        scale = 100.0 if field == "accuracy" else 1.0
        for name, label in ((field, "training"), (f"val_{field}", "validation")):
            points = [(r.epoch, getattr(r, name)) for r in history]
            points = [(epoch, scale * value) for epoch, value in points if value is not None]
            if points:
                epochs, values = zip(*points, strict=True)
                panel.plot(epochs, values, marker="o", label=f"{label}: {values[-1]:.4g}")
                panel.legend()
        panel.set_xlabel("epoch")
        panel.set_ylabel(field + unit)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    figure.suptitle(title)
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix.lstrip(".") or "png", dpi=120)
