"""The bench's networks: those of pycnn, checked in float64. And its counts of work."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

import pycnn

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture(autouse=True)
def modules_of_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCH)


@pytest.mark.parametrize("name", ["lenet5", "small_cifar", "resnet18", "vgg11_bn", "mobilenet_v2"])
def test_a_sketch_is_the_network_of_pycnn(name: str) -> None:
    """Of the other two, `build` finds a difference when they are measured."""
    networks, ours = map(importlib.import_module, ("networks", "pycnn_networks"))
    network = networks.NETWORKS[name]
    model = ours.build(network, _arrays(network))
    state = {k: v.shape for k, v in model.state_dict().items() if not k.endswith("_tracked")}
    assert state == network.state
    assert [n for n, _ in model.named_parameters()] == [n for n in state if n in network.trained]


def _arrays(network: object) -> dict[str, object]:
    cases = importlib.import_module("cases")
    arrays: dict[str, object] = cases.network_case(network, 1, train=False).arrays()
    return arrays


@pytest.mark.parametrize(
    ("network", "train", "frozen"),
    [
        ("SMALL_CIFAR", True, False),
        ("SMALL_CIFAR", False, False),
        ("LENET", True, True),
    ],
)
def test_a_right_network_passes_and_a_wrong_one_does_not(
    network: str, train: bool, frozen: bool
) -> None:
    names = ("networks", "cases", "with_pycnn", "oracle")
    networks, cases, library, oracle = map(importlib.import_module, names)
    case = cases.network_case(getattr(networks, network), 2, train=train, frozen=frozen)
    outputs = library.bind(case, "contiguous").outputs()
    assert oracle.check(case, outputs) <= 1
    for i in {0, len(outputs) // 2, len(outputs) - 1}:
        wrong = [*outputs[:i], 1.1 * outputs[i], *outputs[i + 1 :]]
        assert oracle.check(case, wrong) > 1
    assert oracle.check(case, outputs[:-1]) > 1


def test_inference_runs_in_a_session_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    running = importlib.import_module("running")
    model, x = pycnn.Sequential(pycnn.Flatten(), pycnn.Linear(12, 2)), np.ones((5, 3, 2, 2), "f")

    class Session:
        def __init__(self, model: pycnn.Module, input_shape: tuple[int, ...], max_batch: int):
            assert (input_shape, max_batch) == ((3, 2, 2), 5)
            self.run = model.forward

    def refuse(*_: object, **__: object) -> None:
        raise ValueError("[InferenceSession] no such layer")

    for session, how in ((Session, "session"), (refuse, "eager: [InferenceSession] no such layer")):
        monkeypatch.setattr(pycnn, "InferenceSession", session, raising=False)
        call, found = running.inference(model, x)
        assert found == how
        np.testing.assert_array_equal(call(), model.eval()(x))


DUMP = """desc: Trigger: Client Request: a step
events: Ir
ob=(1) /lib/libc.so.6
fn=(1) memcpy
0 1000
ob=(2) /somewhere/pycnn/_core.cpython-311-x86_64-linux-gnu.so
fn=(2) conv
0 20
cob=(1)
cfn=(1)
calls=7 0
0 500
+3 4
ob=(1)
fn=(3)
0 1
ob=(2)
fn=(2)
* 100
"""


def test_only_instructions_of_the_module_itself_count() -> None:
    work = importlib.import_module("work")
    assert work.instructions(DUMP, "/_core.") == 124


def test_work_is_compared_with_what_is_recorded() -> None:
    work = importlib.import_module("work")
    recorded = {"step": {"instructions": 1000, "compiled_calls": 10, "python_calls": 0}}
    same = {"step": {"instructions": 1029, "compiled_calls": 10, "python_calls": 0}}
    assert work.compare(same, recorded) == ([], [])
    changed = {"step": {"instructions": 969, "compiled_calls": 11, "python_calls": 1}}
    worse, better = work.compare(changed, recorded)
    assert [line.split(", ")[0] for line in worse] == [
        "step: 11 compiled calls",
        "step: 1 python calls",
    ]
    assert better == ["step: 969 instructions, recorded 1,000 (-3.1%)"]
    assert work.compare({"new": same["step"]}, recorded)[0]


def test_a_chart_has_bars_of_all_libraries(tmp_path: Path) -> None:
    measure, picture, cases = map(importlib.import_module, ("measure", "picture", "cases"))
    names = ("contiguous", "channels_last", *measure.RUNTIMES)
    peers = {name: measure.Peer(0.2, 2.0, 0.0) for name in names}
    case = next(case for case in cases.network_cases() if case.op == "infer")
    result = measure.Result(case, 0.0, seconds=0.1, peers=peers)
    picture.draw(str(tmp_path / "chart.svg"), [result], "a run", {})
    assert all(f"<!-- {label} -->" in (tmp_path / "chart.svg").read_text()
               for label, _ in picture._SERIES.values())  # fmt: skip
