"""Entry point of ``pycnn``: runs the command, prints errors, warnings and Ctrl-C in one line."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from pycnn import __version__
from pycnn.cli import evaluate, info, plot, predict, report, train
from pycnn.cli.config import with_config
from pycnn.cli.processes import hush_others
from pycnn.cli.streams import abandon, say, say_error, say_wrong, usable_streams
from pycnn.devices import DeviceError

COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "plot": plot,
    "report": report,
    "info": info,
}

# Exit codes: 128 + number of the signal is what a shell reports for SIGINT and SIGPIPE.
USAGE_ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        say_wrong(f"{message} (see {self.prog} --help)")
        self.exit(USAGE_ERROR)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments, without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: 0, 1 if training failed, 2 for wrong arguments, files or folders, 3 if the
        results of a training had to go to another folder, 130 after Ctrl-C, 143 after SIGTERM and
        129 after SIGHUP in a training, 141 if nobody reads the output any more (a training goes on
        without a reader).
    """
    with usable_streams():
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _print_warning
                warnings.filterwarnings("always", r"\[\w+\]", RuntimeWarning)  # pycnn's own
                code = _run(argv)
            if sys.stdout is not None:
                sys.stdout.flush()
        except KeyboardInterrupt as interruption:
            say(" ".join(("interrupted", *map(str, interruption.args))))
            return getattr(interruption, "exit_code", INTERRUPTED)
        except BrokenPipeError:
            return BROKEN_PIPE
        except (OSError, ValueError, MemoryError, DeviceError) as error:
            abandon(sys.stdout)  # print what it holds before the error
            say_error(error)
            return USAGE_ERROR
        return code


def _run(argv: Sequence[str] | None) -> int:
    hush_others(sys.argv[1:] if argv is None else argv)
    parser = _Parser(prog="pycnn", description="Convolutional networks.")
    parser.add_argument("--version", action="version", version=f"pycnn {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        module.add_arguments(command)
        command.set_defaults(run=module.run, parser=command)
    try:
        argv = with_config(
            sys.argv[1:] if argv is None else argv, _flags(commands.choices["train"])
        )
        args, unknown = parser.parse_known_args(argv)
        if unknown:  # reported by the command's parser, which names the command's help
            args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    except SystemExit as stop:  # --help, --version or a wrong argument
        return int(stop.code or 0)
    code: int = args.run(args)
    return code


def _flags(command: argparse.ArgumentParser) -> dict[str, bool]:
    """Return the flags of a command, and whether each takes a value."""
    actions = command._actions  # argparse has no other list of them
    return {flag: action.nargs != 0 for action in actions for flag in action.option_strings}


def _print_warning(message: Warning | str, *_: object, **__: object) -> None:
    """Print a warning in one line, without its place in the code."""
    say(f"warning: {message}")
