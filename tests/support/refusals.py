"""Calls that must be refused, and the names that the error must mention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

F = np.float32


Call = Callable[[], Any]


def zeros(*shape: int, dtype: Any = F) -> np.ndarray:
    return np.zeros(shape, dtype)


def row(call: Call, *facts: str) -> Any:
    """Return a call, and the text that its message must contain."""
    return pytest.param(call, facts, id=" ".join(facts))


def assert_refuses(call: Call, error: type[Exception], facts: tuple[str, ...]) -> None:
    with pytest.raises(error) as info:
        call()
    assert type(info.value) is error
    message = str(info.value)
    assert message.startswith("["), message
    assert "incompatible function arguments" not in message
    for fact in facts:
        assert fact in message, f"{fact!r} is not in {message!r}"
