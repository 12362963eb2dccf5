"""The pictures or tables that a notebook shows histories and searches for a rate as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycnn import _html

if TYPE_CHECKING:
    from pycnn.training.history import History
    from pycnn.training.rate_search import RateSearch

# Rows of the table: of a longer training the last ones.
MOST_ROWS = 20


def history_html(history: History) -> str:
    """Return the curve of a training with a line about its end, or a table of its last epochs."""
    if not len(history):
        return _html.paragraph("no finished epoch") + _end(history)
    return _shown(history) + _end(history)


def rates_html(search: RateSearch) -> str:
    """Return the losses of a search over its learning rates, and the line that it prints as."""
    from pycnn.plot.rates import learning_rates
    from pycnn.plot.render import render

    try:
        picture = render(learning_rates(search), "png")
    except (ImportError, ValueError):  # no matplotlib; nothing that could be drawn
        return _html.paragraph(repr(search))
    return _html.image(picture, repr(search)) + _html.paragraph(repr(search))


def _shown(history: History) -> str:
    from pycnn.plot.curves import learning_curve
    from pycnn.plot.render import render

    try:
        figure = learning_curve(history)
    except ImportError:  # of matplotlib
        return _table(history)
    last = history.records[-1]
    text = f"epoch {last.epoch}: {last}"
    alt = f"Loss and accuracy of each epoch; {text}"
    return _html.image(render(figure, "png"), alt) + _html.paragraph(text)


def _table(history: History) -> str:
    columns = {name: history[name][-MOST_ROWS:] for name in history.fields}
    columns = {name: cells for name, cells in columns.items() if any(c is not None for c in cells)}
    rows = [list(map(_cell, row)) for row in zip(*columns.values(), strict=True)]
    caption = f"the last {len(rows)} of {len(history)} epochs" if len(rows) < len(history) else ""
    return _html.table([name.replace("_", " ") for name in columns], rows, caption)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _end(history: History) -> str:
    """Say how the training ended, if it ended early."""
    text = ""
    if history.interrupted:
        text += _html.paragraph("interrupted: the unfinished epoch has no record")
    if history.stop_reason is not None:
        text += _html.paragraph(f"stopped: {history.stop_reason}")
    return text
