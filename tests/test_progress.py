"""Bars and lines that show how training goes, on a terminal and away from it."""

from __future__ import annotations

import os
import re
import shutil
import sys

import numpy as np
import pytest
from command_line import Capture
from toy import blobs, pairs, small_net

from pycnn import models
from pycnn.data import ArrayDataset
from pycnn.training import fit, self_organize


def test_fit_is_silent_away_from_a_terminal(capfd: Capture) -> None:
    fit(small_net(), blobs(64), blobs(32), epochs=2)
    assert capfd.readouterr() == ("", "")


def test_fit_shows_a_bar_on_a_terminal(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    history = fit(small_net(), blobs(64), blobs(32), epochs=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"epoch 1/2:   0%\|", err)
    shown = r"epoch 1/2, loss \d\.\d{4}, accuracy \d+\.\d\d%: 100%\|.+\| 00:00<00:00, .* samples/s"
    assert re.search(shown, err)
    last = err.replace("\r", "\n").strip().splitlines()[-1]
    assert last == f"epoch 2/2: {history.records[1]}"
    assert len(last) > 80
    fit(small_net(), blobs(64), progress=False)
    assert capsys.readouterr() == ("", "")
    fit(small_net(), iter(pairs()))  # of unknown length
    assert ": 32.0 samples [" in capsys.readouterr().err


def test_the_bars_of_the_layers_show_on_a_terminal_that_does_not_know_its_width(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(shutil.os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    monkeypatch.delenv("COLUMNS", raising=False)
    model = models.neocognitron(2, size=16, planes=(2, 2, 2), rng=0)
    ones = ArrayDataset(np.ones((3, 1, 16, 16), np.float32), np.zeros(3, np.int64))
    self_organize(model, ones, 2)
    err = capsys.readouterr().err
    assert "S-layer 1/3:   0%|" in err
    assert re.search(r"S-layer 3/3: 2 samples, \d+\.\d s\n$", err)
