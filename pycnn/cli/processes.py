"""The processes of a command: one, or with ``--distributed`` all that a launcher has started."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from pycnn._launcher import launched, launched_rank
from pycnn._streams import warn
from pycnn.cli.streams import silence, speak_late
from pycnn.training.processes import Alone

OPTIONS = {"deterministic": "--deterministic", "sync_batch_norm": "--sync-batch-norm"}


def add_processes(parser: argparse.ArgumentParser) -> None:
    """Add ``--distributed`` and its options; read them with `start_processes`."""
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="train one model on all processes that a launcher has started, such as mpiexec -n 4 "
        "in front of this command (needs mpi4py); --batch-size counts the samples of all of them",
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="with --distributed: add gradients up in a fixed order, for the same bits on any "
        "network and with any MPI",
    )
    parser.add_argument(
        "--sync-batch-norm",
        action="store_true",
        help="with --distributed: normalise by the statistics of the whole batch, not by those of "
        "each process's part",
    )


def hush_others(arguments: Sequence[str]) -> None:
    """Let only the first process of a distributed training print an error that all have."""
    if "--distributed" in arguments and launched_rank():
        speak_late()


def start_processes(args: argparse.Namespace) -> Alone:
    """Return the processes that train together; all but the first print nothing from here on.

    Raises
    ------
    DistributedError
        A ValueError: there is no MPI, or only one rank.
    ValueError
        If an option needs ``--distributed``.
    """
    if not args.distributed:
        for name, option in OPTIONS.items():
            if getattr(args, name):
                raise ValueError(f"{option} needs --distributed")
        _warn_of_copies()
        return Alone()
    from pycnn.distributed import Ranks

    ranks = Ranks(
        deterministic=args.deterministic,
        sync_batch_norm=args.sync_batch_norm,
        device=args.device,
    )
    ranks.brief = True
    if not ranks.first:
        silence()
    return ranks


def _warn_of_copies() -> None:
    """Warn of a launcher in front of a command without ``--distributed``."""
    if (count := launched()) > 1 and launched_rank() == 0:
        warn(
            f"[train] a launcher has started {count} processes, and each trains its own model: "
            "with --distributed they train one together"
        )
