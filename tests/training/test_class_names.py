"""Names of classes: which number each has, and what the model remembers of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.foreign_arrays import Samples
from support.small_training import same_bits, snapshot

import pycnn as nn

N, FEATURES, CLASSES = 12, 6, 3
FLOATS = np.random.default_rng(0).standard_normal((N, FEATURES), np.float32)
Y = np.arange(N) % CLASSES
NAMES = np.array(["ant", "bee", "cow"])


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, 5, rng=0), nn.Tanh(), nn.Linear(5, CLASSES, rng=1))


def trained(*data: Any) -> nn.Module:
    one = model()
    nn.fit(one, *data, batch_size=5, epochs=2, seed=3)
    return one


def test_names_keep_their_numbers() -> None:
    one = trained(FLOATS, NAMES[Y])
    some = Y > 0
    before = snapshot(one)
    nn.fit(one, FLOATS[some], NAMES[Y[some]], validation=(FLOATS[some], NAMES[Y[some]]))
    assert one.metadata["classes"] == NAMES.tolist()
    assert not same_bits(before, snapshot(one))
    assert nn.evaluate(one, FLOATS[some], NAMES[Y[some]]) == nn.evaluate(one, FLOATS[some], Y[some])
    with pytest.raises(ValueError, match="'dog', which is none of the 3 classes"):
        nn.evaluate(one, FLOATS[:1], ["dog"])
    with pytest.raises(ValueError, match=r"the model has the classes .* begin anew"):
        nn.fit(one, nn.ArrayDataset(FLOATS[some], NAMES[Y[some]]))
    with pytest.raises(ValueError, match="does not know which class each one is"):
        nn.evaluate(model(), FLOATS, NAMES[Y])
    other = nn.ArrayDataset(FLOATS[some], NAMES[Y[some]])
    with pytest.raises(ValueError, match="class 0 of validation is 'bee', which is class 1"):
        nn.fit(model(), FLOATS, NAMES[Y], other)


def test_names_are_taken_back_after_an_error_before_the_first_update() -> None:
    net = model()
    with pytest.raises(ValueError, match=r"class_weight has weights up to class 9"):
        nn.fit(net, FLOATS, NAMES[Y], class_weight=np.ones(10), progress=False)
    assert not net.metadata
    nn.fit(net, FLOATS, np.array(["x", "y", "z"])[Y], progress=False)
    assert net.metadata["classes"] == ["x", "y", "z"]

    def late(y_true: Any, y_pred: Any) -> float:
        raise RuntimeError("after the updates of an epoch")

    net = model()
    with pytest.raises(RuntimeError, match="after the updates"):
        nn.fit(net, FLOATS, NAMES[Y], metrics={"late": late}, progress=False)
    assert net.metadata["classes"] == list(NAMES)


def test_names_of_samples_are_plain_strings() -> None:
    net = model()
    nn.fit(net, Samples(list(FLOATS), list(NAMES[Y])), progress=False)
    assert {type(name) for name in net.metadata["classes"]} == {str}
