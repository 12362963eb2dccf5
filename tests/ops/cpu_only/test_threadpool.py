"""threadpoolctl and joblib limit the threads of pycnn, as they do those of other libraries."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.child import output, run

joblib = pytest.importorskip("joblib", reason="joblib is not installed")
pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")

ORDERS = ("import threadpoolctl, pycnn", "import pycnn, threadpoolctl")


@pytest.mark.parametrize("imports", ORDERS)
def test_threadpool_limits_hold_for_pycnn(imports: str) -> None:
    code = f"""
{imports}
pycnn.set_num_threads(3)
told = []
for limits in (1, {{"openmp": 2}}, {{"blas": 1}}):
    with threadpoolctl.threadpool_limits(limits):
        told.append(pycnn.get_num_threads())
print(*told, pycnn.get_num_threads())
"""
    assert output(code) == "1 2 3 3"


@pytest.mark.parametrize("imports", ORDERS)
def test_threadpool_info_lists_pycnn(imports: str) -> None:
    code = f"""
{imports}
pycnn.set_num_threads(3)
for library in threadpoolctl.threadpool_info():
    if library["internal_api"] == "pycnn":
        print(library["user_api"], library["num_threads"], library["version"] == pycnn.__version__)
"""
    assert output(code) == "openmp 3 True"


def test_a_limit_that_is_no_number_of_threads_is_brought_into_range() -> None:
    code = """
import pycnn, threadpoolctl
for limit in (0, -3, 10**6):
    with threadpoolctl.threadpool_limits({"openmp": limit}):
        print(pycnn.get_num_threads(), end=" ")
"""
    assert output(code) == "1 1 1024"


def test_a_setting_that_is_refused_does_not_end_who_asks_threadpoolctl() -> None:
    code = """
import pycnn, threadpoolctl
print(*(i["num_threads"] for i in threadpoolctl.threadpool_info() if i["internal_api"] == "pycnn"))
with threadpoolctl.threadpool_limits(2):
    print(pycnn.get_num_threads())
"""
    assert output(code, PYCNN_NUM_THREADS="abc") == "1\n2"


@pytest.mark.parametrize("imports", ORDERS)
def test_a_registration_that_fails_leaves_both_imports_alone(tmp_path: Path, imports: str) -> None:
    (tmp_path / "threadpoolctl.py").write_text(
        "class LibController: pass\ndef register(controller): raise RuntimeError('not today')\n"
    )
    code = f"""
sys.path.insert(0, {str(tmp_path)!r})
before = len(sys.meta_path)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    {imports}
assert len(sys.meta_path) == before
print([str(w.message) for w in caught if "pycnn" in str(w.message)])
"""
    assert output(code) == """["threadpoolctl does not see pycnn: RuntimeError('not today')"]"""


def test_pycnn_does_not_import_threadpoolctl_and_leaves_its_import_as_it_was() -> None:
    code = """
import importlib.util
import pycnn
assert "threadpoolctl" not in sys.modules
importlib.util.find_spec("threadpoolctl")  # looks, and imports nothing
before = len(sys.meta_path)
import threadpoolctl
assert len(sys.meta_path) == before - 1
assert type(threadpoolctl.__spec__.loader) is type(pycnn.__spec__.loader)
assert any(i["internal_api"] == "pycnn" for i in threadpoolctl.threadpool_info())
"""
    output(code)


def test_an_installation_without_threadpoolctl() -> None:
    code = """
import pycnn
sys.path[:] = []
import threadpoolctl
"""
    done = run(code)
    assert done.stderr.strip().endswith("ModuleNotFoundError: No module named 'threadpoolctl'")


def test_a_threadpoolctl_without_registration_is_left_alone() -> None:
    code = """
import types
sys.modules["threadpoolctl"] = types.ModuleType("threadpoolctl")
import pycnn
"""
    output(code)


def test_the_inner_limits_of_joblib_hold() -> None:
    """Loky's workers are told by OMP_NUM_THREADS."""
    code = """
import joblib, pycnn

def threads():
    import pycnn
    return pycnn.get_num_threads()

if __name__ == "__main__":
    pycnn.set_num_threads(7)
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        print(*joblib.Parallel(2)(joblib.delayed(threads)() for _ in range(4)))
"""
    assert output(code) == "1 1 1 1"
