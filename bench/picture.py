"""Draw a run as a bar chart: a panel per network and unit, a bar per library and format."""

from __future__ import annotations

import importlib
import io
import re
from pathlib import Path
from typing import Any

from measure import Result
from report import unit

from pycnn._files import atomic_write

# Colours that people with colour blindness can tell apart (Okabe and Ito).
_SERIES = {
    "pycnn": ("pycnn", "#0072B2"),
    "contiguous": ("PyTorch, contiguous (default)", "#E69F00"),
    "channels_last": ("PyTorch, channels_last", "#CC79A7"),
    "onnxruntime": ("onnxruntime", "#009E73"),
    "openvino": ("OpenVINO", "#56B4E9"),
}
_SCALE = {"img/s": 1.0, "GFLOP/s": 1e9, "GB/s": 1e9}
# Endings that a case's name adds to its network's; training and inference share an axis.
_WORK = re.compile(r" (training step|inference)")
_LABELS = {"img/s": "images/s", "GFLOP/s": "GFLOP/s", "GB/s": "GB/s"}


def draw(path: str, results: list[Result], title: str, limits: dict[str, float]) -> None:
    """Draw the timed results; a line marks the bound of a unit, from `limits`.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    OSError
        The file cannot be written.
    """
    matplotlib: Any = importlib.import_module("matplotlib")
    figure_module: Any = importlib.import_module("matplotlib.figure")
    timed = [r for r in results if r.seconds is not None]
    # The images per second of networks differ by factors of thousands: each has its own axis.
    panels: dict[tuple[str, str], list[Result]] = {}
    for result in sorted(timed, key=lambda r: list(_SCALE).index(unit(r))):
        network = _WORK.split(result.case.name)[0] if result.case.images else ""
        panels.setdefault((unit(result), network), []).append(result)
    if not panels:
        return
    heights = [len(rows) + 1.5 for rows in panels.values()]
    figure = figure_module.Figure(figsize=(10, 0.34 * sum(heights) + 1.2), layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
    for ax, ((name, _), rows) in zip(axes, panels.items(), strict=True):
        _panel(ax, name, rows, limits.get(name))
    axes[0].legend(loc="best", fontsize=8)
    figure.suptitle(title, fontsize=10)
    suffix = Path(path).suffix.lstrip(".") or "png"
    buffer = io.BytesIO()
    # Without version and date in the file, equal figures yield equal bytes.
    with matplotlib.rc_context({"svg.hashsalt": "pycnn"}):
        figure.savefig(buffer, format=suffix, dpi=120)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())


def _panel(ax: Any, name: str, rows: list[Result], limit: float | None) -> None:
    scale = _SCALE[name]
    places = range(len(rows))
    rates = {series: [_rate(row, series) / scale for row in rows] for series in _SERIES}
    shown = {series: values for series, values in rates.items() if any(values)}
    height = 0.8 / max(len(shown), 3)
    for i, (series, values) in enumerate(shown.items()):
        label, colour = _SERIES[series]
        above = height * (i - (len(shown) - 1) / 2)
        ax.barh([p + above for p in places], values, 0.92 * height, label=label, color=colour)
    if limit:
        ax.axvline(limit / scale, color="black", linewidth=1, linestyle="--")
    ax.set_yticks(list(places), [row.case.name for row in rows], fontsize=7)
    ax.invert_yaxis()
    ax.margins(y=0.01)
    ax.set_xlabel(_LABELS[name] + (" (dashed: measured bound)" if limit else ""), fontsize=8)
    ax.grid(axis="x", alpha=0.3)


def _rate(row: Result, series: str) -> float:
    if series == "pycnn":
        return row.rate(row.seconds) if row.seconds else 0.0
    peer = row.peers.get(series)
    return row.rate(peer.seconds) if peer else 0.0
