"""Which kernels run, on how many threads, and in a forked child: settings and environment."""

from __future__ import annotations

import os

import numpy as np
import pytest
from support.child import output
from support.child import run as python

import pycnn
from pycnn import _core, ops

PER_MACHINE = {"baseline", "avx2", "avx512", "neon"}


# --- instruction sets ---------------------------------------------------------------------------


def test_available_names() -> None:
    names = _core.isa_available()
    assert isinstance(names, tuple)
    assert names
    assert set(names) <= PER_MACHINE
    assert len(set(names)) == len(names)
    assert _core.isa() in names


def test_the_chosen_kernels_are_the_ones_that_run(backend: str) -> None:
    """kernel_isa is compiled with the kernels themselves, so it cannot repeat a wrong choice."""
    assert _core.isa() == backend
    assert _core.kernel_isa() == backend


def test_the_arithmetic_is_that_of_the_instruction_set(backend: str) -> None:
    """Baseline x86-64 rounds a product before it is added; all others have FMA, which does not.

    a^2 = 1 + 2^-11 + 2^-24 rounds to 1 + 2^-11. So 1 * -(1 + 2^-11) + a * a is 0 or 2^-24. The
    second product stands 48 places on, in the same lane of a sum that runs along registers.
    """
    a, rounded = 1 + 2.0**-12, 1 + 2.0**-11
    x, w = np.zeros((1, 64, 1, 1), np.float32), np.zeros((1, 64, 1, 1), np.float32)
    x[0, [0, 48], 0, 0] = 1, a
    w[0, [0, 48], 0, 0] = -rounded, a
    expected = 0.0 if backend == "baseline" else 2.0**-24
    assert ops.linear(x.reshape(1, 64), w.reshape(1, 64)).item() == expected
    assert ops.conv2d(x, w).item() == expected


def test_without_a_wish_the_last_and_best_is_chosen() -> None:
    chosen = output("from pycnn import _core; print(_core.isa(), _core.kernel_isa())")
    assert chosen.split() == [_core.isa_available()[-1]] * 2


@pytest.mark.parametrize("name", _core.isa_available())
def test_environment_chooses(name: str) -> None:
    code = "from pycnn import _core; print(_core.isa(), _core.kernel_isa())"
    assert output(code, PYCNN_ISA=name).split() == [name, name]


@pytest.mark.parametrize("name", ["sse9", "AVX2 ", "baseline,avx2"])
def test_an_unknown_name_in_the_environment_is_one_clear_error(name: str) -> None:
    done = python("import pycnn; pycnn.show_config()", PYCNN_ISA=name)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert "PYCNN_ISA" in last
    assert name in last
    for known in _core.isa_available():
        assert known in last


def test_an_unsupported_name_lists_what_exists() -> None:
    before = _core.isa()
    for name in ["nonsense", "", *(PER_MACHINE - set(_core.isa_available()))]:
        with pytest.raises(ValueError, match=", ".join(_core.isa_available())):
            _core.set_isa(name)
    assert _core.isa() == before


def test_instruction_sets_differ_only_in_rounding(backend: str) -> None:
    """Integer data: every instruction set gives the same numbers."""
    x = np.arange(2 * 3 * 9 * 9, dtype=np.float32).reshape(2, 3, 9, 9) % 7
    w = np.arange(5 * 3 * 3 * 3, dtype=np.float32).reshape(5, 3, 3, 3) % 5
    chosen = ops.conv2d(x, w, padding=1)
    _core.set_isa(_core.isa_available()[0])
    try:
        np.testing.assert_array_equal(ops.conv2d(x, w, padding=1), chosen)
    finally:
        _core.set_isa(backend)


def test_show_config_names_the_facts() -> None:
    config = pycnn.show_config()
    text = str(config)
    facts = str(dict(config))
    for fact in (pycnn.__version__, _core.isa(), *_core.isa_available()):
        assert fact in text
        assert fact in facts
    assert "threads" in text


# --- threads ------------------------------------------------------------------------------------

COUNT = "import pycnn; print(pycnn.get_num_threads())"


