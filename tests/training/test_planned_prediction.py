"""`predict` and `evaluate` replay batches by themselves where they can, with the same bits."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import pycnn as nn
from pycnn import _core
from pycnn.training.forward_plan import BATCHES_TO_COME, ForwardPlan

COUNT = BATCHES_TO_COME + 4
RNG = np.random.default_rng(1)
X = RNG.standard_normal((2 * COUNT + 1, 2, 12, 12), dtype=np.float32)
Y = RNG.integers(0, 5, len(X))


def network() -> nn.Sequential:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=0),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.3, rng=2),
        nn.Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, rng=4), nn.BatchNorm2d(4))),
        nn.Flatten(),
        nn.Linear(144, 5, rng=3),
    )
    norm: Any = model[1]
    rng = np.random.default_rng(5)
    norm.running_mean.data[...] = rng.standard_normal(4)
    norm.running_var.data[...] = rng.random(4) + 0.5
    return model


@pytest.fixture
def replays(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Batch sizes of the passes that are replays."""
    found: list[int] = []
    replay = ForwardPlan.replay

    def counted(self: ForwardPlan, x: Any) -> Any:
        found.append(len(x))
        return replay(self, x)

    monkeypatch.setattr(ForwardPlan, "replay", counted)
    monkeypatch.setattr("pycnn.training.forward_plan.MOST_SECONDS", 9.0)  # beside other programs
    return found


def both(monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]) -> tuple[Any, Any]:
    """Return what a call gives without plans, and with them."""
    monkeypatch.setenv("PYCNN_PLAN", "0")
    expected = call()
    monkeypatch.setenv("PYCNN_PLAN", "1")
    return expected, call()


def batches() -> Iterator[tuple[Any, Any]]:
    for i in range(0, len(X), 2):
        yield X[i : i + 2], Y[i : i + 2]


INPUTS: dict[str, Callable[[], Any]] = {
    "array": lambda: X,
    "bytes": lambda: (99 * np.abs(X)).astype(np.uint8),
    "float64": lambda: X.astype(np.float64),
    "Fortran": lambda: np.asfortranarray(X),
    "data set": lambda: nn.ArrayDataset(X, Y),
    "loader": lambda: nn.DataLoader(nn.ArrayDataset(X, Y), 2, workers=2),
    "list": lambda: list(batches()),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_predict(monkeypatch: pytest.MonkeyPatch, replays: list[int], kind: str) -> None:
    model = network()
    expected, found = both(monkeypatch, lambda: nn.predict(model, INPUTS[kind](), batch_size=2))
    np.testing.assert_array_equal(found, expected)
    assert replays == [2] * (COUNT - 2)


@pytest.mark.parametrize("kind", ["data set", "loader", "list"])
@pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss(ignore_index=3)])
def test_evaluate(
    monkeypatch: pytest.MonkeyPatch, replays: list[int], kind: str, loss: Any
) -> None:
    model = network()
    metrics: dict[str, Any] = {
        "f": lambda t, scores: float(scores[np.arange(len(t)), t].sum()),
        "top2": "top2",
    }
    expected, found = both(
        monkeypatch,
        lambda: nn.evaluate(model, INPUTS[kind](), batch_size=2, loss=loss, metrics=metrics),
    )
    assert (found, found.metrics) == (expected, expected.metrics)
    assert replays == [2] * (COUNT - 2)


def test_validation_of_fit(monkeypatch: pytest.MonkeyPatch, replays: list[int]) -> None:
    def trained() -> Any:
        held_out = list(batches())
        history = nn.fit(
            network(), X, Y, epochs=2, batch_size=8, validation=held_out, seed=1, progress=False
        )
        return [(r.val_loss, r.val_accuracy) for r in history.records]

    expected, found = both(monkeypatch, trained)
    assert found == expected
    assert len(replays) == 2 * (COUNT - 2)


@pytest.mark.parametrize("count", [1, 2, BATCHES_TO_COME])
def test_few_batches_are_not_recorded(replays: list[int], count: int) -> None:
    nn.predict(network(), X[:count], batch_size=1)
    nn.predict(network(), X[: 2 * count], batch_size=2)
    assert not replays


