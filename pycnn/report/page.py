"""The page itself: HTML without scripts or links, with its style and its pictures inside."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from pycnn._printable import printable
from pycnn.plot.canvas import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TYPES = {"png": "image/png", "svg": "image/svg+xml"}
# Browser pixels per inch of a figure.
BROWSER = 96


def escape(text: str) -> str:
    """Return text without markup, and without characters that XML forbids."""
    return html.escape(printable(text, keep="\n"))


@dataclass(frozen=True)
class Section:
    """A part of the page: a heading, and HTML below it."""

    title: str
    body: str


def picture(
    figure: Figure, alt: str, caption: str, *, kind: str = "png", wide: bool = False
) -> str:
    """Return a figure as HTML, with the file inside.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The picture.
    alt : str
        What the picture shows, in words, for readers who cannot see it.
    caption : str
        Text below it.
    kind : str
        ``"svg"`` for lines and text, which adapt to a dark page; ``"png"`` for images.
    wide : bool
        Whether a narrow page scrolls the picture sideways instead of shrinking it.
    """
    content = base64.b64encode(render(figure, kind)).decode()
    width, height = (round(BROWSER * inches) for inches in figure.get_size_inches())
    image = (
        f'<img class="{kind}" src="data:{TYPES[kind]};base64,{content}" width="{width}" '
        f'height="{height}" alt="{escape(alt)}">'
    )
    if wide:
        image = _scrolling(image, "wide picture")
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Return rows of text as an HTML table; the first cell of each row is its heading."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = ""
    for first, *others in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in others)
        body += f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
    content = (
        f"<table><caption>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    return _scrolling(content, caption)


def code(text: str, label: str) -> str:
    """Return lines in a fixed-width font."""
    return _scrolling(f"<pre>{escape(text)}</pre>", label)


def _scrolling(content: str, label: str) -> str:
    """Return wide content that scrolls on a narrow page, also with the keyboard."""
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label)}">'
        f"{content}</div>\n"
    )


def tiles(facts: Iterable[tuple[str, str]]) -> str:
    """Return (name, value) pairs as a row of large figures."""
    cells = [f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts]
    return f'<dl class="tiles">{"".join(cells)}</dl>\n'


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>\n"


def page(title: str, lead: str, sections: Iterable[Section], footer: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Title and heading.
    lead : str
        HTML below the heading.
    sections : iterable of Section
        The parts, in order; the page begins with links to them.
    footer : str
        Text at the end.
    """
    style = resources.files("pycnn.report").joinpath("style.css").read_text(encoding="utf-8")
    links = parts = ""
    for number, part in enumerate(sections, start=1):
        key, heading = f"section-{number}", escape(part.title)
        links += f'<li><a href="#{key}">{heading}</a></li>'
        parts += (
            f'<section id="{key}" aria-labelledby="{key}-title">'
            f'<h2 id="{key}-title">{heading}</h2>\n{part.body}</section>\n'
        )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(title)}</h1>\n{lead}"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n'
        f"<main>\n{parts}</main>\n<footer>{escape(footer)}</footer>\n</body>\n</html>\n"
    )
