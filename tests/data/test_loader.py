"""Batches from background threads: the same bits as without, and no thread left behind."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.small_training import blobs, empty, same_bits, small_net, snapshot

from pycnn.augment import RandomAffine
from pycnn.data import ArrayDataset, Batches, Dataset
from pycnn.loader import DataLoader, batches_of
from pycnn.training import evaluate, fit


class Pictures:
    """A data set that makes its samples on demand, and counts them."""

    def __init__(self, data: ArrayDataset, broken: int = -1) -> None:
        self.data, self.y, self.classes, self.name = data, data.y, data.classes, "pictures"
        self.broken = broken
        self.gathered = 0

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: Any) -> Pictures:
        return Pictures(self.data[index])

    def gather(self, index: np.ndarray) -> np.ndarray:
        if self.broken in index:
            raise OSError(f"picture {self.broken} is broken")
        self.gathered += 1
        return self.data.gather(index)  # type: ignore[no-any-return]


def loaders() -> set[threading.Thread]:
    return {t for t in threading.enumerate() if t.name.startswith("pycnn-loader")}


def no_loader_left() -> bool:
    for thread in loaders():
        thread.join(10)
    return not loaders()


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("ahead", [1, 4])
@pytest.mark.parametrize("seed", [None, 3])
def test_batches_are_those_of_batches(workers: int, ahead: int, seed: int | None) -> None:
    data, augment = blobs(23), RandomAffine(20)
    plain = Batches(data, 4, seed, augment)
    loaded = DataLoader(Pictures(data), 4, seed, augment, workers, ahead)
    assert len(loaded) == len(plain) == 6
    for _ in range(2):  # the second pass has another order
        for (x, y), (x2, y2) in zip(plain, loaded, strict=True):
            assert x.tobytes() == x2.tobytes()
            np.testing.assert_array_equal(y, y2)
    assert no_loader_left()


def test_no_more_than_ahead_is_prepared() -> None:
    data = Pictures(blobs(100))
    batches = iter(DataLoader(data, 1, workers=3, ahead=2))
    next(batches)
    for taken in (2, 3, 4):
        time.sleep(0.05)
        assert data.gathered <= taken + 1
        next(batches)
    batches.close()
    assert no_loader_left()


@pytest.mark.parametrize("how", ["break", "forget", "close", "raise"])
def test_threads_end_with_the_iterator(how: str) -> None:
    loader = DataLoader(Pictures(blobs(50)), 1, workers=3)
    if how == "break":
        for _ in loader:
            assert loaders()
            break
    elif how == "forget":
        batches = iter(loader)
        next(batches)
        del batches
    elif how == "close":
        batches = iter(loader)
        next(batches)
        batches.close()
    else:
        with pytest.raises(TypeError, match="labels"):
            fit(small_net(), loader, loss=BadLoss())
    assert no_loader_left()


class BadLoss:
    def __call__(self, output: Any, target: Any) -> float:
        raise TypeError("no labels")

    def backward(self) -> Any:
        raise AssertionError


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_is_raised_at_its_batch(workers: int) -> None:
    data = Pictures(blobs(40), broken=17)
    batches = iter(DataLoader(data, 4, workers=workers))
    for _ in range(4):
        next(batches)
    with pytest.raises(OSError, match="picture 17 is broken"):
        next(batches)
    assert no_loader_left()
    with pytest.raises(OSError, match="picture 17 is broken"):
        evaluate(small_net(), data, batch_size=8)
    assert no_loader_left()


def test_threads_end_with_the_program() -> None:
    code = (
        "import time, numpy as np, pycnn\n"
        "class Slow(pycnn.ArrayDataset):\n"
        "    def gather(self, index):\n"
        "        time.sleep(0 if 0 in index else 60)\n"
        "        return super().gather(index)\n"
        "data = Slow(np.zeros((9, 1), np.float32), np.zeros(9, np.int64))\n"
        "batches = iter(pycnn.DataLoader(data, 1))\n"
        "next(batches)\n"
        "raise SystemExit(7)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (7, b"")


def test_fit_and_evaluate_use_it_where_there_is_work() -> None:
    data = blobs(30)
    assert type(batches_of(data, 8)) is Batches
    assert type(batches_of(data, 8, 0, RandomAffine(5))) is DataLoader
    assert type(batches_of(Pictures(data), 8)) is DataLoader
    models = [small_net(), small_net()]
    sets: tuple[Dataset, ...] = (data, Pictures(data))
    for model, train in zip(models, sets, strict=True):
        fit(model, train, data, epochs=2, batch_size=8, augment=RandomAffine(5))
    assert same_bits(*map(snapshot, models))
    assert evaluate(models[0], Pictures(data)) == evaluate(models[0], data)
    assert no_loader_left()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"workers": 0}, ValueError, "workers must be at least 1"),
        ({"ahead": 0}, ValueError, "ahead must be at least 1"),
        ({"workers": 1.5}, TypeError, "workers must be an int"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"batch_size": True}, TypeError, "batch_size must be an int, got bool"),
        ({"data": empty()}, ValueError, "the data set is empty"),
        ({"data": np.ones(5)}, TypeError, r"data must be a Dataset, got ndarray; .*ArrayDataset"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": "a"}, TypeError, "seed must be an int, got str"),
        ({"augment": 3}, TypeError, r"augment must be a function of \(x, rng\) .*, got 3"),
    ],
)
def test_wrong_settings(options: dict[str, Any], error: type[Exception], text: str) -> None:
    kinds: list[Callable[..., Any]]
    kinds = [DataLoader] if options.keys() & {"workers", "ahead"} else [Batches, DataLoader]
    for kind in kinds:
        with pytest.raises(error, match=rf"^\[{kind.__name__}\] {text}"):
            kind(**({"data": blobs(5), "batch_size": 2} | options))


def test_other_arguments_of_pytorch_are_explained() -> None:
    with pytest.raises(
        TypeError, match=r"^\[DataLoader\] .* 'num_workers': shuffle=True or seed=0"
    ):
        DataLoader(blobs(5), 2, num_workers=3)


def test_shuffle_and_drop_last_are_those_of_pytorch() -> None:
    data = blobs(10)
    orders = [
        [y.tolist() for _, y in DataLoader(data, 4, **options)]
        for options in ({"shuffle": True}, {"seed": 0}, {"shuffle": False}, {})
    ]
    assert orders[0] == orders[1] != orders[2] == orders[3]
    for make in (DataLoader, Batches):
        loader = make(data, 4, 3, drop_last=True)
        assert [len(y) for _, y in loader] == [4, 4]
        assert len(loader) == 2
        with pytest.raises(
            ValueError, match="drop_last leaves nothing of 10 samples in batches of"
        ):
            make(data, 11, drop_last=True)
    with pytest.raises(ValueError, match=r"shuffle=False keeps the order, and takes no seed"):
        DataLoader(data, 4, seed=1, shuffle=False)


@pytest.mark.parametrize(
    ("augment", "error", "text"),
    [
        (lambda x, _: x[1:], ValueError, r"keep the 2 samples of a batch, gave \(1, 1, 8, 8\)"),
        (lambda x, _: np.ones(()), ValueError, r"keep the 2 samples of a batch, gave \(\)"),
        (lambda x, _: None, TypeError, "give an array, got NoneType"),
    ],
)
def test_what_augmentation_gives_is_checked(
    augment: Any, error: type[Exception], text: str
) -> None:
    for kind in (Batches, DataLoader):
        with pytest.raises(error, match=rf"^\[{kind.__name__}\] augment must {text}"):
            list(kind(blobs(4), 2, augment=augment))
