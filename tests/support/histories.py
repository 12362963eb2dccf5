"""Histories of trainings that never were."""

from __future__ import annotations

from pycnn.training import EpochRecord, History


def history(*accuracies: float | None) -> History:
    made = History()
    for epoch, accuracy in enumerate(accuracies, start=1):
        made.records.append(EpochRecord(epoch, 1 / epoch, accuracy, None, None, 0.1, 1.0, 10.0))
    return made
