"""Sessions in the place of models, and those that `predict` keeps: never with old numbers."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.small_training import blobs, small_net
from support.threads import at_once

import pycnn as nn
from pycnn import InferenceSession, _core
from pycnn.inference.session import ALIKE
from pycnn.inference.trace import difference
from pycnn.layers import Module
from pycnn.training import kept_sessions

SHAPE = (1, 8, 8)
DATA = blobs(21)
X, Y = DATA.x, DATA.y


def network() -> Any:
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, rng=0),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 4, rng=1),
    )
    net.metadata = {"classes": ["a", "b", "c", "d"]}
    return net


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Shapes and largest batches of sessions that were made."""
    found: list[Any] = []

    def counted(model: Module, shape: Any, *, max_batch: int) -> InferenceSession:
        found.append((shape, max_batch))
        return InferenceSession(model, shape, max_batch=max_batch)

    monkeypatch.setattr(kept_sessions, "InferenceSession", counted)
    return found


def assert_alike(found: Any, expected: Any) -> None:
    assert difference(found, expected, ALIKE) is None


INPUTS: dict[str, Callable[[], Any]] = {
    "array": lambda: X,
    "Fortran": lambda: np.asfortranarray(X),
    "byte order": lambda: X.astype(">f4"),
    "float64": lambda: X.astype(np.float64),
    "strided": lambda: np.repeat(X, 2, 3)[..., ::2],
    "bytes": lambda: (99 * np.abs(X)).astype(np.uint8),
    "list": lambda: X.tolist(),
    "data set": lambda: DATA,
    "loader": lambda: nn.DataLoader(DATA, 5),
    "batches": lambda: [(X[:9], Y[:9]), (X[9:], Y[9:])],
    "empty": lambda: X[:0],
}


@pytest.mark.parametrize("kind", INPUTS)
def test_a_session_in_the_place_of_a_model(kind: str) -> None:
    net = network()
    session = InferenceSession(net, SHAPE, max_batch=4)
    for size in (6, 256):
        expected = nn.predict(net, INPUTS[kind](), batch_size=size)
        assert_alike(nn.predict(session, INPUTS[kind](), batch_size=size), expected)
        found = nn.predict(net, INPUTS[kind](), batch_size=size, session=True)
        assert_alike(found, expected)
    if kind != "empty":
        answers = nn.predict(net, INPUTS[kind](), classes=True)
        np.testing.assert_array_equal(nn.predict(session, INPUTS[kind](), classes=True), answers)


def test_samples_may_be_read_only() -> None:
    x = X.copy()
    x.flags.writeable = False
    session = InferenceSession(network(), SHAPE)
    np.testing.assert_array_equal(nn.predict(session, x), nn.predict(session, X))


@pytest.mark.parametrize("kind", ["data set", "loader", "batches"])
def test_evaluate(kind: str) -> None:
    net = network()
    session = InferenceSession(net, SHAPE, max_batch=4)
    expected = nn.evaluate(net, INPUTS[kind](), metrics={"top2": "top2"})
    for found in (
        nn.evaluate(session, INPUTS[kind](), metrics={"top2": "top2"}),
        nn.evaluate(net, INPUTS[kind](), metrics={"top2": "top2"}, session=True),
    ):
        assert found.loss == pytest.approx(expected.loss, rel=1e-4)
        assert (found.accuracy, found.metrics) == (expected.accuracy, expected.metrics)
    assert nn.evaluate(session, X, np.array(list("abcd"))[Y]).accuracy == expected.accuracy


@pytest.mark.parametrize("last", [nn.Identity, nn.Softmax, nn.LogSoftmax])
def test_probabilities(last: Callable[[], Module]) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 4, rng=0), last())
    found = nn.predict_proba(InferenceSession(net, SHAPE), X)
    np.testing.assert_allclose(found, nn.predict_proba(net, X), rtol=1e-5)
    np.testing.assert_allclose(nn.predict_proba(net, X, session=True), found, rtol=1e-6)


