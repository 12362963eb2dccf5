"""Names of other libraries are answered with what stands for them here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as nn

X = np.random.default_rng(0).random((8, 1, 4, 4), np.float32)
Y = np.arange(8) % 2


def model() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.Flatten(), nn.Linear(8, 2, rng=0))


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("Dense", r"Linear\(in_features"),
        ("Conv2D", r"there is pycnn\.Conv2d"),
        ("Adam", r"there is pycnn\.optim\.Adam"),
        ("EarlyStopping", r"there is pycnn\.training\.EarlyStopping"),
        ("MNIST", r"there is pycnn\.datasets\.mnist"),
        ("nothing", "no attribute 'nothing'$"),
    ],
)
def test_names_of_the_package(name: str, cure: str) -> None:
    with pytest.raises(AttributeError, match=cure):
        getattr(nn, name)


@pytest.mark.parametrize("name", ["fit", "predict", "evaluate", "save"])
def test_methods_of_models(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"'Sequential' object .* pycnn\.{name}\("):
        getattr(model(), name)
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        _ = model().nothing


@pytest.mark.parametrize(
    ("argument", "cure"),
    [
        ({"validation_data": (X, Y)}, r"validation=\(x, y\)"),
        ({"verbose": 0}, "progress=True or False"),
        ({"lr": 0.1}, r"optimizer=pycnn\.optim\.Adam"),
        ({"nothing": 1}, "there are model, train, y, validation, epochs"),
    ],
)
def test_arguments_of_fit(argument: dict[str, Any], cure: str) -> None:
    with pytest.raises(TypeError, match=rf"\[fit\] there is no argument .*{cure}"):
        nn.fit(model(), X, Y, **argument)


def test_layers_in_a_list() -> None:
    with pytest.raises(TypeError, match=r"got list: Sequential\(\*layers\) takes it apart"):
        nn.Sequential([nn.Flatten()])  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [False, True])
def test_samples_without_a_batch_axis_are_not_taken_for_channels(classes: bool) -> None:
    for x, cure in ((X[0], r"a single image needs a batch axis"), (X[:, 0], "need a channel axis")):
        with pytest.raises(ValueError, match=rf"\[predict\] x must have shape \(N, 1, .*{cure}"):
            nn.predict(nn.Sequential(nn.Conv2d(1, 2, 3)), x, classes=classes)
        with pytest.raises(ValueError, match=rf"\[fit\] x must have shape \(N, 1, .*{cure}"):
            nn.fit(model(), x, np.zeros(len(x), np.int64))


def test_rows_of_pixels() -> None:
    with pytest.raises(ValueError, match=r"np\.asarray\(x\)\.reshape\(-1, 1, 4, 4\)"):
        nn.fit(model(), X.reshape(8, 16), Y)


def test_columns_of_names() -> None:
    rows = np.array([["a", "b"]] * 8, object)
    for other in ("b", 1):
        rows[:, 1] = other
        with pytest.raises(TypeError, match=r"pandas\.get_dummies"):
            nn.fit(nn.Linear(2, 2), rows, Y)


def test_records_of_a_history_by_number_and_all_columns() -> None:
    metrics = {"half": lambda y_true, y_pred: 0.5}
    history = nn.fit(model(), X, Y, epochs=2, metrics=metrics)
    assert history[-1] is history.records[1]
    assert [record.epoch for record in history[:1]] == [1]
    assert dict(history)["half"] == [0.5, 0.5]
    assert repr(history[0]).endswith("half=0.5)")


def test_searches_and_profiles_are_short_in_text() -> None:
    search = nn.training.lr_find(model(), X, Y, steps=5)
    assert repr(search).startswith("RateSearch(5 rates, 1e-06 to 10; suggestion=")
    assert "RateSearch(5 rates" in search._repr_html_()
    profile = nn.profile(model(), X)
    assert repr(profile) == str(profile)
