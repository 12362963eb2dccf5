"""Training and validation data, and weights, from the arguments of `fit`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from numbers import Real
from typing import Any, NamedTuple

from pycnn._arguments import flag, written
from pycnn.data import Augment, Batches, Dataset, Index
from pycnn.layers.module import Module
from pycnn.loader import batches_of
from pycnn.splits import split_positions
from pycnn.training.given import (
    CLASSES,
    Data,
    carries_targets,
    check_same_classes,
    data_of,
    names_of,
)
from pycnn.training.run import TrainingRun
from pycnn.training.weights import ClassWeights, SampleWeights, sample_weights


class Given(NamedTuple):
    """What `fit` trains with.

    Attributes
    ----------
    train : Dataset or iterable of (x, y)
        Training data.
    validation : Dataset, iterable of (x, y) or None
        Validation data.
    classes : tuple of str
        Names of the classes; those of the model's metadata if the data have none.
    named : bool
        Whether targets are names, which belong to the model then.
    samples : int or None
        Samples of the training data before a share of them was set aside; None for batches.
    positions : int64 array or None
        Which of them are in `train`; None for all.
    """

    train: Data
    validation: Data | None
    classes: tuple[str, ...]
    named: bool
    samples: int | None
    positions: Index | None

    def class_weights(self, given: Any, ignored: int | None) -> ClassWeights | None:
        """Return the argument `class_weight`, for a loss that ignores a target."""
        if given is None:
            return None
        held = _held(self.train)
        targets = held.y if isinstance(held, Dataset) else None
        return ClassWeights(given, self.classes, targets, ignored)

    def sample_weights(self, given: Any, batches: Any) -> SampleWeights | None:
        """Return the argument `sample_weight`, for these batches of the training data."""
        if given is None:
            return None
        if self.samples is None or not isinstance(batches, Batches):
            raise ValueError(
                "[fit] sample_weight needs a Dataset or arrays: batches of your own come as they "
                "are, and a loss of your own can weigh them"
            )
        weights = sample_weights(given, self.samples)
        return SampleWeights(
            weights if self.positions is None else weights[self.positions], batches
        )


def given_data(model: Module, train: Any, y: Any, validation: Any, seed: int) -> Given:
    """Take the arguments of `fit` that hold data.

    Raises
    ------
    TypeError, ValueError
        If they are not as `fit` states.
    """
    if y is not None and carries_targets(train):
        if validation is not None:
            raise TypeError(
                f"[fit] y goes with samples x, and {type(train).__name__} has targets of its own: "
                "give fit(model, data, validation=...)"
            )
        y, validation = None, y
    known = names_of(model)
    data = data_of("fit", "train", train, y, model, known)
    held = _held(data)
    named = bool(getattr(held, "named", False))
    classes = tuple(getattr(held, "classes", ())) or known
    _check_known(named, classes, known)
    size = len(held) if isinstance(held, Dataset) else None
    positions = None
    if isinstance(validation, Real) and not isinstance(validation, bool):
        data, validation, positions = _set_aside(data, float(validation), seed)
    elif validation is not None:
        validation = _validation(model, validation, classes)
        if not classes and getattr(_held(validation), "named", False):
            raise ValueError(
                "[fit] the targets of validation are names, and nothing says which class of the "
                "training data each one is: give names in both, or model.metadata = {'classes': "
                "[...]}"
            )
        check_same_classes(held, _held(validation), "validation")
    return Given(data, validation, classes, named, size, positions)


@contextmanager
def names_in(model: Module, given: Given, run: TrainingRun) -> Iterator[None]:
    """Keep the names of the classes in the metadata of the model.

    An error before the first update takes them back: other names may be right the next time.
    """
    before = dict(model.metadata)
    if given.named:
        model.metadata = {**before, CLASSES: list(given.classes)}
    try:
        yield
    except Exception:
        if given.named and not run.step:
            model.metadata = before
        raise


def _held(data: Data) -> Any:
    """Return the data set of batches that pycnn makes of one; anything else as it is."""
    is_plain = isinstance(data, Batches) and type(data).__iter__ is Batches.__iter__
    return data.data if is_plain else data  # type: ignore[union-attr]


def _check_known(named: bool, classes: tuple[str, ...], known: tuple[str, ...]) -> None:
    """Refuse names in another order than the model has learned them in."""
    if named and known and classes != known:
        raise ValueError(
            f"[fit] the model has the classes {written(list(known))} in its metadata, and the "
            f"training data {written(list(classes))}: give the data the same ones, or "
            "model.metadata = {} to begin anew"
        )


def _set_aside(data: Data, share: float, seed: int) -> tuple[Dataset, Dataset, Index]:
    """Part the training data in two; return both, and which samples are in the first."""
    if not isinstance(data, Dataset):
        raise TypeError(
            f"[fit] validation must be a Dataset or give batches (x, y), got {share}: a share of "
            "the training data needs a Dataset or arrays; pycnn.random_split parts a data set"
        )
    if not 0.0 < share < 1.0:
        raise ValueError(f"[fit] validation must be a share between 0 and 1, got {share}")
    if len(data) < 2:
        raise ValueError(f"[fit] validation={share} needs at least two samples, got {len(data)}")
    first, second = split_positions(data, share, seed)
    return data[first], data[second], first


def _validation(model: Module, value: Any, classes: tuple[str, ...]) -> Data:
    """Return validation data, of which (x, y) is one form."""
    is_pair = isinstance(value, (tuple, list)) and len(value) == 2 and not carries_targets(value)
    if is_pair or (isinstance(value, tuple) and len(value) == 2 and _is_pair_of_inputs(value)):
        x, y = value
        return data_of("fit", "validation", x, y, model, classes)
    return data_of("fit", "validation", value, None, model, classes)


def _is_pair_of_inputs(value: tuple[Any, Any]) -> bool:
    """Return whether this is ((a, b), y), rather than two batches ((x, y), (x, y))."""
    x, y = value
    return isinstance(x, tuple) and not isinstance(y, tuple)


def batches_for_fit(
    train: Data, batch_size: int, seed: int, augment: Augment | None, drop_last: bool
) -> Iterable[tuple[Any, Any]]:
    """Return the batches of an epoch of the training."""
    if isinstance(train, Dataset):
        return batches_of(train, batch_size, seed, augment, drop_last)
    if flag("fit", "drop_last", drop_last):
        raise ValueError("[fit] drop_last needs a Dataset: batches of your own come as they are")
    if augment is not None:
        raise ValueError(
            "[fit] augment needs a Dataset or arrays: batches of your own come as they are"
        )
    return train
