"""Reading a page of HTML in tests."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; every tag must be closed where it belongs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data + "\n"

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pictures(found: Page) -> list[tuple[str, bytes]]:
    """Return the kind and the bytes of each picture in a page."""
    result = []
    for image in found.all("img"):
        match = re.fullmatch(r"data:image/(png|svg\+xml);base64,(.*)", image["src"])
        assert match
        result.append((match[1], base64.b64decode(match[2], validate=True)))
    return result
