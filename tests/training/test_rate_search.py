"""The search for a learning rate."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.small_training import blobs, empty, pairs, same_bits, small_net, snapshot

from pycnn.loader import DataLoader
from pycnn.optim import SGD
from pycnn.plot import learning_rates
from pycnn.training import RateSearch, lr_find


def test_it_suggests_a_rate_and_leaves_the_model_alone(tmp_path: Path) -> None:
    model = small_net(dropout=0.5)
    optimizer = SGD(model.parameters(), 0.1, momentum=0.9)
    before, state = snapshot(model), copy.deepcopy(optimizer.state_dict())
    found = lr_find(model, blobs(200), batch_size=32, optimizer=optimizer, highest=1e4)
    assert same_bits(before, snapshot(model))
    np.testing.assert_equal(optimizer.state_dict(), state)
    assert all(p.grad is None for p in model.parameters())
    assert found.suggestion is not None
    assert 1e-4 < found.suggestion < 10
    assert len(found.rates) == len(found.losses) == len(found.smoothed) < 100  # it ends early
    ratios = np.array(found.rates[1:]) / found.rates[:-1]
    np.testing.assert_allclose(ratios, 1e10 ** (1 / 99), rtol=1e-9)
    again = lr_find(model, blobs(200), batch_size=32, optimizer=optimizer, highest=1e4)
    assert again.losses == found.losses
    panel = learning_rates(found, tmp_path / "rates.png").axes[0]
    assert panel.get_xscale() == "log"
    assert (tmp_path / "rates.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="nothing to draw"):
        learning_rates(RateSearch([], [], [], None))


def test_it_takes_batches_and_all_steps() -> None:
    loader = DataLoader(blobs(64), 16, seed=0)
    for data in (pairs(64, 16), loader):
        found = lr_find(small_net(), data, steps=7, lowest=1e-7, highest=1e-6)
        assert found.rates[0] == 1e-7
        assert found.rates[-1] == pytest.approx(1e-6)
        assert len(found.rates) == 7
    assert loader.epoch == 0


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"lowest": 1.0, "highest": 1.0}, ValueError, "lowest must be less than highest"),
        ({"lowest": 0}, ValueError, "lowest must be above 0"),
        ({"steps": 1}, ValueError, "steps must be at least 2"),
        ({"train": iter(pairs())}, ValueError, "must be a Dataset or have a length"),
        ({"train": empty()}, ValueError, "the data set is empty"),
        ({"model": wrong(3)}, TypeError, r"\[lr_find\] .*Module"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        lr_find(**{**dict[str, Any](model=small_net(), train=blobs(20)), **options})


def test_a_first_loss_that_is_not_finite_is_refused() -> None:
    data = blobs(8)
    data.x[:] = np.nan
    with pytest.raises(ValueError, match="loss of the first batch is not finite"):
        lr_find(small_net(), data)
