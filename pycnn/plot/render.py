"""Turn figures into the bytes of files."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from pycnn._locks import Lock
from pycnn._printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The settings of matplotlib and the warning filters belong to the process: one thread at a time
# changes them and restores them.
_settings = Lock()

# Pixels of a PNG per inch of a figure, and the most that are allowed.
RESOLUTION, MOST_RESOLUTION = 120, 600


def render(figure: Figure, kind: str, resolution: int = RESOLUTION) -> bytes:
    """Return a figure as the bytes of a file; equal figures yield equal bytes.

    Raises
    ------
    ValueError
        If matplotlib does not know the format.
    """
    from matplotlib import rc_context

    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    file = io.BytesIO()
    _make_printable(figure)
    with _settings.held, rc_context({"svg.hashsalt": "pycnn"}), warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box; that is no reason to fail.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(file, format=kind, dpi=resolution, metadata=dated.get(kind))
    return file.getvalue()


def _make_printable(figure: Figure) -> None:
    """Escape the characters that XML forbids in the texts of a figure."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        shown = text.get_text()
        if shown != (clean := printable(shown, keep="\n")):
            text.set_text(clean)
