"""Blocks that record nothing, shared by threads, entered again, and ended in any order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import pycnn as nn

MODES: dict[str, tuple[Callable[[], Any], bool]] = {
    "no_grad": (nn.no_grad, False),
    "inference_mode": (nn.inference_mode, False),
    "enable_grad": (nn.enable_grad, True),
    "set_grad_enabled": (lambda: nn.set_grad_enabled(False), False),
}


@pytest.mark.parametrize("name", MODES)
def test_threads_share_an_object(name: str) -> None:
    """Each is in its own block, and comes back to what it had."""
    make, inside = MODES[name]
    shared = make()
    with shared:
        assert nn.is_grad_enabled() == inside
    assert nn.is_grad_enabled()
    together = threading.Barrier(4, timeout=20)

    def work(number: int) -> None:
        before = number % 2 == 0
        with nn.enable_grad() if before else nn.no_grad():
            for _ in range(20):
                together.wait()
                with shared:
                    together.wait()
                    assert nn.is_grad_enabled() == inside
                assert nn.is_grad_enabled() == before
        assert nn.is_grad_enabled()

    with ThreadPoolExecutor(4) as pool:
        for result in [pool.submit(work, number) for number in range(4)]:
            result.result()
    assert nn.is_grad_enabled()


def test_a_mode_that_changes_nothing_is_that_of_each_thread() -> None:
    """Not that of the thread which made the object."""
    with nn.no_grad():
        shared = nn.inference_mode(False)

    def seen() -> bool:
        with shared:
            return nn.is_grad_enabled()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(seen).result()
    with nn.no_grad():
        assert not seen()


def test_an_object_is_entered_within_its_own_block() -> None:
    block = nn.no_grad()
    with block:
        with nn.enable_grad():
            with block:
                assert not nn.is_grad_enabled()
            assert nn.is_grad_enabled()
        assert not nn.is_grad_enabled()
    assert nn.is_grad_enabled()


def test_set_grad_enabled_takes_effect_at_once() -> None:
    try:
        with nn.set_grad_enabled(False) as _:
            assert not nn.is_grad_enabled()
        assert nn.is_grad_enabled()
        nn.set_grad_enabled(False)
        assert not nn.is_grad_enabled()
    finally:
        nn.set_grad_enabled(True)


def test_a_generator_ends_its_block_later() -> None:
    """In the order of Python, which need not be that of a stack."""

    def numbers() -> Generator[int, None, None]:
        with nn.no_grad():
            yield 1

    with nn.enable_grad():
        running = numbers()
        next(running)
        assert not nn.is_grad_enabled()
    running.close()
    assert nn.is_grad_enabled()


def test_a_block_ends_where_it_began() -> None:
    block = nn.no_grad()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(block.__enter__).result()
        with pytest.raises(RuntimeError, match="in the thread or the task that has begun it"):
            block.__exit__(None, None, None)
        pool.submit(block.__exit__, None, None, None).result()
