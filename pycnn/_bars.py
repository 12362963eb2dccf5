"""The bars of tqdm: on a stream, and in a notebook as a widget or as text."""

from __future__ import annotations

import os
import shutil
from functools import cache
from io import StringIO
from threading import RLock
from typing import Any

from pycnn import _notebook

# A narrow terminal cuts off the end: the speed, not the figures.
BAR_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}, {rate_fmt}"

# Columns of a bar of text in a notebook, whose width a program cannot know.
NOTEBOOK_COLUMNS = 100


def stream_bar(stream: Any, label: str, total: int | None, unit: str) -> Any:
    """Draw a bar on a stream, such as a terminal."""
    # tqdm takes a terminal that does not know its size for one of size 0. The position keeps a bar
    # left by an interrupted training from taking a line.
    size = shutil.get_terminal_size()
    options = _options(label, total, unit)
    return _stream_class()(file=stream, position=0, ncols=size.columns, nrows=size.lines, **options)


def notebook_bar(label: str, total: int | None, unit: str) -> Any:
    """Draw a bar in a notebook: a widget, or without ipywidgets a text that changes."""
    from tqdm import notebook

    has_widgets = getattr(notebook, "IProgress", None) is not None
    made = _widget_class() if has_widgets else _text_class()
    return made(**_options(label, total, unit))


def _options(label: str, total: int | None, unit: str) -> dict[str, Any]:
    # With miniters tqdm's own thread, which could meet a broken stream, has nothing to redraw.
    return {
        "total": total,
        "desc": label,
        "unit": unit,
        "unit_scale": True,
        "mininterval": 0,
        "miniters": 1,
        "bar_format": BAR_FORMAT if total else None,
    }


@cache
def _stream_class() -> Any:
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        def finish(self, text: str) -> None:
            """Replace the bar with a line, complete even in a narrow terminal."""
            self.leave = False
            self.close()
            print(text, file=self.fp)

    return _with_own_lock(Bar)


@cache
def _widget_class() -> Any:
    from tqdm.notebook import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        def __init__(self, **options: Any) -> None:
            super().__init__(display=False, **options)
            # All versions of ipywidgets read this; some show a widget itself in no place that can
            # change, and a notebook that is opened again has lost its widgets.
            view = {"model_id": self.container.model_id, "version_major": 2, "version_minor": 0}
            content = {"application/vnd.jupyter.widget-view+json": view}
            self._shown = _notebook.Shown(_notebook.plain(repr(self.container)) | content)

        def finish(self, text: str) -> None:
            """Replace the bar with a line, which stays in the notebook."""
            self.leave = False
            self.close()
            self._shown.write(text)

    return _with_own_lock(Bar)


@cache
def _text_class() -> Any:
    from tqdm.std import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        def __init__(self, **options: Any) -> None:
            self._shown = _notebook.Shown(_notebook.plain(""))
            super().__init__(file=StringIO(), ascii=False, ncols=NOTEBOOK_COLUMNS, **options)

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            """Draw the bar, as tqdm asks for it."""
            self._shown.write(str(self) if msg is None else msg)

        def finish(self, text: str) -> None:
            """Replace the bar with a line."""
            self.close()
            self._shown.write(text)

    return _with_own_lock(Bar)


def _with_own_lock(bar: Any) -> Any:
    """Give a class of bars its own lock, which is renewed in a forked child.

    A thread that held the lock does not exist in the child. And tqdm's own lock works between
    processes: making it would fix the start method of `multiprocessing` for the whole program.
    """
    bar.set_lock(RLock())
    os.register_at_fork(after_in_child=lambda: bar.set_lock(RLock()))
    return bar
