"""Hostile cases, made from their number and tried in a separate process.

A module of cases has a function ``case(number)``: it makes the case of that number, tries it, and
gives None, or words for what should not have happened. To see one again::

    PYTHONPATH=tests python -c "from trust import hostile_ops; print(hostile_ops.case(123))"
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import random
import re
import resource
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Limits of a case: memory beyond that of the process at its start, and seconds.
MOST_MEMORY = 1 << 30
MOST_SECONDS = 60

# Cases of one process; a crash or a hang ends the others of it.
BATCH = 5000

# Numbers at the edges of what int32, int64 and float hold, and what only looks like a number.
INTS: Sequence[Any] = (
    *(-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 5, 7, 100, 2**16, 2**31 - 1, 2**31, 2**32, 2**53),
    *(2**62, 2**63 - 1, 2**63, 2**64, 10**30, True, 1.0, 2.5, float("nan"), float("inf"), 1e300),
    *("2", b"2", "", None, (), [], {}, object(), 1j, np.int64(2), np.int8(-1), np.float32(2)),
    *(np.uint64(2**64 - 1), np.array(2), np.array([2, 2]), np.array([2, 2], object)),
    np.bool_(True),
)  # fmt: skip
FLOATS: Sequence[Any] = (
    *(0.0, -0.0, 0.5, 1.0, -1.0, 1e-45, 1e-300, 1e38, 1e39, 1e300, 2.0**64, 10**400),
    *(float("nan"), float("inf"), -float("inf"), 1, True, "1", None, (1.0,), 1j, np.float64(0.5)),
    *(np.float16(2), np.array(0.5), np.array([0.5]), object(), np.longdouble(1)),
)
DTYPES = (
    *("f8", "f2", ">f4", "i8", "i4", "u1", "?", "c8", "O", "S3", "U2", "M8[s]", "g", "V4", ">i8"),
    "f4,i4",
)


class _Array(np.ndarray):
    """A subclass, as libraries around NumPy have them."""


def survive(module: str, count: int, folder: Path) -> None:
    """Try the cases 0 to `count` - 1 of a module."""
    for first in range(0, count, BATCH):
        _batch(module, first, min(count, first + BATCH), folder)


def _batch(module: str, first: int, end: int, folder: Path) -> None:
    # The package first: the tests may run from its source folder.
    paths = [*(path for path in sys.path if path), str(Path(__file__).parents[1])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYCNN_NUM_THREADS": "2"}
    code = f"from trust import hostile; hostile.serve({module!r}, {first}, {end})"
    child = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True
    )
    last = (folder / "last").read_text() if (folder / "last").exists() else "before the first"
    assert child.returncode == 0, f"case {last} of {module} ended the process:\n{child.stderr}"
    assert child.stdout == f"{end - first} cases\n", child.stdout


def serve(module: str, first: int, end: int) -> None:
    """Try cases in this process, and print what should not have happened."""
    warnings.simplefilter("ignore")
    case: Callable[[int], str | None] = importlib.import_module(f"trust.{module}").case
    case(first)  # loads what is loaded late, and starts threads
    limit = _address_space() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    seen: set[str] = set()
    with open("last", "w") as last:
        for number in range(first, end):
            last.seek(0)
            print(number, file=last, flush=True)
            faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
            problem = case(number)
            # One line for each kind of problem, whatever its numbers.
            if problem is not None and (kind := re.sub(r"\d+", "0", problem)[:150]) not in seen:
                seen.add(kind)
                print(f"case {number}: {problem}")
    faulthandler.cancel_dump_traceback_later()
    print(f"{end - first} cases")


def _address_space() -> int:
    """Return the bytes of address space of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def outcome(call: Callable[[], object], names: Sequence[str], *, memory: bool = True) -> str | None:
    """Call something; return None if that works, or if its error mentions one of some names.

    `memory` tells whether it may ask for more memory than there is.
    """
    try:
        call()
    except MemoryError:
        return None if memory else "MemoryError"
    except (TypeError, ValueError, OSError) as error:
        text = str(error)
        if not any(name in text for name in names):
            return f"{type(error).__name__} without {names[0]}: {text[:300]!r}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:300]!r}"
    return None


