"""Networks of several inputs, outputs and targets in `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.small_training import same_bits, snapshot

import pycnn as nn
import pycnn.functional as F
from pycnn.training import Metric

RNG = np.random.default_rng(0)
A = RNG.standard_normal((11, 4)).astype(np.float32)
B = RNG.standard_normal((11, 3)).astype(np.float32)
Y = np.arange(11) % 2
Z = np.arange(11) % 3 % 2

FORMS: dict[str, Callable[[Any, Any], Any]] = {
    "tuple": lambda p, q: (p, q),
    "list": lambda p, q: [p, q],
    "dict": lambda p, q: {"p": p, "q": q},
    "nested": lambda p, q: (p, {"q": (q, None)}),
}
PARTS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "tuple": lambda out: out,
    "list": tuple,
    "dict": lambda out: (out["p"], out["q"]),
    "nested": lambda out: (out[0], out[1]["q"][0]),
}


class Two(nn.Module):
    """Two inputs, and outputs of a form."""

    def __init__(self, form: str = "tuple") -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 2, rng=0), nn.Linear(3, 2, rng=1)
        self.form = form

    def forward(self, a: Any, b: Any) -> Any:
        return FORMS[self.form](self.first(a), self.second(b))


def loss_of(form: str) -> Callable[[Any, Any], Any]:
    def loss(output: Any, target: Any) -> Any:
        p, q = PARTS[form](output)
        y, z = target if isinstance(target, tuple) else (target, target)
        return F.cross_entropy(p, y) + F.cross_entropy(q, z)

    return loss


def train(model: nn.Module, *data: Any, **options: Any) -> nn.training.History:
    optimizer = nn.optim.SGD(model.parameters(), 0.1)
    return nn.fit(
        model, *data, epochs=2, batch_size=4, optimizer=optimizer, progress=False, **options
    )


@pytest.mark.parametrize("form", FORMS)
def test_outputs_of_any_form(form: str) -> None:
    model, loss = Two(form), loss_of(form)
    plain = Two()
    train(plain, (A, B), Y, loss=loss_of("tuple"))
    train(model, (A, B), Y, loss=loss)
    assert same_bits(snapshot(model), snapshot(plain))
    for ours, theirs in zip(
        PARTS[form](nn.predict(model, (A, B), batch_size=3)),
        nn.predict(plain, (A, B), batch_size=11),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="one array of scores, and the model gives a"):
        nn.predict(Two(form), (A, B), classes=True)
    with pytest.raises(TypeError, match=r"\[CrossEntropyLoss\] takes one array of outputs"):
        train(Two(form), (A, B), Y)


@pytest.mark.parametrize("form", FORMS)
def test_metrics_of_several_outputs_see_all_samples(form: str) -> None:
    def both(y_true: Any, y_pred: Any) -> float:
        p, q = PARTS[form](y_pred)
        assert y_true.shape == (11,)
        assert p.shape == q.shape == (11, 2)
        return float((p.argmax(1) == y_true).mean() + (q.argmax(1) == y_true).mean())

    model = Two(form)
    p, q = PARTS[form](nn.predict(model, (A, B)))
    found = nn.evaluate(model, (A, B), Y, batch_size=4, loss=loss_of(form), metrics={"both": both})
    assert found.metrics["both"] == (p.argmax(1) == Y).mean() + (q.argmax(1) == Y).mean()


def test_unequal_batches_of_several_targets_count_by_their_samples() -> None:
    """The mean over an epoch, and the share of each batch that is accumulated."""
    parts = [slice(0, 8), slice(8, 11)]
    batches = [((A[part], B[part]), (Y[part], Z[part])) for part in parts]
    whole = [((A, B), (Y, Z))]
    one, other = Two(), Two()
    first = train(one, whole, loss=loss_of("tuple")).records[-1]
    last = train(other, batches, loss=loss_of("tuple"), accumulate=2).records[-1]
    assert last.loss == pytest.approx(first.loss, rel=1e-6)
    for name, array in snapshot(one).items():
        np.testing.assert_allclose(snapshot(other)[name], array, atol=1e-6)
    found = nn.evaluate(one, batches, loss=loss_of("tuple"))
    assert found.loss == pytest.approx(nn.evaluate(one, whole, loss=loss_of("tuple")).loss)


def test_a_loss_of_one_of_several_outputs() -> None:
    model = Two("nested")
    before = snapshot(model)
    train(model, (A, B), Y, loss=lambda output, y: F.cross_entropy(output[0], y), accumulate=2)
    changed = {name for name, array in snapshot(model).items() if (array != before[name]).any()}
    assert changed == {"first.weight", "first.bias"}


def test_nan_among_several_targets_is_found() -> None:
    broken = np.where(np.arange(11)[:, None] == 5, np.nan, A[:, :2]).astype(np.float32)

    def loss(output: Any, target: Any) -> Any:
        return ((output[0] - target[0]) ** 2).mean()

    with pytest.warns(RuntimeWarning, match=r"y\[0\] of batch 1 holds NaN, first in its sample 5"):
        train(Two(), [((A, B), (broken, Y))], loss=loss)


def test_lists_of_inputs_as_the_loaders_of_pytorch_make_them() -> None:
    one, other = Two(), Two()
    train(one, [((A, B), Y)], loss=loss_of("tuple"))
    train(other, [([A, B], Y)], loss=loss_of("tuple"))
    assert same_bits(snapshot(one), snapshot(other))
    found = nn.predict(one, [([A, B], Y)])
    np.testing.assert_array_equal(found[0], nn.predict(one, (A, B))[0])
    # A model of one input takes a list for the samples of a batch.
    model = nn.Sequential(nn.Linear(4, 2))
    assert len(train(model, [([A[0], A[1]], Y[:2])])) == 2


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (A, "Two.forward takes 2 inputs, the samples hold 1"),
        ((A, B, B), "Two.forward takes 2 inputs, the samples hold 3"),
    ],
)
def test_another_number_of_inputs(x: Any, text: str) -> None:
    for call in (
        lambda: train(Two(), x, Y, loss=loss_of("tuple")),
        lambda: nn.evaluate(Two(), x, Y, loss=loss_of("tuple")),
        lambda: nn.predict(Two(), x),
    ):
        with pytest.raises(TypeError, match=text):
            call()
    with pytest.raises(TypeError, match=r"Sequential\.forward takes 1 input, the samples hold 2"):
        train(nn.Sequential(nn.Linear(4, 2)), (A, A), Y)
    with pytest.raises(ValueError, match="several targets need batches"):
        train(Two(), (A, B), (Y, Z), loss=loss_of("tuple"))


def test_outputs_without_samples_are_refused() -> None:
    class Costly(nn.Module):
        def forward(self, x: Any) -> Any:
            return x * 2, x.sum()

    with pytest.raises(ValueError, match="must have an axis of samples, one has shape"):
        nn.predict(Costly(), A)


def test_metrics_that_change_their_arrays_or_cannot_be_told() -> None:
    """Each metric has arrays of its own, and scores of yes or no that are NaN are no answer."""

    def spoils(y_true: Any, y_pred: Any) -> float:
        y_true[:] = 0
        return 0.0

    model = nn.Sequential(nn.Linear(4, 3, rng=0))
    found = nn.evaluate(
        model, A, Y, metrics={"spoils": spoils, "total": lambda y, _: float(y.sum())}
    )
    assert found.metrics["total"] == Y.sum()
    yes = (A[:, :3] > 0).astype(np.float32)
    with pytest.warns(RuntimeWarning, match="NaN"):
        broken = nn.evaluate(
            model,
            np.where(np.arange(11)[:, None] == 3, np.nan, A),
            yes,
            loss=nn.BCEWithLogitsLoss(),
            metrics={"share": lambda y, p: float((y == p).mean())},
        )
    assert np.isnan(broken.metrics["share"])
    with pytest.raises(ValueError, match="'top2' needs classes as targets"):
        nn.evaluate(model, A, np.eye(3)[Z], metrics=["top2"])
    for name in ("metrics", "describe", "figures", "seconds"):
        with pytest.raises(ValueError, match=f"{name!r} is the name of another figure"):
            train(model, A, Y, metrics={name: Metric(lambda y, p: 0.0)})
