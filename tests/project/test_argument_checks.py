"""The checks of arguments have one form: the owner first, and it begins every error."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from pycnn import _arguments

CHECKS: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (_arguments.integer, (0,)),
    (_arguments.pair, (0,)),
    (_arguments.single, (0,)),
    (_arguments.flag, ()),
    (_arguments.choice, (("a", "b"),)),
    (_arguments.words, ()),
    (_arguments.sizes, ()),
    (_arguments.number, ()),
    (_arguments.real, ()),
    (_arguments.float32, ()),
    (_arguments.at_least_zero, ()),
    (_arguments.factor, ()),
    (_arguments.positive, ()),
    (_arguments.fraction, ()),
    (_arguments.file_name, ()),
]


@pytest.mark.parametrize(("check", "others"), CHECKS, ids=[check.__name__ for check, _ in CHECKS])
@pytest.mark.parametrize("value", [object(), None, b"x"], ids=lambda value: type(value).__name__)
def test_an_error_begins_with_the_owner_and_the_name(
    check: Callable[..., Any], others: tuple[Any, ...], value: Any
) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^\[here\] it "):
        check("here", "it", value, *others)


def test_every_check_of_a_named_value_is_among_them() -> None:
    functions = [one for _, one in inspect.getmembers(_arguments, inspect.isfunction)]
    named = {
        one for one in functions if {"name", "value"} <= set(inspect.signature(one).parameters)
    }
    assert named == {check for check, _ in CHECKS}
    for one in named:
        assert list(inspect.signature(one).parameters)[:3] == ["owner", "name", "value"]
