"""Outputs of a trained model for new samples: scores, classes, probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycnn import ops
from pycnn._arguments import flag
from pycnn._streams import warn
from pycnn.autograd.structure import leaves, mapped
from pycnn.devices import on_cpu
from pycnn.layers import LogSoftmax, Module, Sequential, Softmax
from pycnn.layers.parameter import Array
from pycnn.layers.turns import between_steps
from pycnn.training.answers import answers, are_probabilities
from pycnn.training.evaluation import BATCH_SIZE, passes_of
from pycnn.training.given import batches_of_inputs, count_of, names_of
from pycnn.training.nonfinite import first_nonfinite, in_batch
from pycnn.training.other_names import naming_the_cure
from pycnn.training.session_model import SessionModel, model_of

if TYPE_CHECKING:
    from pycnn.inference import InferenceSession


@naming_the_cure
def predict(
    model: Module | InferenceSession,
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
    classes: bool = False,
    session: bool = False,
) -> Any:
    """Compute the outputs of a model for many samples, in evaluation mode.

    Parameters
    ----------
    model : Module or InferenceSession
        The model. Nothing is written to it, so that any number of threads may run it at once, even
        while another one trains it: each batch then sees the model between two steps.
    x : (N, ...) array-like, tuple of them, Dataset, or iterable of batches
        Samples, see `pycnn.fit`: a tuple for a model of several inputs. Targets of a data set, and
        of batches (x, y), are ignored.
    batch_size : int
        Samples in a forward pass, for anything but batches.
    classes : bool
        Whether to return the answers instead of the outputs.
    session : bool
        Whether to run the model as an `InferenceSession`, which is kept for the next call with
        samples of this shape. Every layer and number of the model is compared before it is used, so
        that a changed model gets a new one; the comparison reads all parameters twice.

    Returns
    -------
    (N, ...) float32 array
        Outputs of the last layer; a tuple, list or dict of arrays if the model gives these several
        in one. For a classifier these
        are the logits, of which the largest is the answer; `predict_proba` turns them into
        probabilities. `Module.scores` turns other outputs, such as distances, into scores.
    (N,) array
        With ``classes=True`` the class of the largest score of each sample, int64; or its name
        (str), if the metadata of the model have names other than the numbers. A sample whose scores
        are not finite has the answer -1, or the empty name. For scores (N, C, H, W) it is
        (N, H, W).

    Raises
    ------
    TypeError
        If an argument has a wrong type.
    ValueError
        If `batch_size` is not positive, the shape of the samples does not fit the model, or there
        are no scores to choose a class from.

    Warns
    -----
    RuntimeWarning
        If outputs hold NaN, with the first sample and the layer.
    """
    flag("predict", "classes", classes)
    module = model_of("predict", model)
    outputs = _outputs("predict", module, x, batch_size, session)
    return _answers(module, _scores("predict", module, outputs)) if classes else outputs


@naming_the_cure
def predict_proba(
    model: Module | InferenceSession,
    x: Any,
    *,
    batch_size: int = BATCH_SIZE,
    session: bool = False,
) -> Array:
    """Compute the probabilities of the classes: the softmax of the scores.

    ``p[n, c] = exp(s[n, c]) / sum_k exp(s[n, k])``, with the scores s of `Module.scores`. Outputs
    that are probabilities already, with the sum 1 for each sample, are taken as they are; of a
    model that ends in a `LogSoftmax` they are the exponential.

    Parameters
    ----------
    model, x, batch_size, session
        As for `predict`.

    Returns
    -------
    (N, C) or (N, C, ...) float32 array
        Probabilities; along axis 1 they sum to 1.

    Raises
    ------
    TypeError, ValueError
        As from `predict`; ValueError also if there is but one output for each sample.

    Notes
    -----
    Where several classes may be true at once (`BCEWithLogitsLoss`), each has a probability of its
    own, ``pycnn.ops.sigmoid(predict(model, x))``.
    """
    last = module = model_of("predict_proba", model)
    outputs = _outputs("predict_proba", module, x, batch_size, session)
    scores = _scores("predict_proba", module, outputs)
    while isinstance(last, Sequential) and len(last):
        last = last[-1]
    if isinstance(last, Softmax) or are_probabilities(scores):
        return scores
    if isinstance(last, LogSoftmax) or (
        isinstance(last, SessionModel) and last.session.gives_logarithms
    ):
        return np.exp(scores)
    rows = np.ascontiguousarray(np.moveaxis(scores, 1, -1))
    probabilities = ops.softmax(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape)
    return np.ascontiguousarray(np.moveaxis(probabilities, -1, 1))


def _outputs(owner: str, model: Module, x: Any, batch_size: int, session: bool) -> Any:
    outputs: list[Any] = []
    count = broken = 0
    first: tuple[int, Any] | None = None
    batches = batches_of_inputs(owner, model, x, batch_size)
    passes = passes_of(owner, model, session)
    passes.to_come = count_of(x, batch_size)
    for batch in batches:
        output = passes.replayed(batch)
        if output is None:
            with between_steps(model):
                output = mapped(on_cpu, passes.run(batch))
        length = _length(batch)
        bad = np.flatnonzero(_nan_rows(output, length))
        if len(bad) and first is None:
            first = count + int(bad[0]), _rows(batch, bad[:1])
        count, broken = count + length, broken + len(bad)
        outputs.append(output)
    if not outputs:
        raise ValueError(f"[{owner}] x gives no batch")
    if first is not None:
        index, sample = first
        bad_input = not isinstance(sample, tuple) and in_batch(sample)
        where = "its x is not finite" if bad_input else first_nonfinite(model, sample)
        warn(
            f"[{owner}] the outputs of {broken:,} of {count:,} samples hold NaN, first those of "
            f"sample {index}: {where}"
        )
    joined = (_joined(owner, parts) for parts in zip(*map(leaves, outputs), strict=True))
    return mapped(lambda _: next(joined), outputs[0])


def _joined(owner: str, parts: tuple[Any, ...]) -> Any:
    """Return one of the outputs of all batches."""
    if all(part is None for part in parts):
        return None
    if not all(isinstance(part, np.ndarray) and part.ndim for part in parts):
        raise ValueError(
            f"[{owner}] each output of the model must have an axis of samples, one has shape (): "
            "let forward return it only if self.training"
        )
    return np.concatenate(parts)


def _nan_rows(output: Any, length: int) -> Any:
    """Return which samples have outputs that hold NaN."""
    bad = np.zeros(length, np.bool_)
    for part in leaves(output):
        if isinstance(part, np.ndarray) and part.shape[:1] == (length,) and np.isnan(part).any():
            bad |= np.isnan(part).reshape(length, -1).any(axis=1)
    return bad


def _rows(batch: Any, index: Any) -> Any:
    return tuple(p[index] for p in batch) if isinstance(batch, tuple) else on_cpu(batch)[index]


def _length(batch: Any) -> int:
    return len(batch[0] if isinstance(batch, tuple) else batch)


def _scores(owner: str, model: Module, outputs: Any) -> Array:
    """Return scores with the classes along axis 1."""
    if not isinstance(outputs, np.ndarray):
        raise ValueError(
            f"[{owner}] classes need one array of scores, and the model gives a "
            f"{type(outputs).__name__} of {len(outputs)}: take them from predict(model, x)"
        )
    if outputs.ndim < 2 or outputs.shape[1] < 2:
        raise ValueError(
            f"[{owner}] classes need a score for each, (N, C) with C > 1, and the outputs have "
            f"shape {outputs.shape}: with one logit for each sample the answer is "
            "predict(model, x) > 0"
        )
    return model.scores(outputs)


def _answers(model: Module, scores: Array) -> Array:
    found = answers(np.moveaxis(scores, 1, -1))
    names = names_of(model)
    if len(names) != scores.shape[1] or names == tuple(map(str, range(len(names)))):
        return found
    return np.array([*names, ""])[found]  # -1, no answer, takes the last one