def hostile_array(rng: random.Random, array: np.ndarray) -> Any:
    """Return another array in place of a good one, or something that is not an array."""
    return rng.choice(_ARRAYS)(rng, array)


def _other_shape(rng: random.Random, a: np.ndarray) -> np.ndarray:
    shape = list(a.shape) or [1]
    axis = rng.randrange(len(shape))
    change = rng.randrange(5)
    if change == 0:
        shape[axis] = 0
    elif change == 1:
        shape[axis] += rng.choice((-1, 1, 2))
    elif change == 2:
        del shape[axis]
    elif change == 3:
        shape.insert(axis, rng.choice((0, 1, 2)))
    else:
        rng.shuffle(shape)
    return np.ones([max(size, 0) for size in shape], a.dtype)


def _strided(rng: random.Random, a: np.ndarray) -> np.ndarray:
    wide = np.repeat(a[..., None], 2, axis=-1)
    return rng.choice(
        (wide[..., 0], np.asfortranarray(a), a[::-1], a.T, a[..., ::2], np.broadcast_to(a, a.shape))
    )


def _huge(rng: random.Random, a: np.ndarray) -> np.ndarray:
    """Return an array that claims very many elements, and has one."""
    shape = list(a.shape) or [1]
    shape[rng.randrange(len(shape))] = rng.choice((2**20, 2**31, 2**40))
    try:
        return np.broadcast_to(a.dtype.type(0), shape)
    except ValueError:  # larger than NumPy has them
        return a


def _far(rng: random.Random, a: np.ndarray) -> np.ndarray:
    """Return one row with an arbitrary stride to the next: NumPy calls that contiguous."""
    part = a[:1] if a.ndim else a[None]
    steps = (rng.choice((0, 2**40, -(2**40))), *part.strides[1:])
    return np.lib.stride_tricks.as_strided(part, part.shape, steps)


def _numbers(rng: random.Random, a: np.ndarray) -> np.ndarray:
    if a.dtype.kind == "f":
        return np.full(a.shape, rng.choice((np.nan, np.inf, -np.inf, 1e38, 1e-45, -0.0)), a.dtype)
    ends = np.iinfo(a.dtype) if a.dtype.kind in "iu" else np.iinfo(np.uint8)
    return np.full(a.shape, rng.choice((ends.min, ends.max, ends.max // 2, 100)), a.dtype)


def _misaligned(_: random.Random, a: np.ndarray) -> np.ndarray:
    memory = bytearray(a.nbytes + 1)
    return np.frombuffer(memory, a.dtype, a.size, 1).reshape(a.shape)


def _read_only(_: random.Random, a: np.ndarray) -> np.ndarray:
    copy: np.ndarray = a.copy()
    copy.flags.writeable = False
    return copy


def _converted(rng: random.Random, a: np.ndarray) -> np.ndarray:
    return np.zeros(a.shape, rng.choice(DTYPES))


_ARRAYS: Sequence[Callable[[random.Random, np.ndarray], Any]] = (
    *(_other_shape, _strided, _huge, _far, _numbers, _misaligned, _read_only, _converted),
    lambda rng, a: a.view(_Array),
    lambda rng, a: np.ma.masked_array(a),
    lambda rng, a: a.tolist(),
    lambda rng, a: rng.choice(INTS),
    lambda rng, a: memoryview(a),
)


def hostile_value(rng: random.Random, value: Any) -> Any:
    """Return another argument in place of a good one that is not an array."""
    if isinstance(value, float):
        return rng.choice(FLOATS)
    if isinstance(value, tuple) and rng.random() < 0.5:
        mixed = list(value)
        mixed[rng.randrange(len(mixed))] = rng.choice(INTS)
        return tuple(mixed)
    if rng.random() < 0.3:
        many = [rng.choice(INTS) for _ in range(rng.choice((1, 2, 2, 3, 4, 5)))]
        return rng.choice((tuple, list))(many)
    return rng.choice(INTS)
