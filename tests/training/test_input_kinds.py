"""Every kind of data that people have, in `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import array
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.foreign_arrays import Loader, OnlyDlpack, Samples, Sparse, Table, Tensor, Trained
from support.small_training import same_bits, snapshot

import pycnn as nn

N, FEATURES, CLASSES = 12, 6, 3
RNG = np.random.default_rng(0)
FLOATS = RNG.standard_normal((N, FEATURES), np.float32)
BYTES = RNG.integers(0, 256, (N, FEATURES), np.uint8)
INTS = RNG.integers(-9, 10, (N, FEATURES))
BOOLS = INTS > 0
HALVES = FLOATS.astype(np.float16)
Y = np.arange(N) % CLASSES
NAMES = np.array(["ant", "bee", "cow"])


def mapped(values: np.ndarray) -> memoryview:
    return memoryview(values).toreadonly()  # type: ignore[arg-type]


def read_only() -> np.ndarray:
    values = FLOATS.copy()
    values.flags.writeable = False
    return values  # type: ignore[no-any-return]


def unaligned() -> np.ndarray:
    room = np.zeros(FLOATS.nbytes + 1, np.uint8)
    values = room[1:].view(np.float32).reshape(FLOATS.shape)
    values[...] = FLOATS
    return values


# x of each kind, and what it has to become.
X_KINDS: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "float32": (lambda: FLOATS, FLOATS),
    "float64": (lambda: FLOATS.astype(np.float64), FLOATS),
    "float16": (lambda: HALVES, HALVES.astype(np.float32)),
    "longdouble": (lambda: FLOATS.astype(np.longdouble), FLOATS),
    "other byte order": (lambda: FLOATS.astype(">f4"), FLOATS),
    "uint8": (lambda: BYTES, BYTES.astype(np.float32) / 255),
    "bool": (lambda: BOOLS, BOOLS.astype(np.float32)),
    "int64": (lambda: INTS, INTS.astype(np.float32)),
    "int8": (lambda: INTS.astype(np.int8), INTS.astype(np.float32)),
    "uint16": (lambda: BYTES.astype(np.uint16), BYTES.astype(np.float32)),
    "Fortran order": (lambda: np.asfortranarray(FLOATS), FLOATS),
    "negative strides": (lambda: FLOATS[::-1, ::-1], np.ascontiguousarray(FLOATS[::-1, ::-1])),
    "bytes with strides": (lambda: BYTES[::-1], BYTES[::-1].astype(np.float32) / 255),
    "read-only": (read_only, FLOATS),
    "unaligned": (unaligned, FLOATS),
    "subclass": (lambda: FLOATS.view(np.matrix), FLOATS),
    "memoryview": (lambda: mapped(FLOATS), FLOATS),
    "list of lists": (lambda: FLOATS.tolist(), FLOATS),
    "list of ints": (lambda: INTS.tolist(), INTS.astype(np.float32)),
    "list of arrays": (lambda: list(FLOATS), FLOATS),
    "list of tensors": (lambda: [OnlyDlpack(row) for row in FLOATS], FLOATS),
    "list of buffers": (lambda: [array.array("f", row) for row in FLOATS.tolist()], FLOATS),
    "table": (lambda: Table(FLOATS.astype(np.float64)), FLOATS),
    "table of ints": (lambda: Table(INTS), INTS.astype(np.float32)),
    "DLPack alone": (lambda: OnlyDlpack(FLOATS), FLOATS),
    "DLPack of bytes": (lambda: OnlyDlpack(BYTES), BYTES.astype(np.float32) / 255),
    "tensor": (lambda: Tensor(FLOATS), FLOATS),
    "tensor of float64": (lambda: Tensor(FLOATS.astype(np.float64)), FLOATS),
    "tensor with gradients": (lambda: Trained(FLOATS), FLOATS),
}

Y_KINDS: dict[str, Callable[[], Any]] = {
    "int32": lambda: Y.astype(np.int32),
    "uint8": lambda: Y.astype(np.uint8),
    "list": lambda: Y.tolist(),
    "tuple": lambda: tuple(Y.tolist()),
    "array.array": lambda: array.array("q", Y.tolist()),
    "column of a table": lambda: Table(Y),
    "tensor": lambda: Tensor(Y),
    "list of tensors": lambda: [Tensor(np.array(label)) for label in Y],
    "reversed twice": lambda: Y[::-1][::-1],
    "names": lambda: NAMES[Y],
    "list of names": lambda: NAMES[Y].tolist(),
    "names as objects": lambda: Table(NAMES[Y].astype(object)),
}


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(FEATURES, 5, rng=0), nn.Tanh(), nn.Linear(5, CLASSES, rng=1))


def trained(*data: Any, **options: Any) -> nn.Module:
    one = model()
    nn.fit(one, *data, batch_size=5, epochs=2, seed=3, **options)
    return one


@pytest.mark.parametrize("kind", X_KINDS)
def test_samples(kind: str) -> None:
    make, expected = X_KINDS[kind]
    plain = trained(nn.ArrayDataset(expected, Y))
    assert same_bits(snapshot(plain), snapshot(trained(make(), Y)))
    assert same_bits(snapshot(plain), snapshot(trained(make(), y=Y, validation=(make(), Y))))
    assert nn.evaluate(plain, make(), Y) == nn.evaluate(plain, nn.ArrayDataset(expected, Y))
    np.testing.assert_array_equal(nn.predict(plain, make()), nn.predict(plain, expected))
    # The same a batch at a time, and in a data set.
    assert nn.evaluate(plain, [(make(), Y)]) == nn.evaluate(plain, [(expected, Y)])
    assert nn.evaluate(plain, nn.ArrayDataset(make(), Y), loss=nn.CrossEntropyLoss()) == (
        nn.evaluate(plain, expected, Y)
    )


@pytest.mark.parametrize("kind", Y_KINDS)
def test_targets(kind: str) -> None:
    plain = trained(nn.ArrayDataset(FLOATS, Y))
    one = trained(FLOATS, Y_KINDS[kind](), (FLOATS, Y_KINDS[kind]()))
    assert same_bits(snapshot(plain), snapshot(one))
    assert nn.evaluate(one, FLOATS, Y_KINDS[kind]()) == nn.evaluate(plain, FLOATS, Y)
    answers = nn.predict(one, FLOATS, classes=True)
    if "names" in kind:
        assert one.metadata["classes"] == ["ant", "bee", "cow"]
        assert set(answers) <= set(NAMES)
        answers = np.searchsorted(NAMES, answers)
    np.testing.assert_array_equal(answers, nn.predict(plain, FLOATS).argmax(axis=1))


def test_what_fits_is_not_copied() -> None:
    for x in (FLOATS, BYTES, INTS, BOOLS):
        for given in (x, mapped(x), Table(x), OnlyDlpack(x), Tensor(x)):
            assert np.shares_memory(nn.ArrayDataset(given, Y).x, x)
    assert nn.ArrayDataset(FLOATS, Y).x is FLOATS


def test_data_sets_of_pytorch() -> None:
    plain = trained(nn.ArrayDataset(FLOATS, Y))
    for x, y in ((FLOATS, Y), (Tensor(FLOATS), Tensor(Y)), (FLOATS.tolist(), Y.tolist())):
        data = Samples(x, y)
        assert same_bits(snapshot(plain), snapshot(trained(data, data)))
        assert nn.evaluate(plain, data) == nn.evaluate(plain, FLOATS, Y)
        np.testing.assert_array_equal(nn.predict(plain, data), nn.predict(plain, FLOATS))
    pixels = Samples(BYTES, Y)
    assert same_bits(snapshot(trained(BYTES, Y)), snapshot(trained(pixels)))
    named = trained(Samples(FLOATS, NAMES[Y]), (FLOATS, NAMES[Y]))
    assert same_bits(snapshot(plain), snapshot(named))
    assert named.metadata["classes"] == ["ant", "bee", "cow"]
    first, second = nn.random_split(Samples(FLOATS, Y), [0.75, 0.25])  # type: ignore[type-var]
    assert (len(first), len(second)) == (9, 3)
    assert sorted(np.asarray(second.y)) == [0, 1, 2]  # type: ignore[attr-defined]
    batches = list(nn.DataLoader(Samples(FLOATS, Y), 5, workers=3))  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), FLOATS)


def test_a_data_set_of_pytorch_is_read_in_this_thread_a_batch_at_a_time() -> None:
    data = Samples(FLOATS, Y)
    nn.evaluate(model(), data, batch_size=4)
    assert data.read == [0, *range(N)]


def test_loaders_of_pytorch() -> None:
    loader = Loader(FLOATS, Y, 5)
    batches = [(x.values, y.values) for x, y in loader]
    plain = trained(batches)
    assert same_bits(snapshot(plain), snapshot(trained(loader, loader)))
    assert nn.evaluate(plain, loader) == nn.evaluate(plain, batches)
    np.testing.assert_array_equal(nn.predict(plain, loader), nn.predict(plain, FLOATS))


class Sum(nn.Module):
    """A linear layer of the sum of two inputs."""

    def __init__(self) -> None:
        self.linear = nn.Linear(FEATURES, CLASSES, rng=0)

    def forward(self, a: Any, b: Any = 0) -> Any:
        return self.linear(a + b)

    def backward(self, dy: Any) -> Any:
        return self.linear.backward(dy)


def test_several_inputs() -> None:
    both = (FLOATS, BYTES)
    scaled = (FLOATS, BYTES.astype(np.float32) / 255)
    plain, *others = (Sum() for _ in range(4))
    nn.fit(plain, FLOATS + scaled[1], Y, batch_size=5)
    pairs = [((FLOATS[i], BYTES[i]), Y[i]) for i in range(N)]
    data = Samples([x for x, _ in pairs], Y)
    for one, train in zip(others, (nn.ArrayDataset(both, Y), both, data), strict=True):
        y = Y if train is both else None
        history = nn.fit(one, train, y, validation=(both, Y), batch_size=5)
        assert same_bits(snapshot(plain), snapshot(one))
        assert history.records[0].val_loss == pytest.approx(
            nn.evaluate(plain, FLOATS + scaled[1], Y).loss
        )
    expected = nn.predict(plain, FLOATS + scaled[1])
    for given in (both, data, nn.ArrayDataset(both, Y), [(both, Y)], [(scaled, Y)]):
        np.testing.assert_array_equal(nn.predict(plain, given), expected)
        if given is not both:
            assert nn.evaluate(plain, given) == nn.evaluate(plain, both, Y)
    part = nn.ArrayDataset(both, Y)[2:5]
    assert [a.shape for a in part.x] == [(3, FEATURES)] * 2
    assert "samples of shape ((6,), (6,))" in repr(part)


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "dict": (lambda: {"a": FLOATS}, TypeError, "not be a dict of arrays: give a tuple of them"),
    "text": (lambda: "abc", TypeError, "must be an array, a tensor, a table, .* got 'abc'"),
    "None": (lambda: None, TypeError, "got None"),
    "number": (lambda: 3.5, ValueError, "must have an axis of samples, got 3.5"),
    "complex": (lambda: FLOATS + 1j, TypeError, "complex64 .*give .*real"),
    "objects": (lambda: np.array([[1, None]] * N), TypeError, "holds a NoneType among its obj"),
    "objects of numbers": (lambda: FLOATS.astype(object), TypeError, r"astype\(np.float32\)"),
    "dates": (lambda: Y.astype("M8[s]"), TypeError, r"datetime64.*astype\(np.int64\)"),
    "records": (lambda: np.zeros(N, "f4,f4"), TypeError, r"np.stack\(\[.*dtype.names"),
    "words": (lambda: NAMES[Y], TypeError, "pycnn.text.Vocabulary"),
    "masked": (lambda: np.ma.masked_array(FLOATS, FLOATS > 0), TypeError, r"filled\(value\)"),
    "sparse": (lambda: Sparse(FLOATS), TypeError, r"sparse \(Sparse\): give .*toarray\(\)"),
    "on a GPU": (lambda: OnlyDlpack(FLOATS, (2, 1)), TypeError, r"device \(2, 1\) of DLPack.*cpu"),
    "ragged": (lambda: [[1.0, 2.0], [3.0]] * 6, ValueError, "rows of different lengths"),
    "too large": (lambda: FLOATS.astype(np.float64) * 1e300, ValueError, "too large for float32"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_samples_that_are_refused(kind: str) -> None:
    make, error, text = REFUSED[kind]
    one = model()
    before = snapshot(one)
    calls: dict[str, Callable[[], Any]] = {
        "[fit] x": lambda: nn.fit(one, make(), Y),
        "[fit] validation x": lambda: nn.fit(one, FLOATS, Y, (make(), Y)),
        "[evaluate] x": lambda: nn.evaluate(one, make(), Y),
        "[predict] x": lambda: nn.predict(one, make()),
        "[ArrayDataset] x": lambda: nn.ArrayDataset(make(), Y),
    }
    for name, call in calls.items():
        with pytest.raises(error, match=text) as caught:
            call()
        assert str(caught.value).startswith(name)
    assert same_bits(before, snapshot(one))


@pytest.mark.parametrize(
    ("y", "error", "text"),
    [
        (Y[:-1], ValueError, r"one target for each sample \(x: \(12, 6\), y: \(11,\)\)"),
        (np.where(Y > 1, np.nan, Y), ValueError, r"y\[2\] is NaN"),
        (Y + 0j, TypeError, "complex128"),
        (np.array([b"\xff", b"a"] * 6), ValueError, r"bytes that are no ASCII text \(b'\\xff'\)"),
        (["ant", None] * 6, TypeError, "names beside None: give each sample"),
        (["ant", float("nan")] * 6, TypeError, "names beside nan: give each sample"),
        (np.ma.masked_array(Y, Y > 1), TypeError, r"masked array.*filled"),
        (5, ValueError, "axis of samples, got 5"),
        (np.full(N, 2**64 - 1, np.uint64), ValueError, "too large for int64"),
    ],
)
def test_targets_that_are_refused(y: Any, error: type[Exception], text: str) -> None:
    for call in (
        lambda: nn.fit(model(), FLOATS, y),
        lambda: nn.evaluate(model(), FLOATS, y),
        lambda: nn.ArrayDataset(FLOATS, y),
    ):
        with pytest.raises(error, match=text):
            call()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((FLOATS,), TypeError, r"train are samples without targets: .*fit\(model, x, y\)"),
        ((FLOATS[:0], Y[:0]), ValueError, r"x holds no samples \(its shape: \(0, 6\)\)"),
        (((), Y), ValueError, "x is an empty tuple"),
        ((nn.ArrayDataset(FLOATS, Y), (FLOATS, Y), (FLOATS, Y)), TypeError, "has targets of its"),
        ((nn.ArrayDataset(FLOATS, Y), Y), TypeError, "validation are samples without targets"),
        (([{"x": FLOATS, "y": Y}],), TypeError, "samples without|dict"),
        (({"x": FLOATS, "y": Y},), TypeError, "without targets"),
        ((Loader(FLOATS, Y, 4), None, 0.5), TypeError, "share of the training data needs a Data"),
        ((FLOATS, Y, 1.5), ValueError, "share between 0 and 1, got 1.5"),
        ((FLOATS, Y, (FLOATS, NAMES[Y])), ValueError, "nothing says which class of the training"),
        ((FLOATS, NAMES[Y], (FLOATS[:1], ["dog"])), ValueError, "'dog', which is none of the 3"),
        ((iter([(FLOATS, Y, Y)]),), TypeError, "got tuple of 3"),
        ((iter([{"x": FLOATS}]),), TypeError, "got a dict with x: several inputs go in a tuple"),
        ((iter([(FLOATS[0], 1)]),), TypeError, "a single sample with the target 1: .*DataLoader"),
        ((iter([(FLOATS, NAMES[Y])]),), ValueError, "nothing says which class"),
        ((Samples([{"a": 1}], [0]),), TypeError, "holds a dict among"),
        ((Samples([], []),), ValueError, "empty"),
    ],
)
def test_arguments_that_do_not_go_together(
    arguments: tuple[Any, ...], error: type[Exception] | None, text: str
) -> None:
    if error is None:
        nn.fit(model(), *arguments)
        return
    with pytest.raises(error, match=text):
        nn.fit(model(), *arguments)


def test_broken_numbers_in_several_inputs_are_named() -> None:
    bad = FLOATS.copy()
    bad[7, 0] = np.nan
    both = nn.ArrayDataset((FLOATS, bad), Y)
    with pytest.warns(RuntimeWarning, match=r"x\[1\] of batch 2 holds NaN, first in its sample 2"):
        nn.fit(Sum(), [(part.x, part.y) for part in (both[:5], both[5:])])
    with pytest.warns(RuntimeWarning, match=r"sample 7: x\[1\] holds NaN"):
        nn.predict(Sum(), both)
    with pytest.warns(RuntimeWarning, match=r"x\[1\] of batch 1 holds NaN"):
        nn.evaluate(Sum(), both)


def test_images_with_channels_last_are_told_what_to_write() -> None:
    one = nn.Sequential(nn.Conv2d(3, 2, 1, rng=0), nn.GlobalAvgPool2d(), nn.Flatten())
    images = RNG.integers(0, 256, (4, 8, 8, 3), np.uint8)
    for call in (
        lambda x: nn.fit(one, x, Y[:4] % 2),
        lambda x: nn.evaluate(one, x, Y[:4] % 2),
        lambda x: nn.predict(one, x),
    ):
        with pytest.raises(ValueError, match=r"x\.transpose\(0, 3, 1, 2\)"):
            call(images)
        call(images.transpose(0, 3, 1, 2))


def test_probabilities_and_classes() -> None:
    one = model()
    scores = nn.predict(one, FLOATS).astype(np.float64)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(nn.predict_proba(one, FLOATS), expected, rtol=1e-5)
    for last in (nn.Softmax(), nn.LogSoftmax()):
        np.testing.assert_allclose(
            nn.predict_proba(nn.Sequential(one, last), FLOATS), expected, rtol=1e-5
        )
    one.metadata = {"classes": ["0", "1", "2"]}  # not more than the numbers
    assert nn.predict(one, FLOATS, classes=True).dtype == np.int64
    one.metadata = {"classes": NAMES.tolist()}
    broken = FLOATS.copy()
    broken[3] = np.inf
    with pytest.warns(RuntimeWarning, match="hold NaN"):
        answers = nn.predict(one, broken, classes=True)
    assert answers[3] == ""
    np.testing.assert_array_equal(np.delete(answers, 3), NAMES[np.delete(scores.argmax(1), 3)])
    pixels = nn.Sequential(nn.Conv2d(2, CLASSES, 1, rng=0))
    x = RNG.standard_normal((4, 2, 5, 6), np.float32)
    found = nn.predict(pixels, x, classes=True)
    np.testing.assert_array_equal(found, nn.predict(pixels, x).argmax(1))
    np.testing.assert_allclose(nn.predict_proba(pixels, x).sum(1), 1, rtol=1e-5)
    for call in (nn.predict_proba, lambda one, x: nn.predict(one, x, classes=True)):
        with pytest.raises(ValueError, match=r"outputs have shape \(12, 1\): with one logit"):
            call(nn.Linear(FEATURES, 1, rng=0), FLOATS)


def test_a_class_for_each_pixel() -> None:
    one = nn.Sequential(nn.Conv2d(1, CLASSES, 1, rng=0))
    x = RNG.integers(0, 256, (6, 1, 4, 5), np.uint8)
    y = RNG.integers(0, CLASSES, (6, 4, 5), np.uint8)
    nn.fit(one, x, y, validation=0.5, class_weight="balanced", sample_weight=np.arange(6))
    assert nn.evaluate(one, x, y).accuracy == (nn.predict(one, x, classes=True) == y).mean()


def test_a_share_for_validation_is_that_of_random_split() -> None:
    first, second = model(), model()
    train, validation = nn.random_split(nn.ArrayDataset(FLOATS, Y), 0.25, seed=5)
    a = nn.fit(first, FLOATS, Y, validation=0.25, seed=5)
    b = nn.fit(second, train, validation, seed=5)
    assert same_bits(snapshot(first), snapshot(second))
    assert a.records[0].val_loss == b.records[0].val_loss


def test_samples_of_pixels_and_of_others_are_not_mixed() -> None:
    rows = [FLOATS[0], BYTES[1]]
    for call in (
        lambda: nn.fit(model(), Samples(rows, [0, 1]), progress=False),
        lambda: nn.fit(model(), rows, [0, 1], progress=False),
        lambda: nn.predict(model(), rows),
    ):
        with pytest.raises(TypeError, match="x holds samples of float32 and uint8"):
            call()
