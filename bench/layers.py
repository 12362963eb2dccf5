"""Show where the time of a network's training step goes, layer by layer, and its memory costs.

``python bench/layers.py lenet5 --batch 64 --threads 2``; README.md explains the figures.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable

from cases import network_case
from networks import NETWORKS
from pycnn_networks import build, train
from with_pycnn import setup

import pycnn

WARM_UP, STEPS = 10, 20


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", choices=NETWORKS, nargs="?", default="lenet5")
    parser.add_argument("--batch", type=int, default=64, metavar="N")
    parser.add_argument("--threads", type=int, metavar="N", help="default: as pycnn chooses")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long to repeat the steps")
    return parser.parse_args(arguments)


def page_faults(step: Callable[[], object]) -> float:
    """Count the page faults of a step, after the first steps have taken their memory."""
    for _ in range(WARM_UP):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(STEPS):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / STEPS


def main(arguments: list[str] | None = None) -> None:
    """Print the profile of one network."""
    args = parse(arguments)
    setup(args.threads)
    case = network_case(NETWORKS[args.network], args.batch, train=True)
    arrays = case.arrays()
    model = build(NETWORKS[args.network], arrays)
    print(f"{case.name}, without loss and optimizer")
    print(pycnn.profile(model, arrays["x"], args.seconds))
    faults = page_faults(train(case, arrays).run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"page faults of a whole step: {faults:.1f}; largest memory: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