def test_scores_of_distances() -> None:
    net = nn.Sequential(nn.Flatten(), nn.RBF(64, 4, rng=0))
    found = nn.predict(InferenceSession(net, SHAPE), X, classes=True)
    np.testing.assert_array_equal(found, nn.predict(net, X, classes=True))


class Squared(nn.Sequential):
    """The largest square wins."""

    def scores(self, outputs: Any) -> Any:
        return np.square(outputs)


def test_scores_of_ones_own_are_refused() -> None:
    session = InferenceSession(Squared(nn.Flatten(), nn.Linear(64, 4, rng=0)), SHAPE)
    assert nn.predict(session, X).shape == (21, 4)
    with pytest.raises(ValueError, match="scores of this model are computed by a function"):
        nn.predict(session, X, classes=True)


def test_arguments_that_are_refused() -> None:
    net = network()
    session = InferenceSession(net, SHAPE)
    with pytest.raises(ValueError, match=r"must have shape \(N, 1, 8, 8\), has \(21, 1, 7, 8\)"):
        nn.predict(session, X[:, :, :7])
    with pytest.raises(ValueError, match="a single sample needs a batch axis"):
        nn.evaluate(session, [(X[0], Y[:1])])
    with pytest.raises(ValueError, match="makes a session of a model, and is given one"):
        nn.predict(session, X, session=True)
    with pytest.raises(TypeError, match="session"):
        nn.predict(net, X, session=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="model must be an instance of Module, got int"):
        nn.predict(3, X)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one input"):
        nn.predict(nn.Bilinear(2, 2, 1), (X[:, 0, 0, :2], X[:, 0, 1, :2]), session=True)


def test_nan_is_told() -> None:
    x = X.copy()
    x[3] = np.nan
    calls: list[Callable[[], Any]] = [
        lambda: nn.predict(InferenceSession(network(), SHAPE), x),
        lambda: nn.predict(network(), x, session=True),
    ]
    for call in calls:
        with pytest.warns(
            RuntimeWarning, match="1 of 21 samples hold NaN, first those of sample 3"
        ):
            call()


def test_one_session_for_a_shape_is_kept(made: list[Any]) -> None:
    net = network()
    for _ in range(3):
        nn.predict(net, X, session=True)
        nn.predict(net, X[:1], session=True)
        nn.evaluate(net, DATA, session=True)
    assert made == [(SHAPE, 32), (SHAPE, 1)]
    nn.predict(copy.deepcopy(net), X, session=True)
    assert len(made) == 3


def _write(net: Any) -> None:
    net[0].weight.data[0, 0, 0, 0] += 1


def _write_unseen(net: Any) -> None:
    np.asarray(net[5].bias.data)[...] += np.float32(1)


def _replace(net: Any) -> None:
    net[5].weight.data = net[5].weight.data * np.float32(2)


def _statistics(net: Any) -> None:
    net[1].running_mean.data[...] += 1


def _setting(net: Any) -> None:
    net[1].eps = 0.5


def _append(net: Any) -> None:
    net.append(nn.ReLU())


def _exchange(net: Any) -> None:
    net[2] = nn.Tanh()


def _load(net: Any) -> None:
    net.load_state_dict(
        copy.deepcopy(small := network()).state_dict() | {"5.bias": -small[5].bias.data}
    )


def _fit(net: Any) -> None:
    nn.fit(net, DATA, epochs=1, batch_size=7, progress=False)


def _step(net: Any) -> None:
    optimizer = nn.optim.SGD(net.parameters(), 0.5)
    loss = nn.CrossEntropyLoss()
    loss(net.forward(X), Y)
    net.backward_parameters(loss.backward())
    optimizer.step()


@pytest.mark.parametrize(
    "change",
    [
        *(_write, _write_unseen, _replace, _statistics, _setting, _append, _exchange, _load),
        *(_fit, _step),
    ],
)
def test_a_changed_model_gets_a_new_session(made: list[Any], change: Callable[[Any], None]) -> None:
    net = network()
    before = nn.predict(net, X, session=True)
    change(net)
    found = nn.predict(net, X, session=True)
    assert len(made) == 2
    assert_alike(found, nn.predict(net, X))
    assert np.abs(found - before).max() > 1e-3


