"""The page itself: HTML without scripts or links, with its style and its pictures inside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from pycnn import _html
from pycnn._html import escape
from pycnn.plot.render import render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Browser pixels per inch of a figure.
BROWSER = 96


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
    width, height = (round(BROWSER * inches) for inches in figure.get_size_inches())
    attributes = f' class="{kind}" width="{width}" height="{height}"'
    image = _html.image(render(figure, kind), alt, kind=kind, attributes=attributes)
    if wide:
        image = _scrolling(image, "wide picture")
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str) -> str:
    """Return rows of text as an HTML table; the first cell of each row is its heading."""
    return _scrolling(_html.table(header, rows, caption), caption)


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
