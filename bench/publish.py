"""Write the figures of a run of throughput.py into the documents, so that nobody types a number.

``python bench/publish.py bench/results/CPU.json`` replaces what stands in docs/performance.md and
bench/README.md between ``<!-- figures: NAME -->`` and ``<!-- end of figures -->``, and draws
docs/networks.png, the chart of the README.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import network_chart
from goals import GOALS
from layer_rows import LAYER_ROWS
from measure import RUNTIMES

from pycnn._files import atomic_write

ROOT = Path(__file__).parents[1]
PAGES = ("docs/performance.md", "bench/README.md")
CHART = ROOT / "docs" / "networks.png"
Row = dict[str, Any]
_SECTION = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_NAMES = {"onnxruntime": "onnxruntime", "openvino": "OpenVINO"}
# How wide the text of these documents is.
_WIDTH = 140


def milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def times(ratio: float) -> str:
    return f"{ratio:.2f}"


def between(values: list[float], show: Callable[[float], str] = times) -> str:
    """Return the range of some values."""
    ends = list(dict.fromkeys((show(min(values)), show(max(values))))) if values else []
    return "-".join(ends)


def best(row: Row) -> tuple[str, float] | None:
    """Return the name of the peer that pycnn is the least ahead of, and by how much."""
    found = [("PyTorch", row["speedup_over_better"])] if "torch" in row else []
    found += [(_NAMES[name], row[name]["times_pycnn"]) for name in RUNTIMES if name in row]
    return min(found, key=lambda pair: pair[1], default=None)


def table(head: list[str], rows: Iterator[list[str]]) -> str:
    """Return a table of Markdown; the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *rows))


def run(data: dict[str, Any]) -> str:
    """Describe the run: libraries, machine, settings, date."""
    mine, *peers = data["libraries"]
    names = [peer["library"].replace("+cpu", " (CPU)") for peer in peers]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    trips = [t for row in data["results"] for t in row.get("round_trips_ns", [])]
    lines = [
        f"Against {listed} on the same work in the same run, in alternating processes with",
        f"{mine['threads']} threads; medians of {data['settings']['rounds']} blocks. The machine:",
        f"{data['machine']['cores']} cores of an {data['machine']['cpu']},",
        f"{mine['config']['isa'].upper().replace('AVX512', 'AVX-512')},",
        f"{data['roofline']['fma_peak'] / 1e9:.0f} GFLOP/s measured FMA peak,",
        f"{data['roofline']['copy_bandwidth'] / 1e9:.0f} GB/s copy,",
        f"{mine['config']['compiler']}, on {data['date'][:10]};",
        f"load average before the run {data['machine']['load_average']:.1f}.",
    ]
    if trips:
        lines.append(f"A cache line took {between(trips, '{:.0f}'.format)} ns from core to core")
        lines.append("and back.")
    return textwrap.fill(" ".join(lines), _WIDTH, break_long_words=False, break_on_hyphens=False)


def networks(data: dict[str, Any]) -> str:
    """Return the table of whole networks."""
    runtimes = [name for name in RUNTIMES if any(name in row for row in data["results"])]
    peers = ["PyTorch", *(_NAMES[name] for name in runtimes)]
    head = ["work", "pycnn", "per second", *peers, "x best peer"]

    def cells(row: Row) -> list[str]:
        formats = row.get("torch", {}).values()
        seconds = [min((peer["seconds"] for peer in formats), default=None)]
        seconds += [row.get(name, {}).get("seconds") for name in runtimes]
        figures = ["" if one is None else milliseconds(one) for one in seconds]
        lead = best(row)
        rate = f"{row['rate']:,.0f}" if row["rate"] < 1e4 else f"{row['rate'] / 1e3:,.1f} k"
        ahead = "" if lead is None else times(lead[1])
        way = row.get("how", "eager").partition(":")[0]
        name = row["name"] if way == "eager" else f"{row['name']} ({way})"
        return [name, milliseconds(row["seconds"]), rate, *figures, ahead]

    return table(head, (cells(row) for row in timed(data) if row["group"] == "network"))


def layers(data: dict[str, Any]) -> str:
    """Return the table of layers, each the range of some rows."""

    def cells(label: str, pattern: str) -> list[str]:
        rows = [row for row in timed(data) if re.match(pattern, row["name"])]
        shares = [row["share_of_bound"] for row in rows if row["flops"]]
        compared = [row for row in rows if "torch" in row]
        shown = between(shares, lambda share: f"{100 * share:.0f}") + " %" if shares else ""
        ratios = [
            between([row[f"speedup_over_{kind}"] for row in compared])
            for kind in ("default", "better")
        ]
        return [label, shown, *ratios]

    head = ["work", "of the FMA peak", "x PyTorch default", "x PyTorch better"]
    return table(head, (cells(*pair) for pair in LAYER_ROWS))


def behind(data: dict[str, Any]) -> str:
    """Return the rows in which a peer was faster."""
    found = [(row["name"], best(row)) for row in timed(data)]
    slower = [(name, *lead) for name, lead in found if lead and float(times(lead[1])) < 1]
    if not slower:
        return "No peer was faster in any row of this run."
    rows = ([name, peer, times(ratio)] for name, peer, ratio in slower)
    return table(["rows in which a peer was faster", "peer", "pycnn's speed over it"], rows)


def goals(data: dict[str, Any]) -> str:
    """Return the goals, what was reached, and what direct convolutions at the peak would reach."""
    rows = {row["name"]: row for row in timed(data)}

    def cells(name: str, goal: float) -> list[str]:
        row = rows.get(name, {})
        lead = best(row)
        if lead is None:
            return [name, f"{goal:g}", "not measured", "", "", ""]
        share = row["share_of_bound"]
        # Winograd's tiles need fewer multiplications than are counted: no bound then.
        bound = times(lead[1] / share) if share < 1 else ""
        return [name, f"{goal:g}", times(lead[1]), lead[0], f"{100 * share:.0f} %", bound]

    head = ["work", "goal", "reached", "best peer", "of the FMA peak", "at the peak"]
    return table(head, (cells(name, goal) for name, goal in GOALS.items()))


def timed(data: dict[str, Any]) -> list[Row]:
    return [row for row in data["results"] if "seconds" in row]


SECTIONS = {"run": run, "networks": networks, "layers": layers, "behind": behind, "goals": goals}


def filled(page: str, data: dict[str, Any]) -> str:
    """Return a page with the figures of a run in its marked sections."""

    def section(found: re.Match[str]) -> str:
        return f"{found[1]}\n{SECTIONS[found[2]](data)}\n\n{found[3]}"

    return _SECTION.sub(section, page)


def main(arguments: list[str] | None = None) -> int:
    """Write the documents and the chart; return 2 if one of them cannot be."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="what throughput.py wrote: bench/results/CPU.json")
    options = parser.parse_args(arguments)
    try:
        data = json.loads(options.run.read_text())
        for page in PAGES:
            text = filled((ROOT / page).read_text(), data)
            with atomic_write(ROOT / page) as file:
                file.write(text.encode())
        network_chart.draw(CHART, data)
    except (ImportError, OSError, ValueError) as error:
        print(f"publish.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
