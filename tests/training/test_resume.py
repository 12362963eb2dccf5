"""Resuming `fit` from its checkpoint: the same bits, whenever and wherever it died."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.resuming import Die, DiedError, died, rewrite, trained
from support.small_training import blobs, pairs, same_bits, small_net

import pycnn
from pycnn import io
from pycnn.augment import RandomCrop
from pycnn.data import Batches
from pycnn.layers import Module, Sequential
from pycnn.loader import DataLoader
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD, Adam
from pycnn.training import Callback, EarlyStopping, Run, fit

# 7 steps in an epoch, 21 in all.
MOMENTS = [Die(1), Die(3), Die(6), Die(7), Die(8), Die(13), Die(21), Die(epoch=1), Die(epoch=3)]


@pytest.mark.parametrize("every", [1, 3, None])
def test_a_training_that_dies_anywhere_is_resumed_to_the_same_bits(
    every: int | None, path: Path
) -> None:
    plain = trained()
    for die in MOMENTS:
        path.unlink(missing_ok=True)
        died(die, checkpoint=path, every=every)
        resumed = trained(checkpoint=path, every=every, resume=True)
        assert resumed == plain


def own_loader() -> dict[str, Any]:
    return {"train": DataLoader(blobs(200), 32, seed=5, augment=RandomCrop(8, 1), workers=3)}


def in_order() -> dict[str, Any]:
    return {"train": Batches(blobs(200), 32)}


class Shuffled(Batches):
    """A loader with its own pass."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for x, y in super().__iter__():
            yield -x, y


def own_pass() -> dict[str, Any]:
    return {"train": Shuffled(blobs(200), 32, seed=1)}


def own_batches() -> dict[str, Any]:
    return {"train": pairs(200)}


def augmented() -> dict[str, Any]:
    return {"augment": RandomCrop(8, padding=1)}


def ignoring() -> dict[str, Any]:
    batches = pairs(200)
    batches[3] = (batches[3][0], np.full_like(batches[3][1], -100))
    return {"train": batches, "loss": CrossEntropyLoss(ignore_index=-100)}


def ignoring_all() -> dict[str, Any]:
    return {"train": [(x, np.full_like(y, -100)) for x, y in pairs(200)]}


def momentum() -> dict[str, Any]:
    make = lambda params: SGD(params, 0.05, momentum=0.9, dampening=0.1)  # noqa: E731
    return {"optimizer": make, "schedule": None, "max_grad_norm": 0.5}


class Falling(Callback):
    """Lowers the learning rate by itself."""

    def on_step(self, run: Run) -> None:
        run.optimizer.lr *= 0.9


def falling() -> dict[str, Any]:
    return {"schedule": None, "callbacks": [Die(12), Falling()]}


def stopping() -> dict[str, Any]:
    stop = EarlyStopping("val_loss", patience=1, min_delta=10.0, restore_best=True)
    return {"callbacks": [Die(12), stop], "epochs": 9}


class StopAfter(Callback):
    """Asks for the end after an epoch, from a step in the middle of it."""

    def on_step(self, run: Run) -> None:
        if run.step == 10:
            run.stop("enough")


def stopped() -> dict[str, Any]:
    return {"callbacks": [Die(12), StopAfter()]}


class Noise(Module):
    """A random layer that knows nothing of `reseed`, with a generator of another kind."""

    def __init__(self) -> None:
        self.own = np.random.Generator(np.random.MT19937(3))

    def forward(self, x: np.ndarray) -> np.ndarray:
        if self.training:
            x = x + self.own.normal(0, 0.1, x.shape).astype(np.float32)
        return x

    def backward(self, dy: np.ndarray) -> np.ndarray:
        return dy


def noisy() -> dict[str, Any]:
    frozen = pycnn.BatchNorm2d(1).eval()
    return {"model": Sequential(frozen, Noise(), small_net(dropout=0.5))}


KINDS = [
    own_loader, in_order, own_pass, own_batches, augmented, ignoring, ignoring_all, momentum,
    falling, stopping, stopped, noisy,
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*no target of epoch:RuntimeWarning")  # of ignoring_all
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_training_is_resumed_to_the_same_bits(kind: Any, path: Path) -> None:
    def once(step: int, **checkpoint: Any) -> dict[str, Any]:
        options = kind()
        callbacks = options.pop("callbacks", [Die()])
        callbacks[0].step = step
        return {**options, "callbacks": callbacks, **checkpoint}

    plain = trained(**once(-1))
    moments = [Die(12), Die(8)] if plain.history["loss"][0] > 0 else [Die(epoch=2)]
    for die in moments:
        path.unlink(missing_ok=True)
        options = once(die.step, checkpoint=path, every=2)
        options["callbacks"][0].epoch = die.epoch
        with pytest.raises(DiedError):
            trained(**options)
        assert trained(**once(-1, checkpoint=path, every=2, resume=True)) == plain


def test_a_dataset_does_not_make_again_what_is_done(path: Path) -> None:
    made = []

    def count(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        made.append(len(x))
        return x

    died(Die(13), checkpoint=path, every=1, augment=count)
    made.clear()
    trained(checkpoint=path, resume=True, augment=count)
    assert len(made) == 21 - 12


def test_a_generator_gives_again_what_is_done(path: Path) -> None:
    options: dict[str, Any] = {"epochs": 1, "schedule": None, "validation": None}
    plain = trained(train=iter(pairs(200)), **options)
    died(Die(5), train=iter(pairs(200)), checkpoint=path, every=1, **options)
    with pytest.raises(ValueError, match="fewer than the 4 batches of the epoch that is resumed"):
        trained(train=iter(pairs(96)), checkpoint=path, resume=True, **options)
    assert trained(train=iter(pairs(200)), checkpoint=path, resume=True, **options) == plain


def test_a_finished_training_gives_its_history_at_once(path: Path) -> None:
    first = trained(checkpoint=path)
    before = path.read_bytes()

    class Never(Die):
        def on_step(self, run: Run) -> None:
            raise AssertionError

    Never.__name__ = "Die"
    again = trained(checkpoint=path, resume=True, callbacks=[Never()])
    assert again == first
    assert again.history.records == first.history.records  # with their times
    assert path.read_bytes() == before


def test_the_time_of_an_epoch_is_that_of_all_processes(path: Path) -> None:
    died(Die(6), checkpoint=path, every=1)
    parts = io.read_parts(path)[2]["inside"]
    parts["seconds"] += 100.0
    rewrite(path, inside=parts)
    resumed = trained(checkpoint=path, resume=True)
    assert 100 < resumed.history.seconds < 200


def test_a_device_saves_and_resumes(device: str, path: Path) -> None:
    def once(**options: Any) -> dict[str, np.ndarray]:
        model = small_net(dropout=0.5).to(device)
        data = blobs(40)
        fit(model, data, epochs=2, batch_size=16, optimizer=Adam(model.parameters()), **options)
        return {name: pycnn.devices.on_cpu(a) for name, a in model.state_dict().items()}

    plain = once(callbacks=[Die()])
    with pytest.raises(DiedError):
        once(callbacks=[Die(4)], checkpoint=path, every=1)
    assert same_bits(once(callbacks=[Die()], checkpoint=path, resume=True), plain)
