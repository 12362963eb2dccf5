"""A stream that says it is a terminal."""

from __future__ import annotations

from typing import Any


class Terminal:
    """Another stream, which bars are drawn on."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def isatty(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
