"""The figures of this package; matplotlib must be there when this file is imported."""

from __future__ import annotations

from matplotlib.figure import Figure

from pycnn.plot.render import render


class Picture(Figure):
    """A figure that a notebook shows when a cell ends in it.

    Notebooks learn to show figures from pyplot, which these do not need. With pyplot there, and
    ``%matplotlib inline``, its own way of showing a figure comes first, and this one adds none.
    """

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows."""
        return render(self, "png")
