"""Tables of the model of `scaling.py`, in Markdown: where training stops scaling on networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from networks import ALEXNET, LENET
from scaling_model import LINKS, Line, Training, factors, fit_compute
from scaling_networks import RESNET50_MULTIPLY_ADDS, buckets, operations, resnet50
from scaling_report import milliseconds, per_cent, table

MODEL_RANKS = (8, 32, 128, 1000)
MIDDLE = LINKS[1]
# Samples in a batch that all ranks share: a usual size, and one for layer-wise learning rates.
BATCH, LARGE = 1024, 32_768
# Large networks are also modelled with ranks this many times as fast as the measured machine, like
# a machine of many cores or a GPU: for slow ranks the links hardly matter.
FASTER = 32


def trainings(data: dict[str, Any]) -> list[tuple[str, Training, int]]:
    """Return what to model: a name, the training, and the batch of a rank for weak scaling.

    A rank is a machine like the measured one, with all of its threads, or a faster one.
    """
    threads = max(row["threads"] for row in data["steps"])
    compute = {}
    for name in ("lenet5", "alexnet"):
        points = [
            (row["batch"], row["seconds"])
            for row in data["steps"]
            if row["network"] == name and row["ranks"] == 1 and row["threads"] == threads
        ]
        if len(points) > 1:
            compute[name] = fit_compute(points)
    found = []
    if "lenet5" in compute:
        found.append(("LeNet-5", Training(compute["lenet5"], buckets(LENET.parameters)), 256))
    if "alexnet" in compute and compute["alexnet"].second:
        rate = operations(ALEXNET) / compute["alexnet"].second
        # The seconds of an update per parameter.
        update = compute["alexnet"].first / sum(buckets(ALEXNET.parameters))
        resnet = Line(update * sum(buckets(resnet50())), 3 * 2 * RESNET50_MULTIPLY_ADDS / rate)
        for name, line, shapes, each in (
            ("AlexNet", compute["alexnet"], ALEXNET.parameters, 128),
            ("ResNet-50", resnet, resnet50(), 32),
        ):
            quick = Line(line.first / FASTER, line.second / FASTER)
            found.append((name, Training(line, buckets(shapes)), each))
            found.append((f"{name} x{FASTER}", Training(quick, buckets(shapes)), each))
    return found


def modelled(data: dict[str, Any]) -> list[str]:
    """Return the model: compute times, scaling on each link, and what changes its limits."""
    found = trainings(data)
    threads = max(row["threads"] for row in data["steps"])
    links = ", ".join(f"{1e6 * link.alpha:g} us at {link.name}" for link in LINKS)
    first = table(
        [f"a rank of {threads} threads", "parameters", "MB a sum", "ms a step", "ms a sample"],
        [
            [name, f"{one.parameters:,}", f"{4e-6 * one.parameters:.3g}",
             milliseconds(one.compute.first), milliseconds(one.compute.second)]
            for name, one, _ in found
        ],
    )  # fmt: skip
    return [
        "### Model",
        "T(n, m) = alpha * rounds(n) + beta * 2 (n - 1) / n * m for the sum of m bytes, with "
        f"assumed latencies (alpha) of {links}, and what a machine like this one takes to compute. "
        "Each rank is a machine with a link of its own; sums come after the backward pass, as they "
        "do unless overlap=True. A step's time is a line through two batches on this machine. "
        f"Rows with x{FASTER} are for ranks {FASTER} times as fast, of many cores or with a GPU. "
        "ResNet-50 is not measured: 3 x 4.1 GMAC a sample at the rate that AlexNet reaches here, "
        "and an update that takes as long for each parameter.",
        first,
        *scaling_tables(found),
        f"What moves the limits, at {MIDDLE.name}: the most ranks that share the batch with an "
        "efficiency of 50 %; the number of ranks beyond which a step gets slower (at most one for "
        "each sample), and its speed over that of one rank. pycnn has no bfloat16 gradients and no "
        "local SGD.",
        factors_table(found),
    ]


def scaling_tables(found: Sequence[tuple[str, Training, int]]) -> list[str]:
    """Return strong and weak scaling on each link."""
    strong, weak = [], []
    for name, one, each in found:
        for link in LINKS:
            title = f"{name}, {link.name}"
            useful, fastest = one.useful(BATCH, link), one.fastest(BATCH, link)
            shared = [
                per_cent(float(one.efficiency(n, BATCH, link))) if n <= BATCH else ""
                for n in MODEL_RANKS
            ]
            speed = f"{one.speedup(fastest, BATCH, link):,.1f}"
            strong.append([title, *shared, f"{useful:,}", f"{fastest:,}", speed])
            own = [per_cent(float(one.efficiency(n, each, link, weak=True))) for n in MODEL_RANKS]
            rates = f"{each * 1000 / float(one.step(1000, each, link)):,.0f}"
            weak.append([f"{title}, {each} a rank", *own, rates])
    counts = [f"{n:,} ranks" for n in MODEL_RANKS]
    head = [
        f"batch of {BATCH:,} shared: efficiency",
        *counts,
        "50 % up to",
        "fastest at",
        "speedup",
    ]
    return [
        table(head, strong),
        table(["a batch for each rank: efficiency", *counts, "samples/s of 1,000"], weak),
    ]


def factors_table(found: Sequence[tuple[str, Training, int]]) -> str:
    """Return the effect of each change on the limits, on the middle link, where links matter."""
    names = {name for name, _, _ in found}
    rows = [
        [f"{name}: {what}", f"{one.useful(size, MIDDLE):,}", f"{one.fastest(size, MIDDLE):,}",
         f"{one.speedup(one.fastest(size, MIDDLE), size, MIDDLE):,.1f}"]
        for name, training, _ in found
        if f"{name} x{FASTER}" not in names
        for what, one, size in factors(training, BATCH, LARGE)
    ]  # fmt: skip
    return table(["", "50 % up to", "fastest at", "speedup"], rows)
