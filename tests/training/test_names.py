"""Names of version 0.1 that go on working."""

from __future__ import annotations

import pycnn.report
import pycnn.training


def test_both_kinds_of_run_have_their_old_name() -> None:
    assert pycnn.training.Run is pycnn.training.TrainingRun
    assert pycnn.report.Run is pycnn.report.SavedRun
    assert {"Run", "TrainingRun"} <= set(pycnn.training.__all__)
    assert {"Run", "SavedRun"} <= set(pycnn.report.__all__)