def test_nobody_knows_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch, replays: list[int]
) -> None:
    model = network()
    expected, found = both(
        monkeypatch, lambda: nn.predict(model, (X[i % 9 : i % 9 + 1] for i in range(80)))
    )
    np.testing.assert_array_equal(found, expected)
    assert 0 < len(replays) < 80 - BATCHES_TO_COME


@pytest.mark.parametrize("isa", _core.isa_available())
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: nn.models.lenet5(rng=0), (1, 28, 28)),
        (lambda: nn.models.mobilenet_v2(10, rng=0), (3, 32, 32)),
    ],
    ids=["lenet5", "mobilenet_v2"],
)
def test_networks(
    monkeypatch: pytest.MonkeyPatch,
    replays: list[int],
    restore_threads: None,
    isa: str,
    make: Callable[[], Any],
    shape: tuple[int, ...],
) -> None:
    before = _core.isa()
    _core.set_isa(isa)
    try:
        x = RNG.standard_normal((COUNT, *shape), dtype=np.float32)
        model = make()
        expected, found = both(monkeypatch, lambda: nn.predict(model, x, batch_size=1))
        np.testing.assert_array_equal(found, expected)
        assert len(replays) == COUNT - 2
        nn.set_num_threads(3)
        np.testing.assert_array_equal(nn.predict(model, x, batch_size=1), expected)
    finally:
        _core.set_isa(before)


class Changing:
    """Batches that change the model as they are asked for."""

    def __init__(self, model: Any, change: Callable[[Any, int], None]) -> None:
        self.model, self.change = model, change

    def __len__(self) -> int:
        return 3 * COUNT

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):
            self.change(self.model, i)
            yield X[i % 9 : i % 9 + 2]


def _write(model: Any, i: int) -> None:
    model[0].weight.data[...] *= np.float32(0.99)


def _replace(model: Any, i: int) -> None:
    if i == COUNT:
        model[7].weight.data = model[7].weight.data * np.float32(2)


def _statistics(model: Any, i: int) -> None:
    model[1].running_var.data += np.float32(0.1)


def _load(model: Any, i: int) -> None:
    if i == COUNT:
        model.load_state_dict({n: np.asarray(2 * a) for n, a in model.state_dict().items()})


def _append(model: Any, i: int) -> None:
    if i == COUNT:
        model.append(nn.Linear(5, 5, rng=8))


def _edit(model: Any, i: int) -> None:
    if i == COUNT:
        model[1].eps = 0.5


def _mode(model: Any, i: int) -> None:
    model.train(i >= COUNT)


def _freeze(model: Any, i: int) -> None:
    if i == COUNT:
        model[0].weight.requires_grad = False


def _hook(model: Any, i: int) -> None:
    if i == COUNT:
        model[3].register_forward_hook(lambda layer, x, y: y * np.float32(3))


def _kernels(model: Any, i: int) -> None:
    nn.set_convolution("accurate" if i >= COUNT else "fast")


def _isa(model: Any, i: int) -> None:
    _core.set_isa(_core.isa_available()[0 if i >= COUNT else -1])


def _algorithm(model: Any, i: int) -> None:
    _core.force_conv_algorithm("gemm" if i >= COUNT else "")


def _threads(model: Any, i: int) -> None:
    nn.set_num_threads(1 + i % 3)


CHANGES = [
    *(_write, _replace, _statistics, _load, _append, _edit, _mode, _freeze, _hook, _kernels),
    *(_isa, _algorithm, _threads),
]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_between_batches_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
    replays: list[int],
    restore_threads: None,
    change: Callable[[Any, int], None],
) -> None:
    isa, forced = _core.isa(), _core.forced_conv_algorithm()
    mode = nn.get_convolution()

    def predicted() -> Any:
        model = network()
        return nn.predict(model, Changing(model, change))

    try:
        expected, found = both(monkeypatch, predicted)
    finally:
        _core.set_isa(isa)
        _core.force_conv_algorithm(forced)
        nn.set_convolution(mode)
    np.testing.assert_array_equal(found, expected)
    assert len(replays) >= COUNT - 2


