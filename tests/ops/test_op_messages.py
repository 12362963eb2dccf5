"""Callers' arguments appear in messages as text: inert, and no longer than needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.child import run

from pycnn import _core, ops
from pycnn._printable import printable

EVIL = "\x1b[31m\x07\n\x85\u202edrow\u2028\ufeff\U000e0041\udc80é漢\U0001f600"
ACTS = "\x1b\x07\n\x85\u202e\u2028\ufeff\U000e0041\udc80"
SHOWN = r"\x1b[31m\x07\n\x85\u202edrow\u2028\ufeff\U000e0041\udc80é漢😀"
X = np.ones((1, 1, 4, 4), np.float32)
W = np.ones((1, 1, 3, 3), np.float32)


def text_of(call: Callable[[], object]) -> str:
    with pytest.raises((TypeError, ValueError)) as info:
        call()
    return str(info.value)


def padding(value: Any) -> object:
    return ops.conv2d(X, W, padding=value)


def direction(value: Any) -> object:
    return ops.conv2d_algorithm(X.shape, W.shape, direction=value)


def algorithm(value: Any) -> object:
    _core.force_conv_algorithm(value)
    return None


def instruction_set(value: Any) -> object:
    _core.set_isa(value)
    return None


WORDS = [padding, direction, algorithm, instruction_set]


@pytest.mark.parametrize("op", WORDS)
def test_a_word_is_shown_as_text(op: Callable[[Any], object]) -> None:
    text = text_of(lambda: op(EVIL.replace("\udc80", "\\udc80")))
    assert SHOWN in text
    assert not set(text) & set(ACTS)


@pytest.mark.parametrize("op", [padding, direction])
def test_halves_of_characters_are_escapes(op: Callable[[Any], object]) -> None:
    assert SHOWN in text_of(lambda: op(EVIL))


@pytest.mark.parametrize("op", WORDS)
@pytest.mark.parametrize("letter", ["a", "\x1b", "é", "漢", "\U0001f600"])
def test_a_word_of_a_million_letters_is_cut(op: Callable[[Any], object], letter: str) -> None:
    for before in ("", "x", "xy", "xyz"):  # the cut is between letters, wherever it falls
        text = text_of(lambda before=before: op(before + letter * 10**6))  # type: ignore[misc]
        assert len(text) < 1500
        assert "..." in text


def test_shapes_of_100_000_numbers_are_cut() -> None:
    many = wrong((123456789,) * 100_000)
    for call in (
        lambda: ops.conv2d_algorithm(many, W.shape),
        lambda: ops.conv2d_algorithm(X.shape, many),
        lambda: ops.conv2d_backward_input(X, W, many),
        lambda: ops.conv2d_backward_weight(X, X, many),
        lambda: ops.upsample2d_backward(X, many, 2),
        lambda: ops.conv2d(X, W, padding=many),
        lambda: ops.conv2d(X, W, stride=many),
        lambda: ops.max_pool2d(X, many),
    ):
        text = text_of(call)
        assert "123456789" in text
        assert len(text) < 500


def test_classes_and_objects_with_hostile_names() -> None:
    evil = type(EVIL.replace("\udc80", ""), (), {"__repr__": lambda _: EVIL})
    long = type("n" * 10**6, (), {})
    for kind in (evil, long):
        for call in (
            lambda kind=kind: ops.relu(kind()),
            lambda kind=kind: ops.conv2d(X, W, stride=kind()),
            lambda kind=kind: ops.conv2d(X, W, padding=wrong([kind()] * 3)),
            lambda kind=kind: ops.conv2d(X, W, groups=kind()),
            lambda kind=kind: ops.dropout(X, kind(), 0),
        ):
            text = text_of(call)
            assert not set(text) & set(ACTS)
            assert len(text) < 1500


@pytest.mark.parametrize("name", ["PYCNN_NUM_THREADS", "PYCNN_CONV", "PYCNN_ISA"])
def test_settings_of_any_bytes_and_length_are_shown_as_text(name: str) -> None:
    """Bytes that are not UTF-8 used to raise UnicodeDecodeError."""
    for value, shown in (("\udcff\x1b\udce9a", r"\xff\x1b\xe9a"), ("9" * 100_000 + "x", "999...")):
        code = "import numpy as np\nfrom pycnn import ops\nx = np.ones((8, 8, 64, 64), 'f')\n"
        done = run(code + "ops.conv2d(x, x[:, :, :3, :3].copy())", **{name: value})
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith(f"ValueError: [{name}]")
        assert shown in last
        assert len(last) < 600


def test_ops_escape_what_the_rest_of_the_package_escapes() -> None:
    """The C++ side has its own list."""
    letters = [chr(code) for code in range(1, sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    for begin in range(0, len(letters), 60):  # 240 bytes at most: nothing is cut
        word = "".join(letters[begin : begin + 60])
        assert printable(word) in text_of(lambda word=word: direction(word))  # type: ignore[misc]
