"""The throughput bench: its refusals before measuring, and the speedups that it reports."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

BENCH = Path(__file__).parents[2] / "bench"


def test_a_comparison_without_pytorch_stops_at_once(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('there is no torch here')")
    written = [str(tmp_path / name) for name in ("run.json", "run.png")]
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, BENCH / "throughput.py", "--compare", "torch", "--quick", "--only", "relu",
         "--json", written[0], "--picture", written[1]],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "throughput.py: cannot compare with PyTorch: ImportError: there is no torch here "
        "(--python torch=PATH names an interpreter that has it)\n"
    )
    assert not any(map(os.path.exists, written))


def test_the_better_format_is_the_one_with_the_smaller_ratio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    measure = importlib.import_module("measure")
    # The median of the times and the median of the ratios need not name the same format.
    faster, better = measure.Peer(0.1, 1.8, 0.0), measure.Peer(0.2, 1.6, 0.0)
    runtime = measure.Peer(0.1, 1.7, 0.0)
    peers = {"contiguous": better, "channels_last": faster, "openvino": runtime}
    result = measure.Result(case=None, error=0.0, peers=peers)
    assert result.better is better
    peers["onnxruntime"] = measure.Peer(0.3, 1.5, 0.0)
    assert result.better is better
    assert result.best == ("onnxruntime", peers["onnxruntime"])


def test_the_published_speedups_are_those_of_the_published_ratios() -> None:
    content = json.loads((BENCH / "results" / "amd-epyc.json").read_text())
    rows = [row for row in content["results"] if "torch" in row]
    assert rows
    for row in rows:
        ratios = {layout: peer["times_pycnn"] for layout, peer in row["torch"].items()}
        assert row["speedup_over_default"] == ratios["contiguous"], row["name"]
        assert row["speedup_over_better"] == min(ratios.values()), row["name"]


def test_the_documents_have_the_figures_of_the_published_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Mended by ``python bench/publish.py bench/results/amd-epyc.json``."""
    monkeypatch.syspath_prepend(BENCH)
    publish, chart = map(importlib.import_module, ("publish", "network_chart"))
    data = json.loads((BENCH / "results" / "amd-epyc.json").read_text())
    found = []
    for name in publish.PAGES:
        page = (publish.ROOT / name).read_text()
        assert page == publish.filled(page, data), name
        found += re.findall(r"<!-- figures: (\w+) -->", page)
    assert sorted(found) == sorted(publish.SECTIONS)
    with Image.open(publish.CHART) as picture:
        assert picture.info["Figures"] == chart.checksum(data)


def test_the_rows_that_have_a_goal_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    cases, goals = map(importlib.import_module, ("cases", "goals"))
    assert set(goals.GOALS) <= {case.name for case in cases.all_cases()}


@pytest.mark.parametrize(
    "name",
    [
        "local response norm 96 @55 N=16 forward",
        "local response norm 96 @55 N=16 backward",
        "batch norm 64 @56 N=16 forward",
        "batch norm 64 @56 N=16 backward",
        "dropout 0.5 128x4096 forward",
        "dropout 0.5 128x4096 backward",
        "SGD step 4096x4096",
        "Adam step 4096x4096",
    ],
)
def test_a_right_result_passes_and_a_wrong_number_does_not(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    cases, library, oracle = map(importlib.import_module, ("cases", "with_pycnn", "oracle"))
    (case,) = (case for case in cases.all_cases() if case.name == name)
    case = _small(case)
    outputs = [np.array(array) for array in library.bind(case, "contiguous").outputs()]
    assert oracle.check(case, outputs) <= 1
    for i, array in enumerate(outputs):
        wrong = array.copy()
        wrong.flat[np.flatnonzero(wrong)[0]] *= 1.001 if array.dtype.kind == "f" else 2
        assert oracle.check(case, [*outputs[:i], wrong, *outputs[i + 1 :]]) > 1


def test_a_captured_step_is_checked_itself(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    modules = ("cases", "with_pycnn", "running", "oracle")
    cases, library, running, oracle = map(importlib.import_module, modules)
    case = next(case for case in cases.all_cases() if case.captured)
    captured = []
    run = running.CapturedStep.__call__

    def spied(step: Any, x: Any, y: Any) -> float:
        loss: float = run(step, x, y)
        captured.append(step._captured is not None)
        return loss

    monkeypatch.setattr(running.CapturedStep, "__call__", spied)
    bound = library.bind(case, f"{device}+graph")
    outputs = bound.outputs()
    assert captured[-1]
    assert oracle.check(case, outputs) <= 1
    outputs[-2] = case.arrays()["11.weight"]  # no update
    assert oracle.check(case, outputs) > 1
    bound.run()


def test_graphs_have_figures_of_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    cases = importlib.import_module("cases")
    captured = [case for case in cases.all_cases() if case.captured]
    assert {case.op for case in captured} == {"train"}
    trained = {case.options["network"] for case in cases.network_cases() if case.op == "train"}
    assert {case.options["network"] for case in captured} == trained - {"textcnn"}


def _small(case: Any) -> Any:
    shapes = {name: tuple(min(size, 16) for size in shape) for name, shape in case.shapes.items()}
    return dataclasses.replace(case, shapes=shapes)


def test_dropout_must_drop_the_gradient_where_it_dropped_the_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCH)
    cases, library, oracle = map(importlib.import_module, ("cases", "with_pycnn", "oracle"))
    (case,) = (_small(case) for case in cases.all_cases() if case.op == "dropout_backward")
    (dx,) = library.bind(case, "contiguous").outputs()
    dy = case.arrays()["dy"]
    assert oracle.check(case, [dx]) <= 1
    assert oracle.check(case, [np.where(dx == 0, 2 * dy, 0)]) > 1
    # Nor may it keep everything.
    assert oracle.check(case, [2 * dy]) > 1


def test_random_results_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)
    cases, measure = map(importlib.import_module, ("cases", "measure"))
    for case in cases.all_cases():
        assert case.random == case.op.startswith("dropout")
        peers = {"contiguous": measure.Peer(0.1, 1.0, None if case.random else 1.0)}
        assert measure.Result(case, error=0.5, peers=peers).right == case.random


def test_a_training_step_makes_no_page_faults_once_it_is_warm() -> None:
    """Memory freed in a step is handed out again in the next one."""
    command = [sys.executable, str(BENCH / "layers.py"), "lenet5", "--batch", "16"]
    done = subprocess.run(
        [*command, "--seconds", "0.1"], capture_output=True, text=True, check=True, timeout=120
    )
    found = re.search(r"page faults of a whole step: ([0-9.]+);", done.stdout)
    assert found is not None
    assert float(found[1]) < 1
    assert "0 Conv2d" in done.stdout
