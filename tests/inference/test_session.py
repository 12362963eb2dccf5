"""Sessions: results as those of `predict`, for any number of threads, and models refused."""

from __future__ import annotations

import copy
import os
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from support.random_nets import Net, nets
from support.small_training import CLASSES, blobs, small_net
from support.threads import at_once

import pycnn as nn
import pycnn.functional as F
from pycnn import InferenceSession, models
from pycnn.inference.session import ALIKE
from pycnn.inference.trace import difference
from pycnn.layers import Module

SHAPE = (1, 8, 8)
X = blobs(21).x


@pytest.fixture(scope="module")
def model() -> Module:
    return small_net()


@pytest.fixture(scope="module")
def session(model: Module) -> InferenceSession:
    return InferenceSession(model, SHAPE, max_batch=4)


def assert_as_predicted(session: InferenceSession, model: Module, x: Any) -> None:
    found, expected = session.run(x), nn.predict(model, x)
    assert found.dtype == expected.dtype
    assert difference(found, expected, ALIKE) is None


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 8, 21])
def test_batches_of_any_size(session: InferenceSession, model: Module, count: int) -> None:
    assert session(X[:count]).shape == (count, CLASSES)
    assert_as_predicted(session, model, X[:count])


@pytest.mark.parametrize(
    "x",
    [
        (X[:3] * 99).astype(np.uint8),
        X[:3] > 0,
        X[:3].astype(np.float64),
        (X[:3] * 9).astype(int),
        X[:3].tolist(),
        X[:6:2, :, ::-1],
        nn.tensor(X[:3]),
        np.array(X[:3], order="F"),
    ],
    ids=["uint8", "bool", "float64", "int", "list", "strided", "tensor", "Fortran"],
)
def test_samples_of_any_kind(session: InferenceSession, model: Module, x: Any) -> None:
    assert_as_predicted(session, model, x)


def test_networks() -> None:
    rng = np.random.default_rng(0)
    for net, shape in (
        (models.lenet5(rng=0), (1, 28, 28)),
        (models.resnet18(10, True, rng=0), (3, 16, 16)),
    ):
        made = InferenceSession(net, shape, max_batch=2)
        assert_as_predicted(made, net, rng.standard_normal((5, *shape), np.float32))
        assert made.output_shape == (10,)


@given(nets)
def test_random_networks(net: Net) -> None:
    made = InferenceSession(net, net.input_shape, max_batch=3)
    assert_as_predicted(made, net, np.random.default_rng(1).standard_normal((4, *net.input_shape)))


def test_numbers_that_are_not_finite(session: InferenceSession) -> None:
    """They stay in their sample."""
    x = X[:4].copy()
    x[1, 0, 0, 0], x[2] = np.nan, np.inf
    y = session.run(x)
    assert np.isfinite(y[[0, 3]]).all()
    assert np.isnan(y[1]).any()
    assert not np.isfinite(y[2]).any()


def test_training_does_not_change_a_session() -> None:
    net, data = small_net(), blobs(64)
    made = InferenceSession(net, SHAPE)
    before = made.run(X)
    nn.fit(net, data, epochs=1, progress=False)
    np.testing.assert_array_equal(made.run(X), before)
    assert np.abs(nn.predict(net, X) - before).max() > 1e-3


def test_results_are_arrays_of_their_own(session: InferenceSession) -> None:
    first = session.run(X[:3])
    kept = first.copy()
    first[...] = 0
    np.testing.assert_array_equal(session.run(X[:3]), kept)
    x = np.ones((2, 3), np.float32)
    y = InferenceSession(nn.Identity(), (3,)).run(x)
    y[...] = 0
    assert x.all()


