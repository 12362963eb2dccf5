"""Which GPU each rank takes, on machines with GPUs that are not there."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import pytest

from pycnn.devices import DeviceError
from pycnn.distributed import cuda_device
from pycnn.distributed.cuda_device import VISIBLE, choose_device, launched_as


class Machine:
    """A machine with this many GPUs, on which CUDA has started or not."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        patch.setattr(cuda_device, "require_built", lambda device: device)
        self.has(4)

    def has(self, gpus: int | None, started: int | None = None) -> None:
        self.patch.setattr(cuda_device, "count_gpus", lambda: gpus)
        self.patch.setattr(cuda_device, "_count_of_driver", lambda: started)

    def chosen(self, setting: str | None, ranks: int) -> tuple[list[str | None], set[str]]:
        """Return the variable on each rank after the choice, and the messages."""
        values, said = [], set()
        for rank in range(ranks):
            if setting is None:
                self.patch.delenv(VISIBLE, raising=False)
            else:
                self.patch.setenv(VISIBLE, setting)
            said.add(choose_device(rank, ranks, "cuda"))
            values.append(os.environ.get(VISIBLE))
        return values, said


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv(VISIBLE, "")  # put back after the test, whatever it is
    return Machine(monkeypatch)


UUIDS = ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-1d5e", "MIG-74ab5a8d/3/0"]


@pytest.mark.parametrize(
    ("setting", "ranks", "expected", "said"),
    [
        (None, 1, ["0"], "1 rank on 4 GPUs: each has one of its own"),
        (None, 4, ["0", "1", "2", "3"], "4 ranks on 4 GPUs: each has one of its own"),
        (None, 6, ["0", "1", "2", "3", "0", "1"], "6 ranks on 4 GPUs: up to two ranks share one"),
        (None, 12, [*"0123"] * 3, "12 ranks on 4 GPUs: three ranks share one"),
        ("0,1", 2, ["0", "1"], "2 ranks on 2 GPUs: each has one of its own"),
        ("3,1", 4, ["3", "1", "3", "1"], "4 ranks on 2 GPUs: two ranks share one"),
        (" 2 , 0 ", 2, ["2", "0"], "2 ranks on 2 GPUs"),
        (",".join(UUIDS), 3, UUIDS, "3 ranks on 3 GPUs"),
        ("2", 4, ["2"] * 4, f"{VISIBLE} gives each process one GPU"),
        (UUIDS[0], 2, [UUIDS[0]] * 2, f"{VISIBLE} gives each process one GPU"),
        # As CUDA reads it: up to the first entry that is not a device.
        ("1,-1,2", 2, ["1", "1"], "2 ranks on 1 GPU: two ranks share one"),
        ("1,9,2", 2, ["1", "1"], "2 ranks on 1 GPU: two ranks share one"),
        ("3,2,,1", 3, ["3", "2", "3"], "3 ranks on 2 GPUs: up to two ranks share one"),
    ],
)
def test_each_rank_takes_one(
    machine: Machine, setting: str | None, ranks: int, expected: list[str], said: str
) -> None:
    values, sentences = machine.chosen(setting, ranks)
    assert values == expected
    assert len(sentences) == 1
    assert sentences.pop().startswith(said)


def test_a_second_choice_changes_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VISIBLE, "2,3")
    choose_device(1, 2, "cuda")
    choose_device(1, 2, "cuda")
    assert os.environ[VISIBLE] == "3"
    machine.has(4, started=1)
    assert choose_device(1, 2, "cuda") == f"{VISIBLE} gives each process one GPU"
    assert os.environ[VISIBLE] == "3"


@pytest.mark.parametrize("setting", ["", "-1", "-1,0", "NoDevFiles", "7", ",0"])
def test_a_variable_that_hides_all_is_an_error(machine: Machine, setting: str) -> None:
    text = rf"there is no GPU that this process may use \(the driver has 4\): {VISIBLE} is '"
    with pytest.raises(DeviceError, match=text):
        machine.chosen(setting, 2)


def test_a_machine_without_gpus_is_an_error(machine: Machine) -> None:
    machine.has(0)
    with pytest.raises(DeviceError, match=r"no GPU that .* may use \(the driver has 0\)$"):
        machine.chosen(None, 2)


