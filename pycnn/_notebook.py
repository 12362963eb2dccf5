"""What a Jupyter notebook shows, if this program runs in one."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any


def is_here() -> bool:
    """Return whether this program runs in the kernel of a notebook.

    IPython is only looked for among the modules that are loaded: a kernel has loaded it.
    """
    try:
        return "IPKernelApp" in sys.modules["IPython"].get_ipython().config
    except Exception:  # no IPython, no shell, or something else of that name
        return False


class Shown:
    """A place in the output of a cell, whose content can change.

    Parameters
    ----------
    content : mapping of MIME types to data
        What is shown first.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        display = import_module("IPython.display").display
        self._handle = display(content, raw=True, display_id=True)

    def write(self, text: str) -> None:
        """Show text in this place."""
        self._handle.update(plain(text), raw=True)


def plain(text: str) -> dict[str, Any]:
    """Return a text as content to be shown."""
    return {"text/plain": text}