class Untold(nn.Module):
    """Changes an array in place, which nobody sees."""

    def forward(self, x: Any) -> Any:
        y = nn.ops.relu(x)
        y += np.float32(1)
        return nn.ops.relu(y)

    def backward(self, dy: Any) -> Any:
        return dy


class Program(nn.Module):
    """A forward pass of one's own that can be repeated."""

    def __init__(self) -> None:
        self.first, self.last = nn.Linear(288, 7, rng=0), nn.Linear(7, 5, rng=1)

    def forward(self, x: Any) -> Any:
        return self.last(self.first(x.reshape(-1, 288)).relu())


class Counting(nn.Module):
    """Counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def forward(self, x: Any) -> Any:
        self.calls += 1
        return x * self.calls


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: nn.Sequential(Untold()), "has a backward of its own"),
        (
            lambda: nn.Sequential(Counting(), nn.Flatten(), nn.Linear(288, 5, rng=0)),
            "calls is none",
        ),
        (lambda: nn.Sequential(nn.Flatten(), Program()), ""),
    ],
)
def test_models_with_classes_of_ones_own(
    monkeypatch: pytest.MonkeyPatch, replays: list[int], make: Callable[[], Any], reason: str
) -> None:
    x = np.concatenate([X, X])
    expected, found = both(monkeypatch, lambda: nn.predict(make(), x, batch_size=2))
    np.testing.assert_array_equal(found, expected)
    assert bool(replays) == (reason == "")


def test_a_profile_says_whether_batches_are_replayed() -> None:
    assert nn.profile(network(), X[:2], seconds=0.01).unplanned_forward == ""
    found = nn.profile(
        nn.Sequential(Counting(), nn.Flatten(), nn.Linear(288, 5, rng=0)), X[:2], seconds=0.01
    )
    assert "calls is none" in found.unplanned_forward
    assert f"batches of predict: left to Python ({found.unplanned_forward})" in str(found)


def test_words_and_their_errors(replays: list[int]) -> None:
    model = nn.Sequential(nn.Embedding(9, 4, rng=0), nn.Flatten(), nn.Linear(24, 3, rng=1))
    words = RNG.integers(0, 9, (COUNT, 6))
    expected = nn.predict(model, words)
    np.testing.assert_array_equal(nn.predict(model, words, batch_size=1), expected)
    assert replays
    words[-1, 2] = 9
    with pytest.raises(ValueError, match=r"Sequential\[0\] Embedding"):
        nn.predict(model, words, batch_size=1)


def test_large_arrays_and_long_batches_are_left_to_python(
    monkeypatch: pytest.MonkeyPatch, replays: list[int]
) -> None:
    for name in ("MOST_BYTES", "MOST_SECONDS"):
        with monkeypatch.context() as patch:
            patch.setattr(f"pycnn.training.forward_plan.{name}", 0)
            nn.predict(network(), X, batch_size=2)
        assert not replays


def test_nan_is_found_where_it_is(replays: list[int]) -> None:
    x = X.copy()
    x[-4, 0, 3, 3] = np.nan
    with pytest.warns(RuntimeWarning, match=f"1 of {len(x)} samples hold NaN.*{len(x) - 4}"):
        nn.predict(network(), x, batch_size=2)
    assert replays


def test_many_threads_predict_with_plans_of_their_own(replays: list[int]) -> None:
    model = network()
    expected = nn.predict(model, X, batch_size=2)
    found: list[Any] = []

    def work() -> None:
        found.append(nn.predict(model, X, batch_size=2))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for one in found:
        np.testing.assert_array_equal(one, expected)
    assert len(replays) >= COUNT - 2


def test_the_memory_of_a_plan_is_given_back(replays: list[int]) -> None:
    model = network()
    nn.predict(model, X, batch_size=2)
    _core.trim_cache()
    before = _core.cached_bytes()
    nn.predict(model, X, batch_size=2)
    _core.trim_cache()
    assert _core.cached_bytes() == before
