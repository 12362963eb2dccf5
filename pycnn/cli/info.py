"""Print version, instruction set, threads, backends and GPUs."""

from __future__ import annotations

import argparse

import pycnn


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print the configuration."""
    print(pycnn.show_config())
    return 0
