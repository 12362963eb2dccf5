"""An animation that a notebook plays."""

from __future__ import annotations

from pycnn import _html
from pycnn._files import atomic_write
from pycnn.plot.canvas import PathLike


class Animation:
    """A GIF in memory; a notebook plays it where a cell ends in it.

    Attributes
    ----------
    content : bytes
        The GIF.
    title : str
        What it shows, in words.
    """

    def __init__(self, content: bytes, frames: int, title: str) -> None:
        self.content = content
        self.title = title
        self._frames = frames

    def __len__(self) -> int:
        """Return the number of frames."""
        return self._frames

    def save(self, path: PathLike) -> None:
        """Write the GIF to a file, as a whole."""
        with atomic_write(path) as file:
            file.write(self.content)

    def __repr__(self) -> str:
        return f"Animation({self.title!r}, {len(self)} frames)"

    def _repr_html_(self) -> str:
        """Return the picture that a notebook plays."""
        return _html.image(self.content, self.title, kind="gif")