def test_where_nobody_can_count_the_variable_does(machine: Machine) -> None:
    machine.has(None)
    with pytest.raises(DeviceError, match=f"cannot be counted: .*, set {VISIBLE}"):
        machine.chosen(None, 2)
    assert machine.chosen("0,5", 2)[0] == ["0", "5"]


def test_it_is_too_late_once_cuda_has_started(machine: Machine) -> None:
    machine.has(4, started=2)
    with pytest.raises(DeviceError, match=r"CUDA has started .* sees 2 GPUs: it is too late"):
        machine.chosen(None, 2)
    values, said = machine.chosen(None, 1)  # it works on the first one, as it should
    assert (values, said) == ([None], {""})


@pytest.mark.parametrize("device", ["cpu", "cuda_emulated"])
def test_other_devices_need_no_choice(machine: Machine, device: str) -> None:
    assert choose_device(0, 2, device) == ""
    assert os.environ[VISIBLE] == ""


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ((2, 2, "cuda"), ValueError, r"\[distributed\] local_rank must be at most 1, got 2"),
        ((-1, 2, "cuda"), ValueError, r"\[distributed\] local_rank must be at least 0"),
        ((0, 0, "cuda"), ValueError, r"\[distributed\] local_size must be at least 1"),
        ((0.0, 2, "cuda"), TypeError, r"\[distributed\] local_rank must be an int"),
        (
            (0, 2, "gpu"),
            ValueError,
            r"\[distributed\] device must be one of cpu, cuda, cuda_emulated",
        ),
    ],
)
def test_wrong_arguments_are_refused(arguments: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        choose_device(*arguments)


# Facts from the launcher --------------------------------------------------------------------


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for names in cuda_device._LAUNCHERS:
        for name in names:
            monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("names", cuda_device._LAUNCHERS)
def test_a_launcher_tells_the_place_on_the_machine(
    names: tuple[str, str], launcher: pytest.MonkeyPatch
) -> None:
    assert launched_as() is None
    launcher.setenv(names[0], "3")
    assert launched_as() is None
    launcher.setenv(names[1], "4")
    assert launched_as() == (3, 4)
    for rank, size in (("4", "4"), ("-1", "4"), ("", "4"), ("x", "4"), ("0", "0")):
        launcher.setenv(names[0], rank)
        launcher.setenv(names[1], size)
        assert launched_as() is None


# The libraries of the driver ----------------------------------------------------------------


class Driver:
    """Stands in for libcuda and NVML: functions that answer by their last argument."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **results: tuple[int, int]) -> None:
        self.calls: list[str] = []
        self.results = results
        monkeypatch.setattr(ctypes, "CDLL", lambda name: self)

    def __getattr__(self, name: str) -> Any:
        def function(*arguments: Any) -> int:
            self.calls.append(name)
            result, answer = self.results.get(name, (0, 0))
            if arguments and result == 0 and hasattr(arguments[0]._obj, "value"):
                arguments[0]._obj.value = answer
            return result

        return function


def test_nvml_counts_without_starting_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(monkeypatch, nvmlDeviceGetCount_v2=(0, 8))
    assert cuda_device.count_gpus() == 8
    assert driver.calls == ["nvmlInit_v2", "nvmlDeviceGetCount_v2", "nvmlShutdown"]
    Driver(monkeypatch, nvmlInit_v2=(9, 0))
    assert cuda_device.count_gpus() is None
    Driver(monkeypatch, nvmlDeviceGetCount_v2=(999, 0))
    assert cuda_device.count_gpus() is None


def test_the_driver_tells_whether_cuda_has_started(monkeypatch: pytest.MonkeyPatch) -> None:
    Driver(monkeypatch, cuDeviceGetCount=(3, 0))  # CUDA_ERROR_NOT_INITIALIZED
    assert cuda_device._count_of_driver() is None
    driver = Driver(monkeypatch, cuDeviceGetCount=(0, 2))
    assert cuda_device._count_of_driver() == 2
    assert driver.calls == ["cuDeviceGetCount"]  # not cuInit, which would start it
    Driver(monkeypatch, cuDeviceGetUuid=(3, 0))
    assert cuda_device.gpu_uuid() == bytes(16)


def test_without_a_driver_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert cuda_device.count_gpus() is None
    assert cuda_device._count_of_driver() is None
    assert cuda_device.gpu_uuid() == bytes(16)
