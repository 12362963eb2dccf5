"""Draw the networks of a run as one chart: the speed of each library over that of PyTorch."""

from __future__ import annotations

import importlib
import io
import json
import zlib
from pathlib import Path
from typing import Any

from measure import RUNTIMES

from pycnn._files import atomic_write

# Colours that people with colour blindness can tell apart (Okabe and Ito).
_SERIES = {"pycnn": "#0072B2", "onnxruntime": "#009E73", "openvino": "#CC79A7"}
_LABELS = {"openvino": "OpenVINO"}


def speeds(data: dict[str, Any]) -> list[tuple[str, dict[str, float]]]:
    """Return for each network the speeds, by library, over PyTorch's in its better format."""
    found = []
    for row in data["results"]:
        if row["group"] == "network" and "torch" in row and "seconds" in row:
            mine = row["speedup_over_better"]
            others = {n: mine / row[n]["times_pycnn"] for n in RUNTIMES if n in row}
            found.append((row["name"], {"pycnn": mine, **others}))
    return found


def checksum(data: dict[str, Any]) -> str:
    """Return a number of what is drawn; it is written into the picture, for a test."""
    return f"{zlib.crc32(json.dumps(speeds(data)).encode()):08x}"


def draw(path: Path, data: dict[str, Any]) -> None:
    """Draw the chart as a PNG; a bar's length is logarithmic, and PyTorch the line at 1.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    OSError
        The file cannot be written.
    """
    figure_module: Any = importlib.import_module("matplotlib.figure")
    ticker: Any = importlib.import_module("matplotlib.ticker")
    rows = speeds(data)
    series = [name for name in _SERIES if any(name in one for _, one in rows)]
    figure = figure_module.Figure(figsize=(9, 0.5 * len(rows) + 1.3), layout="constrained")
    ax = figure.subplots()
    height = 0.8 / len(series)
    for i, name in enumerate(series):
        pairs = [(place, one[name]) for place, (_, one) in enumerate(rows) if name in one]
        places = [place + height * (i - (len(series) - 1) / 2) for place, _ in pairs]
        # From 1, so that a slower library's bar points to the left.
        lengths = [speed - 1 for _, speed in pairs]
        label = _LABELS.get(name, name)
        bars = ax.barh(places, lengths, height, left=1, color=_SERIES[name], label=label)
        ax.bar_label(bars, [f"{speed:.1f}" for _, speed in pairs], padding=2, fontsize=7)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(ticker.FixedLocator([0.1, 0.2, 0.5, 1, 2, 5, 10, 20]))
    ax.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    ax.xaxis.set_minor_locator(ticker.NullLocator())
    ax.axvline(1, color="black", linewidth=1)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows], fontsize=8)
    ax.invert_yaxis()
    ax.margins(x=0.08, y=0.01)
    ax.set_xlabel("times as fast as PyTorch, in the better of its memory formats")
    ax.grid(axis="x", alpha=0.3)
    if len(series) > 1:
        ax.legend(fontsize=8)
    machine, mine = data["machine"], data["libraries"][0]
    ax.set_title(f"{machine['cpu']}, {mine['threads']} threads, {data['date'][:10]}", fontsize=9)
    buffer = io.BytesIO()
    # Without the version of matplotlib in the file, equal figures yield equal bytes.
    metadata = {"Software": None, "Figures": checksum(data)}
    figure.savefig(buffer, format="png", dpi=110, metadata=metadata)
    with atomic_write(path) as file:
        file.write(buffer.getvalue())