@pytest.mark.parametrize(
    "change",
    [
        lambda: nn.set_convolution("accurate"),
        lambda: _core.set_isa(_core.isa_available()[0]),
        lambda: _core.force_conv_algorithm("gemm"),
    ],
    ids=["set_convolution", "isa", "PYCNN_CONV"],
)
def test_settings_make_a_new_session(made: list[Any], change: Callable[[], None]) -> None:
    before = nn.get_convolution(), _core.isa(), _core.forced_conv_algorithm()
    net = network()
    session = InferenceSession(net, SHAPE)
    old = session.run(X)
    nn.predict(net, X, session=True)
    try:
        change()
        assert_alike(nn.predict(net, X, session=True), nn.predict(net, X))
        now = nn.get_convolution(), _core.isa(), _core.forced_conv_algorithm()
        assert len(made) == 1 + (now != before)
        assert_alike(session.run(X), old)  # one that is there goes on
    finally:
        nn.set_convolution(before[0])
        _core.set_isa(before[1])
        _core.force_conv_algorithm(before[2])


def test_threads_make_no_new_session(made: list[Any], restore_threads: None) -> None:
    net = network()
    expected = nn.predict(net, X, session=True)
    for threads in (1, 2, 3):
        nn.set_num_threads(threads)
        np.testing.assert_array_equal(nn.predict(net, X, session=True), expected)
    assert len(made) == 1


def test_modes_make_no_other_numbers() -> None:
    net = network()
    expected = nn.predict(net, X, session=True)
    net.eval()
    np.testing.assert_array_equal(nn.predict(net, X, session=True), expected)
    net[0].weight.requires_grad = False
    np.testing.assert_array_equal(nn.predict(net, X, session=True), expected)


class Counting(nn.Module):
    """Its results depend on what nobody compares."""

    def forward(self, x: Any) -> Any:
        return x * float(os.environ.get("SCALE", "1"))


def test_changes_that_would_pass_unseen_are_refused() -> None:
    net = network()
    net[2].register_forward_hook(lambda layer, x, y: y)
    with pytest.raises(ValueError, match=r"ReLU has hooks.*make a pycnn.InferenceSession yourself"):
        nn.predict(net, X, session=True)
    with pytest.raises(ValueError, match="float is none of the functions"):
        nn.predict(nn.Sequential(Counting()), X, session=True)


def test_models_and_their_sessions_are_freed() -> None:
    net = network()
    nn.predict(net, X, session=True)
    gone = weakref.ref(net)
    assert net in kept_sessions._kept
    del net
    gc.collect()
    assert gone() is None


def test_few_sessions_are_kept(made: list[Any]) -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU())
    for size in range(4, 12):
        nn.predict(net, np.zeros((2, 1, size, size), np.float32), session=True)
    assert len(kept_sessions._kept[net]) == kept_sessions.MOST_SESSIONS


def test_eight_threads_use_one_session() -> None:
    net = network()
    session = InferenceSession(net, SHAPE, max_batch=4)
    expected, kept = nn.predict(session, X), nn.predict(net, X, session=True)

    def work() -> None:
        for _ in range(10):
            np.testing.assert_array_equal(nn.predict(session, X), expected)
            np.testing.assert_array_equal(nn.predict(net, X, session=True), kept)

    at_once(*[work] * 8)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_keeps_its_sessions() -> None:
    net = network()
    expected = nn.predict(net, X, session=True)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        same = np.array_equal(nn.predict(net, X, session=True), expected)
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_kept_sessions_are_no_part_of_copies() -> None:
    net = network()
    nn.predict(net, X, session=True)
    other = pickle.loads(pickle.dumps(net))
    other[5].bias.data[...] += 1
    assert_alike(nn.predict(other, X, session=True), nn.predict(other, X))
    assert_alike(nn.predict(net, X, session=True), nn.predict(net, X))
    assert set(vars(net)) == set(vars(network()))
    assert small_net() not in kept_sessions._kept
