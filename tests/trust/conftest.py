"""Test the README's promises: a short form in every run, a long one by ``pytest -m trust``.

A test of a promise takes the fixture `form` ("short" or "long") and calls `tried` in the end, with
what it tried and how often; the lines stand at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

PROPERTY = "tried"


@pytest.fixture(params=["short", pytest.param("long", marks=pytest.mark.trust)])
def form(request: pytest.FixtureRequest) -> str:
    """Run the test in its short form, or where ``-m trust`` asks for it in its long one."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def tried(request: pytest.FixtureRequest) -> Callable[[str, int, str], None]:
    """Return a function of (promise, cases, outcome) that leaves a line for the summary."""

    def note(promise: str, cases: int, outcome: str) -> None:
        request.node.user_properties.append((PROPERTY, f"{promise}: {cases:,} cases, {outcome}"))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried."""
    lines = [
        text
        for report in terminalreporter.stats.get("passed", [])
        for name, text in report.user_properties
        if name == PROPERTY and report.when == "call"
    ]
    if lines:
        terminalreporter.section("promises that were tried and held")
        for line in lines:
            terminalreporter.write_line(line)
