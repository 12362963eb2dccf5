"""Pieces of HTML that hold no script and no link."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from pycnn._printable import printable

TYPES = {"gif": "image/gif", "png": "image/png", "svg": "image/svg+xml"}


def escape(text: object) -> str:
    """Return text without markup, and without characters that XML forbids."""
    return html.escape(printable(text, keep="\n"))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Return rows of text as an HTML table; the first cell of each row is its heading."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = ""
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        body += f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def image(content: bytes, alt: str, *, kind: str = "png", attributes: str = "") -> str:
    """Return the bytes of a picture as an image with the file inside.

    Parameters
    ----------
    content : bytes
        The file.
    alt : str
        What the picture shows, in words, for readers who cannot see it.
    kind : str
        A key of `TYPES`.
    attributes : str
        More of the tag, as HTML, with a blank in front.
    """
    data = base64.b64encode(content).decode()
    return f'<img src="data:{TYPES[kind]};base64,{data}" alt="{escape(alt)}"{attributes}>'


def paragraph(text: object) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>\n"
