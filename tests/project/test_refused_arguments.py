"""Arguments that were refused with bare messages, or only later: each names its owner now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import wrong
from support.small_training import blobs, pairs, small_net

import pycnn
from pycnn import augment, optim
from pycnn.layers import Parameter, SparseRows
from pycnn.losses import CrossEntropyLoss

IMAGES = np.zeros((2, 3, 8, 8), np.float32)
LARGE = np.broadcast_to(np.int64(1), (10**12,))


class Raises:
    """Is no array, and says so in its own way."""

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise ZeroDivisionError


class Nothing(CrossEntropyLoss):
    def __call__(self, output: Any, target: Any) -> Any:
        super().__call__(output, target)


def rows(shape: Any) -> SparseRows:
    return SparseRows(np.array([0]), np.ones((1, 2), np.float32), shape)


def itself() -> dict[str, Any]:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    return loop


def saved(metadata: Any) -> None:
    model = small_net()
    model.metadata = metadata
    pycnn.save("never", model)


def parameter() -> list[Parameter]:
    return [Parameter(np.ones(2, np.float32))]


def adam_with(**entries: Any) -> None:
    adam = optim.Adam(parameter())
    adam.params[0].grad = np.ones(2, np.float32)
    adam.step()
    state = adam.state_dict()
    state["state"][0] |= entries
    optim.Adam(parameter()).load_state_dict(state)


CALLS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    *((lambda s=s: rows(s), TypeError, "SparseRows. shape must be") for s in (None, 1, IMAGES)),
    (lambda: rows((2.0, 2)), TypeError, "SparseRows. shape must be an int"),
    *(
        (lambda p=p: pycnn.save(p, small_net()), TypeError, "save. path must be a path")
        for p in (2**32, b"x", None)
    ),
    *(
        (lambda p=p: pycnn.load(p, small_net()), TypeError, "load. path must be a path")
        for p in (3, b"x", None)
    ),
    *(
        (lambda p=p: pycnn.load_model(p), TypeError, "load_model. path must be a path")
        for p in (3, b"x", None)
    ),
    (
        lambda: pycnn.save("a\0b", small_net()),
        ValueError,
        "save. path must not hold a null character",
    ),
    (
        lambda: pycnn.load_model("a\0b"),
        ValueError,
        "load_model. path must not hold a null character",
    ),
    (
        lambda: small_net().summary(wrong((1, "a"))),
        TypeError,
        "summary. input_shape must be an int",
    ),
    (lambda: small_net().summary((-1, -1)), ValueError, "summary. input_shape must be at least"),
    (lambda: small_net().summary((1,) * 10**5), ValueError, "summary. input_shape is too large"),
    (lambda: small_net().summary((10**9, 10**9)), ValueError, "summary. input_shape is too"),
    (lambda: small_net().to(wrong(["cpu"])), TypeError, "Module.to. device must be a str"),
    (lambda: small_net().to(wrong(IMAGES)), TypeError, "Module.to. device must be a str"),
    (
        lambda: augment.RandomCrop(8)(IMAGES, wrong(None)),
        TypeError,
        "RandomCrop. rng must be a Gen",
    ),
    (
        lambda: augment.RandomHorizontalFlip()(IMAGES, wrong(None)),
        TypeError,
        "RandomHorizontalFlip. rng must be a Gen",
    ),
    (
        lambda: augment.RandomAffine(5)(IMAGES, wrong(1)),
        TypeError,
        "RandomAffine. rng must be a Gen",
    ),
    (
        lambda: augment.ColourPCA(0.1, np.ones(3), np.eye(3))(IMAGES, wrong(None)),
        TypeError,
        "ColourPCA. rng must be a Gen",
    ),
    (lambda: augment.Normalise(wrong(Raises())), TypeError, "Normalise. mean must be numbers"),
    (lambda: augment.Normalise(0.0, wrong(LARGE)), TypeError, "Normalise. std must be numbers"),
    (
        lambda: pycnn.ArrayDataset(IMAGES, wrong(Raises())),
        TypeError,
        "ArrayDataset. y, of type Raises",
    ),
    (lambda: pycnn.ArrayDataset(IMAGES, wrong(range(10**9))), TypeError, "ArrayDataset. y must be"),
    (
        lambda: pycnn.ArrayDataset(IMAGES, np.broadcast_to(1.0, (10**12,))),
        ValueError,
        "ArrayDataset. needs one target for each sample",
    ),
    (
        lambda: pycnn.random_split(range(10**9), 0.5),
        TypeError,
        "random_split. data must be a Dataset",
    ),
    (lambda: pycnn.k_fold(range(10**9), 5), TypeError, "k_fold. data must be a Dataset"),
    (
        lambda: pycnn.evaluate(small_net(), blobs(4), loss=wrong(3)),
        TypeError,
        "evaluate. loss must be",
    ),
    (
        lambda: pycnn.evaluate(small_net(), blobs(4), loss=Nothing()),
        TypeError,
        "evaluate. the loss must give one number, gave NoneType",
    ),
    (
        lambda: pycnn.fit(small_net(), pairs(4), loss=Nothing(), progress=False),
        TypeError,
        "fit. the loss must give one number, gave NoneType",
    ),
    (lambda: pycnn.predict(small_net(), np.array(2.0)), ValueError, "predict. x must have an"),
    (lambda: saved(itself()), ValueError, "save. metadata is nested too deep"),
    (lambda: optim.SGD(parameter(), 1e300), ValueError, "SGD. lr must be a finite float32"),
    (lambda: optim.SGD(parameter(), momentum=1e300), ValueError, "SGD. momentum must be"),
    (lambda: optim.SGD(parameter(), weight_decay=1e39), ValueError, "SGD. weight_decay must"),
    (lambda: optim.Adam(parameter(), eps=1e300), ValueError, "Adam. eps must be a finite"),
    (lambda: adam_with(step=2**63), ValueError, "Adam. step of parameter 0 must be a whole"),
    (
        lambda: adam_with(exp_avg_sq=-np.ones(2, np.float32)),
        ValueError,
        "Adam. exp_avg_sq of parameter 0 holds negative numbers",
    ),
]


@pytest.mark.parametrize(("call", "kind", "text"), CALLS, ids=[text for _, _, text in CALLS])
def test_the_owner_of_a_wrong_argument_is_named(
    call: Callable[[], Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=rf"^.{text}"):
        call()
    assert not Path("never").exists()


def test_a_file_name_with_a_nul_is_named() -> None:
    with pytest.raises(ValueError, match=r"a.*b is no file"):
        pycnn.datasets.idx.read_idx("a\0b")