def test_environment_precedence() -> None:
    assert output(COUNT, PYCNN_NUM_THREADS="3", OMP_NUM_THREADS="1") == "3"
    assert output(COUNT, OMP_NUM_THREADS="1") == "1"
    assert output(COUNT, OMP_THREAD_LIMIT="1") == "1"
    assert output(COUNT, OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="2") == "1"
    assert output(COUNT, OMP_THREAD_LIMIT="5", OMP_NUM_THREADS="1") == "1"
    # A list sets the number of threads of each nesting level; the first one counts.
    assert output(COUNT, OMP_NUM_THREADS="1,2") == "1"
    code = "import pycnn; pycnn.set_num_threads(4); print(pycnn.get_num_threads())"
    assert output(code, PYCNN_NUM_THREADS="3", OMP_NUM_THREADS="1") == "4"


@pytest.fixture(scope="module")
def count_without_settings() -> str:
    return output(COUNT)


@pytest.mark.parametrize("value", ["", "0", "-3", "many", "1000000000000000000000"])
def test_what_openmp_does_not_take_for_a_number_of_threads_is_no_limit(
    value: str, count_without_settings: str
) -> None:
    count = output(COUNT, OMP_NUM_THREADS=value, OMP_THREAD_LIMIT=value)
    assert count == count_without_settings


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no CPU affinity")
def test_automatic_counts_obey_the_affinity_mask_and_explicit_ones_stay() -> None:
    bound = f"os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}}); {COUNT}"
    assert output(bound) == "1"
    assert output(bound, OMP_NUM_THREADS="8") == "1"
    assert output(bound, PYCNN_NUM_THREADS="8") == "8"
    assert output(f"{bound}; pycnn.set_num_threads(8); {COUNT}") == "1\n8"
    for settings in ({}, {"OMP_NUM_THREADS": "1024"}):
        assert int(output(COUNT, **settings)) <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize("value", ["0", "-2", "two", "1.5", "99999999999999999999", " "])
def test_a_wrong_number_in_the_environment_is_one_clear_error(value: str) -> None:
    done = python(COUNT, PYCNN_NUM_THREADS=value)
    assert done.returncode == 1
    assert "PYCNN_NUM_THREADS" in done.stderr.strip().splitlines()[-1]


def test_set_num_threads_is_obeyed(restore_threads: None) -> None:
    for count in (1, 2, 7):
        pycnn.set_num_threads(count)
        assert pycnn.get_num_threads() == count


@pytest.mark.parametrize(
    ("count", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1_000_000, ValueError),
        (2**40, ValueError),
        (1.5, TypeError),
        ("2", TypeError),
    ],
)
def test_set_num_threads_refuses(count: object, error: type[Exception]) -> None:
    before = pycnn.get_num_threads()
    with pytest.raises(error, match="threads"):
        pycnn.set_num_threads(count)  # type: ignore[arg-type]
    assert pycnn.get_num_threads() == before


# --- fork ---------------------------------------------------------------------------------------

FORK = """
import numpy as np
import pycnn
from pycnn import ops

pycnn.set_num_threads(2)
rng = np.random.default_rng(0)
x = rng.standard_normal((16, 32, 28, 28), np.float32)
w = rng.standard_normal((64, 32, 3, 3), np.float32)
before = ops.conv2d(x, w, padding=1).tobytes()

def work():
    assert ops.conv2d(x, w, padding=1).tobytes() == before
    pycnn.set_num_threads(3)
    assert ops.conv2d(x, w, padding=1).tobytes() == before
ended_well(in_fork(work))
assert ops.conv2d(x, w, padding=1).tobytes() == before
print("same bits")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_child_works_and_has_the_same_bits() -> None:
    assert output(FORK) == "same bits"


def test_several_python_threads_may_call_at_once() -> None:
    """The interpreter lock is released inside ops: calls must not share scratch memory."""
    code = """
import numpy as np
import pycnn
from pycnn import ops

rng = np.random.default_rng(0)
inputs = [rng.standard_normal((4, 8, 20, 20), np.float32) for _ in range(4)]
w = rng.standard_normal((24, 8, 3, 3), np.float32)
expected = [ops.conv2d(x, w).tobytes() for x in inputs]
wrong = []

def work(i):
    for _ in range(40):
        if ops.conv2d(inputs[i], w).tobytes() != expected[i]:
            wrong.append(i)

threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(wrong)
"""
    assert output(code, PYCNN_NUM_THREADS="2") == "[]"
