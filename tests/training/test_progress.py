"""Bars and lines that show how training goes, on a terminal and away from it."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import Capture
from support.small_training import blobs, pairs, small_net
from support.terminal import Terminal

from pycnn import models
from pycnn.cli import main
from pycnn.data import ArrayDataset
from pycnn.optim import Adam
from pycnn.recipes import neocognitron
from pycnn.training import Callback, fit, self_organize


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
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((0, 0)))
    monkeypatch.delenv("COLUMNS", raising=False)
    model = models.neocognitron(2, size=16, planes=(2, 2, 2), rng=0)
    ones = ArrayDataset(np.ones((3, 1, 16, 16), np.float32), np.zeros(3, np.int64))
    self_organize(model, ones, 2)
    err = capsys.readouterr().err
    assert "S-layer 1/3:   0%|" in err
    assert re.search(r"S-layer 3/3: 2 samples, \d+\.\d s\n$", err)


def test_the_lines_of_a_log_never_pause_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The neocognitron was silent for its longest part, the answers to all training images."""
    monkeypatch.setattr("pycnn.training.stretch.SECONDS_BETWEEN_LINES", 0.0)
    lines: list[str] = []

    class Note(Callback):
        def on_layer(self, text: str) -> None:
            lines.append(text)

    rng = np.random.default_rng(0)
    data = ArrayDataset(rng.random((600, 1, 16, 16), np.float32), rng.integers(0, 2, 600))
    model = models.neocognitron(2, size=16, planes=(2, 2, 2), rng=0)
    neocognitron.train_neocognitron(
        model, data, data[:20], epochs=1, batch_size=64, presentations=300, callbacks=[Note()]
    )
    learned = [(f"S-layer {layer}/3", "300") for layer in (1, 2, 3)]
    whole = [line.split(" samples, ")[0].split(": ") for line in lines if " of " not in line]
    assert [tuple(parts) for parts in whole] == [
        *learned, ("answers to the training data", "600"), ("answers to the test data", "20")
    ]  # fmt: skip
    assert "S-layer 2/3: 250 of 300 samples" in lines
    assert "answers to the training data: 512 of 600 samples" in lines


def test_what_is_measured_after_each_epoch_has_one_name(
    data: str, own_folder: None, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For `pycnn train` these are test data, on a terminal, in a log, in the curve."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    command = ["train", "lenet5", "--data", data, "--epochs", "1"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert re.search(r"epoch 1/1: loss .*, test loss .*, test accuracy \d", err)
    monkeypatch.undo()
    monkeypatch.chdir(data)
    assert main(command) == 0
    out += capsys.readouterr().out
    assert re.search(r"epoch 1/1: loss .*, test loss .*, test accuracy \d", out)
    assert "validation" not in out + err


def test_a_warning_gets_a_line_of_its_own_beside_the_bar(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("pycnn._progress.SECONDS_BETWEEN_UPDATES", 0.0)
    monkeypatch.setattr("pycnn.training.trainer.warn", lambda text: print(text, file=sys.stderr))
    batches = pairs(320, 32)
    batches[5][0][0, 0, 0, 0] = np.nan
    fit(small_net(), batches)
    before = capsys.readouterr().err.partition("[fit] the loss of batch 6")[0]
    assert before.endswith("\r")  # on an empty line


@pytest.mark.parametrize(
    ("epochs", "words"),
    [(3, "goes on at epoch 2, step 9"), (1, "all epochs had finished already")],
)
def test_fit_says_on_a_terminal_where_it_goes_on(
    epochs: int, words: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(**options: Any) -> str:
        model = small_net()
        fit(
            model, blobs(64), batch_size=8, optimizer=Adam(model.parameters()),
            checkpoint=tmp_path / "checkpoint", **options,
        )  # fmt: skip
        return capsys.readouterr().err

    assert "resumed" not in trained()
    monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
    assert f"resumed: {words}\n" in trained(epochs=epochs, resume=True)
    assert trained(epochs=epochs, resume=True, progress=False) == ""
    assert "resumed" not in trained(epochs=epochs)


class Mute:
    """A stream that cannot tell whether it is a terminal."""

    def write(self, text: str) -> int:
        return len(text)


@pytest.mark.parametrize("stream", [None, Mute(), io.StringIO()])
def test_away_from_a_terminal_each_epoch_is_a_line_of_the_log(
    stream: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    caplog.set_level(logging.INFO, logger="pycnn")
    history = fit(small_net(), blobs(64), blobs(32), epochs=2)
    lines = [f"epoch {n}/2: {record}" for n, record in enumerate(history, start=1)]
    assert [(r.name, r.levelname, r.getMessage()) for r in caplog.records] == [
        ("pycnn", "INFO", line) for line in lines
    ]
    caplog.clear()
    fit(small_net(), blobs(64), progress=False)
    assert caplog.records == []
    fit(small_net(), blobs(64), progress=True)
    assert len(caplog.records) == (stream is None)  # else there is a bar
    if isinstance(stream, io.StringIO):
        assert "epoch 1/1:   0%|" in stream.getvalue()


def test_a_log_hears_of_layers_and_of_a_resumed_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="pycnn")
    monkeypatch.setattr("pycnn.training.stretch.SECONDS_BETWEEN_LINES", 0.0)
    ones = ArrayDataset(np.ones((3, 1, 16, 16), np.float32), np.zeros(3, np.int64))
    self_organize(models.neocognitron(2, size=16, planes=(2, 2, 2), rng=0), ones, 2)
    assert re.match(r"S-layer 1/3: 2 of 2 samples$", caplog.messages[0])
    assert re.match(r"S-layer 3/3: 2 samples, \d+\.\d s$", caplog.messages[-1])
    for _ in range(2):
        fit(small_net(), blobs(64), checkpoint=tmp_path / "checkpoint", resume=True)
    assert caplog.messages[-1] == "resumed: all epochs had finished already"


def test_a_log_that_fails_ends_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fails(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left")

    logger = logging.getLogger("pycnn")
    monkeypatch.setattr(logger, "handlers", [Fails()])
    monkeypatch.setattr(logger, "level", logging.INFO)
    logger.manager._clear_cache()  # type: ignore[attr-defined]
    assert len(fit(small_net(), blobs(64))) == 1
    monkeypatch.undo()
    logger.manager._clear_cache()  # type: ignore[attr-defined]
