"""Run the command line in tests, in this process or in a separate one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from pycnn.cli import main

Capture = pytest.CaptureFixture[str]

# What follows "python": the command, with Ctrl-C at its default even where the tests run in the
# background, which ignores it for all children.
COMMAND = [
    "-c",
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from pycnn.cli import main; sys.exit(main())",
]


def start(*arguments: str, **options: object) -> subprocess.Popen[str]:
    # Output is buffered, as for users: flushing the rest of it can fail when Python exits.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    return subprocess.Popen([sys.executable, *COMMAND, *arguments], **pipes | options)  # type: ignore[call-overload, no-any-return]


def fails(capsys: Capture, *arguments: str) -> str:
    """Run a command that must fail for its arguments; return its one line of explanation."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pycnn: error: ")
    assert err.count("\n") == 1
    return err