def test_threads(session: InferenceSession) -> None:
    expected = {count: session.run(X[:count]) for count in range(1, 9)}

    def work() -> None:
        for _ in range(20):
            for count, y in expected.items():
                np.testing.assert_array_equal(session.run(X[:count]), y)

    at_once(*[work] * 6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child(session: InferenceSession) -> None:
    expected = session.run(X)
    child = os.fork()
    if child == 0:  # pragma: no cover - in the child
        os._exit(0 if np.array_equal(session.run(X), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_copies(session: InferenceSession) -> None:
    assert copy.copy(session) is session
    assert copy.deepcopy([session])[0] is session
    with pytest.raises(TypeError, match=r"\[InferenceSession\] is not pickled: store the model"):
        pickle.dumps(session)


def test_text(session: InferenceSession) -> None:
    text = str(session)
    assert text.startswith("InferenceSession: (1, 8, 8) -> (4,)")
    assert "relu" in text
    assert "bytes for a batch of 4" in text
    assert repr(session) == text
    assert session._repr_html_().startswith("<pre>InferenceSession: (1, 8, 8) -&gt; (4,)")
    assert session.memory > 0
    assert (session.input_shape, session.max_batch) == (SHAPE, 4)


def test_an_op_without_a_plan_is_called_by_itself() -> None:
    """Between plans, where it is alone between two values; in a branch, with all of that."""
    norm = nn.GroupNorm(2, 4)
    conv = [nn.Conv2d(4, 4, 3, padding=1, rng=i) for i in range(3)]
    row = nn.Sequential(conv[0], nn.ReLU(), norm, conv[1], nn.Residual(conv[2]), nn.Flatten())
    block = nn.Sequential(nn.Residual(nn.Sequential(conv[0], norm)), conv[1], nn.Flatten())
    x = np.random.default_rng(0).standard_normal((5, 4, 6, 6), np.float32)
    for net, pages in ((row, 3), (block, 2), (nn.Sequential(norm, nn.Flatten()), 1)):
        made = InferenceSession(net, (4, 6, 6), max_batch=3)
        assert not made.is_planned
        assert ("in parts (" in str(made)) == (pages > 1)
        assert str(made).count("a plan:") + str(made).count("op by op") == pages
        assert made.memory > 0
        assert_as_predicted(made, net, x)


@pytest.mark.parametrize(
    ("x", "kind", "words"),
    [
        (X[0], ValueError, "must have shape (N, 1, 8, 8), has (1, 8, 8): a single sample needs"),
        (X[:, :, :7], ValueError, "must have shape (N, 1, 8, 8), has (21, 1, 7, 8)"),
        (X.reshape(-1, 64), ValueError, "has (21, 64)"),
        (np.float32(1), ValueError, "axis of samples"),
        ((X, X), TypeError, "tuple of 2"),
        ("image.png", TypeError, "x must be"),
        (None, TypeError, "x must be"),
        (X.astype(complex), TypeError, "complex"),
    ],
)
def test_samples_that_are_refused(
    session: InferenceSession, x: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind) as refusal:
        session.run(x)
    assert str(refusal.value).startswith("[InferenceSession] ")
    assert words in str(refusal.value)


def _random(x: Any) -> Any:
    return x + nn.tensor(np.random.default_rng().random(1, np.float32))


class Own(Module):
    def __init__(self, forward: Any) -> None:
        self.own = forward

    def forward(self, x: Any) -> Any:
        return self.own(x)


NET = small_net()


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ((NET, (8, 8)), ValueError, "input_shape (8, 8), of one sample: Sequential[0] Conv2d: "),
        ((NET, (5, *SHAPE)), ValueError, "input was (2, 5, 1, 8, 8)"),
        ((NET, ()), ValueError, "input_shape"),
        ((NET, (1, 0, 8)), ValueError, "input_shape must be at least 1"),
        ((NET, (1 << 20, 1 << 20)), ValueError, "input_shape needs smaller sizes"),
        ((NET, 8), TypeError, "input_shape must be a tuple of ints, got int"),
        ((NET, (1, 8.0, 8)), TypeError, "input_shape must be an int, got float"),
        ((NET, SHAPE, 0), ValueError, "max_batch must be at least 1"),
        ((NET, SHAPE, 2.5), TypeError, "max_batch must be an int"),
        ((Module, SHAPE), TypeError, "model must be an instance of Module"),
        ((models.textcnn(["<pad>", "<unk>"], rng=0), (9,)), ValueError, "takes words"),
        ((nn.Sequential(nn.Sequential(nn.Embedding(9, 4))), (9,)), ValueError, "takes words"),
        ((models.neocognitron(rng=0), (1, 28, 28)), ValueError, "0 (SLayer): calls numpy.maximum"),
        ((small_net().to("reference"), SHAPE), ValueError, "the model is on 'reference'"),
        (
            (nn.Sequential(Own(_random)), (3,)),
            ValueError,
            "called again, with a batch of 1: off by",
        ),
        ((nn.Sequential(Own(lambda x: x - x.mean())), (3,)), ValueError, "0 (Own): sum over"),
        ((nn.Bilinear(3, 3, 2), (3,)), TypeError, "missing 1 required"),
        (
            (nn.BatchNorm1d(3, track_running_stats=False), (3,)),
            ValueError,
            "statistics of its batch",
        ),
    ],
)
def test_models_that_are_refused(arguments: Any, kind: type[Exception], words: str) -> None:
    net, shape, *rest = arguments
    with pytest.raises(kind) as refusal:
        InferenceSession(net, shape, **({"max_batch": rest[0]} if rest else {}))
    assert str(refusal.value).startswith("[InferenceSession] ")
    assert words in str(refusal.value)
    assert "inference" not in str(refusal.value)


def test_a_refusal_names_the_line_of_a_forward() -> None:
    def forward(x: Any) -> Any:
        x = F.relu(x)
        return F.log_softmax(x.cumsum(1))

    line = forward.__code__.co_firstlineno + 2
    with pytest.raises(ValueError, match=rf"reads numbers .*\(test_session\.py:{line}; pycnn"):
        InferenceSession(nn.Sequential(Own(forward)), (3,))
    with pytest.raises(ValueError, match=r"\(pycnn\.predict runs"):  # no code of the user's
        InferenceSession(models.neocognitron(rng=0), (1, 28, 28))


def test_results_that_are_not_the_models_are_refused() -> None:
    """What is left where two large numbers cancel depends on the order of roundings."""
    net = nn.Sequential(nn.Linear(3, 3, rng=0), nn.BatchNorm1d(3), Own(lambda x: x + 1e7))
    norm: Any = net[1]
    norm.running_mean.data[...] = 1e7
    with pytest.raises(ValueError, match=r"results of a batch of 1 .* \(off by .*predict"):
        InferenceSession(net, (3,))


def test_a_profile_has_a_time_for_each_step() -> None:
    session = nn.InferenceSession(nn.models.lenet5(rng=0), (1, 28, 28), max_batch=3)
    for page in (session.profile(), session.profile(np.ones((2, 1, 28, 28), np.float32))):
        head, *lines, total, _ = page.splitlines()
        assert head == str(session).splitlines()[0]
        assert [line.split(" us  ")[1] for line in lines] == str(session).splitlines()[1:-2]
        assert sum(float(line.split()[0]) for line in lines) == pytest.approx(
            float(total.split()[0]), abs=0.1 * len(lines)
        )
    for count in (0, 4):
        with pytest.raises(ValueError, match=f"1 to 3 samples, holds {count}"):
            session.profile(np.ones((count, 1, 28, 28), np.float32))


@pytest.mark.parametrize("size", [3, 11, 12, 15])
def test_depthwise_filters_of_any_size(size: int) -> None:
    model = nn.Conv2d(8, 8, size, padding=size // 2, groups=8, rng=0)
    session = InferenceSession(model, (8, 13, 13), max_batch=2)
    assert session.is_planned
    x = np.random.default_rng(0).standard_normal((2, 8, 13, 13)).astype(np.float32)
    assert difference(session.run(x), nn.predict(model, x), ALIKE) is None
