"""The tables of `scaling.py` in Markdown: the measurements and the fits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scaling_model import Line, fit_sums, halving_rounds, pairwise_rounds, volume
from scaling_plan import CASES, SUMS

ROUNDS = {"allreduce": halving_rounds, "tree_sum": pairwise_rounds}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    padded = [
        "| " + " | ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ) + " |"
        for line in lines
    ]  # fmt: skip
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([padded[0], "| " + " | ".join(rule) + " |", *padded[1:]])


def milliseconds(seconds: float | None) -> str:
    """Return a time with three digits."""
    return "" if seconds is None else f"{seconds * 1e3:.3g}"


def per_cent(share: float) -> str:
    return f"{100 * share:.0f} %"


def size_of(count: int) -> str:
    """Return a number of bytes, a power of two, as text."""
    return f"{count >> 20} MiB" if count >> 20 else f"{count >> 10} KiB"


def measured(data: dict[str, Any]) -> list[str]:
    """Return the tables of steps and of sums."""
    machine, cores = data["machine"], data["cores"]
    over = [n for n in data["ranks"] if data["local"] and n > cores]
    lines = [
        f"{machine['cpu']}, {cores} core{'s' if cores > 1 else ''}, {data['mpi']}; load average "
        f"{machine['load_average']:.1f} before, so that single figures are off by some per cent; "
        "medians of alternating processes. One thread a rank, but for the rows with all threads; "
        "speedup and efficiency are against one process with one thread."
    ]
    if over:
        lines.append(
            f"Rows of {', '.join(map(str, over))} ranks are oversubscribed: they share {cores} "
            "cores, and say what it costs to have too many, not how a machine with more scales."
        )
    lines += [steps_table(data, over), sums_table(data, over), fits_table(data)]
    return lines


def steps_table(data: dict[str, Any], over: Sequence[int]) -> str:
    """Return strong and weak scaling: a row for each network, batch and number of ranks."""
    found = {
        (row["network"], row["batch"], row["variant"], row["ranks"]): row["seconds"]
        for row in data["steps"]
        if row["ranks"] > 1 or row["threads"] == 1
    }
    lines = fits(data)
    rows = []
    for case in CASES:
        ways = [("strong", batch, False) for batch in case.strong] + [("weak", case.weak, True)]
        for way, batch, weak in ways:
            for n in data["ranks"]:
                whole = batch * n if weak else batch
                alone = found.get((case.network, batch, "alone", 1))
                step = found.get((case.network, whole, "alone" if n == 1 else "plain", n))
                if step is None or alone is None:
                    continue
                line = lines.get(("allreduce", n))
                size = 4 * data["parameters"][case.network]
                times = [
                    step,
                    found.get((case.network, whole, "overlap", n)),
                    found.get((case.network, whole, "sync", n)),
                    found.get((case.network, whole // n, "alone", 1)),
                    line and line.first * halving_rounds(n) + line.second * volume(n, size),
                ]
                gain = alone / step * (n if weak else 1)
                title, told = f"{case.network}, {way}", "oversubscribed" if n in over else ""
                numbers = [str(n), str(whole), *map(milliseconds, times), f"{gain:.2f}"]
                rows.append([title, *numbers, per_cent(gain / n), told])
    head = ["step, ms", "ranks", "batch", "as it is", "overlap", "sync batch norm"]
    head += ["a rank's part, alone", "sum alone (fit)", "speedup", "efficiency", "remark"]
    rows += threads_rows(data)
    return table(head, rows)


def threads_rows(data: dict[str, Any]) -> list[list[str]]:
    """Return steps of one process with all threads, for batches that are also measured above."""
    ways = {(case.network, batch) for case in CASES for batch in case.strong}
    alone = {
        (row["network"], row["batch"]): row["seconds"]
        for row in data["steps"]
        if row["ranks"] == 1 and row["threads"] == 1
    }
    return [
        [
            f"{row['network']}, {row['threads']} threads",
            "1",
            str(row["batch"]),
            milliseconds(row["seconds"]),
            *[""] * 4,
            f"{alone[key] / row['seconds']:.2f}",
            "",
            "one process",
        ]
        for row in data["steps"]
        if row["ranks"] == 1
        and row["threads"] > 1
        and (key := (row["network"], row["batch"])) in alone
        and key in ways
    ]


def sums_table(data: dict[str, Any], over: Sequence[int]) -> str:
    """Return the times of the sums alone."""
    found = {(row["sum"], row["bytes"], row["ranks"]): row["seconds"] for row in data["sums"]}
    columns = [(name, n) for n in data["ranks"] if n > 1 for name in SUMS]
    head = ["sum of an array, ms"]
    head += [f"{name}, {n} ranks{' (oversubscribed)' if n in over else ''}" for name, n in columns]
    rows = [
        [size_of(size), *(milliseconds(found.get((name, size, n))) for name, n in columns)]
        for size in sorted({size for _, size, _ in found})
    ]
    return table(head, rows)


def fits(data: dict[str, Any]) -> dict[tuple[str, int], Line]:
    """Fit the sums, for each variant and each number of ranks."""
    keys = {(row["sum"], row["ranks"]) for row in data["sums"]}
    return {
        (name, n): fit_sums(
            [
                (n, row["bytes"], row["seconds"])
                for row in data["sums"]
                if (row["sum"], row["ranks"]) == (name, n)
            ],
            ROUNDS[name],
        )
        for name, n in sorted(keys)
    }


def fits_table(data: dict[str, Any]) -> str:
    """Return the latency and bandwidth of the sums."""
    rows = [
        [
            f"{name}, {n} ranks",
            f"{1e6 * line.first:.3g}",
            f"{1e-9 / line.second:.3g}" if line.second else "no limit seen",
            per_cent(line.error),
        ]
        for (name, n), line in fits(data).items()
    ]
    return table(["fit", "alpha, us a round", "1 / beta, GB/s", "largest error"], rows)
