"""Draw which classes are mistaken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pycnn._arguments import integer
from pycnn.layers.module import Module
from pycnn.plot.canvas import INK, PathLike, class_names, finish, new_figure
from pycnn.training.answers import NO_ANSWER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Counts = npt.NDArray[np.int64]

# Up to this many classes each cell shows its number, and each class its name.
MOST_NUMBERS, MOST_NAMES = 26, 60


def confusion_counts(truth: npt.ArrayLike, predicted: npt.ArrayLike, classes: int) -> Counts:
    """Count the samples of each true class (rows) by predicted class (columns).

    Parameters
    ----------
    truth, predicted : (N,) arrays of int
        Classes, 0 to ``classes - 1``; a prediction of -1 means no answer and is not counted.
    classes : int
        Number of classes, C.

    Returns
    -------
    (C, C) int64 array
        The counts.

    Raises
    ------
    ValueError
        If the lengths differ or a class is not one of 0 to ``C - 1``.
    """
    classes = integer("confusion_counts", "classes", classes, 1, 2**15)
    rows, columns = np.asarray(truth), np.asarray(predicted)
    if rows.ndim != 1 or rows.shape != columns.shape:
        raise ValueError(
            "a confusion matrix needs one prediction for each label "
            f"(labels: {rows.shape}, predictions: {columns.shape})"
        )
    answered = columns != NO_ANSWER
    rows, columns = _checked("label", rows, classes)[answered], columns[answered]
    columns = _checked("prediction", columns, classes)
    flat = np.bincount(rows.astype(np.int64) * classes + columns, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def _checked(name: str, values: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Return labels or predictions, after checking that they are classes."""
    if values.size and not (values.dtype.kind in "iu" and values.min() >= 0):
        raise ValueError(
            f"[confusion_counts] a {name} must be an int from 0, got {values.min()} "
            f"({values.dtype})"
        )
    if values.size and values.max() >= classes:
        raise ValueError(
            f"[confusion_counts] {name} {values.max()} is none of the {classes} classes"
        )
    return values


def confusion_matrix(
    truth: npt.ArrayLike,
    predicted: npt.ArrayLike,
    classes: Sequence[str] | int | None = None,
    path: PathLike | None = None,
    title: str = "",
) -> Figure:
    """Draw how many samples of each class (row) were predicted as each class (column).

    Right answers are blue and wrong ones orange; the larger the share of the row, the darker.
    Shares of errors are drawn as their square roots; otherwise one per cent would be invisible.

    Parameters
    ----------
    truth, predicted : (N,) arrays of int, or of names
        Classes. Predictions are, for example, ``predict(model, test, classes=True)``; -1, or an
        empty name, means no answer, as for NaN scores. The heading counts these.
    classes : sequence of str, or int, optional
        Names of the classes, or their number; by default what occurs says which there are.
    path : path, optional
        Picture to write; its ending determines the format.
    title : str
        Heading; accuracy and number of samples by default.

    Returns
    -------
    matplotlib.figure.Figure
        The picture.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there are no samples, the lengths differ or a class is out of range.
    OSError
        If the file cannot be written.
    """
    truth, predicted, classes = _numbered(truth, predicted, classes)
    if isinstance(classes, (list, tuple)):
        names = class_names(classes, len(classes))
    else:
        names = class_names((), integer("confusion_matrix", "classes", classes, 1, 2**15))
    counts = confusion_counts(truth, predicted, len(names))
    samples = np.bincount(np.asarray(truth, np.int64), minlength=len(names))
    total, right = int(samples.sum()), int(np.trace(counts))
    if total == 0:
        raise ValueError("there are no samples: there is nothing to draw")
    side = float(np.clip(1.8 + 0.42 * len(names), 3.6, 10))
    figure = new_figure(side + 0.6, side)
    panel = figure.add_subplot()
    shares = counts / np.maximum(samples[:, np.newaxis], 1)
    diagonal = np.eye(len(names), dtype=bool)
    panel.imshow(np.ma.masked_array(shares, ~diagonal), cmap="Blues", vmin=0, vmax=1.25)
    wrong = np.ma.masked_array(np.sqrt(shares), diagonal | (counts == 0))
    panel.imshow(wrong, cmap="Oranges", vmin=-0.1, vmax=1.0)
    if len(names) <= MOST_NUMBERS:
        _write_numbers(panel, counts, shares, diagonal)
    _write_names(panel, names, np.diagonal(shares), samples)
    panel.set_xlabel("predicted class")
    panel.set_ylabel("true class, and its recall")
    default = f"{right / total:.2%} of {total:,} right"
    if unanswered := total - int(counts.sum()):
        default += f", {unanswered:,} without an answer (NaN)"
    panel.set_title(title or default, fontsize=10, parse_math=False)
    return finish(figure, path)


def _numbered(truth: Any, predicted: Any, classes: Any) -> tuple[Any, Any, Any]:
    """Return classes as ints, and what says how many there are."""
    if isinstance(truth, Module):
        raise TypeError(
            "[confusion_matrix] takes classes, not a model: confusion_matrix(data.y, "
            "pycnn.predict(model, data, classes=True))"
        )
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.dtype.kind in "UTO" or predicted.dtype.kind in "UTO":
        truth, predicted = truth.astype(str), predicted.astype(str)
        if not isinstance(classes, (list, tuple)):
            classes = [str(name) for name in np.union1d(truth, predicted) if name]
        numbers = {name: i for i, name in enumerate(classes)} | {"": NO_ANSWER}
        unknown = [name for name in np.union1d(truth, predicted) if name not in numbers]
        if unknown:
            raise ValueError(f"[confusion_matrix] {unknown[0]} is none of the classes {classes}")
        truth, predicted = (np.array([numbers[n] for n in x], np.int64) for x in (truth, predicted))
    if classes is None:
        classes = 1 + max((int(x.max()) for x in (truth, predicted) if x.size), default=0)
    return truth, predicted, classes


def _write_numbers(
    panel: Axes, counts: Counts, shares: npt.NDArray[np.float64], diagonal: npt.NDArray[np.bool_]
) -> None:
    # Small enough for the widest number to fit a cell of 0.42 inches.
    size = min(9.0, 30.0 / max(3, len(str(counts.max()))))
    for (row, column), count in np.ndenumerate(counts):
        if count:
            dark = shares[row, column] > (0.65 if diagonal[row, column] else 0.4)
            colour = "white" if dark else INK
            panel.text(
                column, row, str(count), ha="center", va="center", color=colour, fontsize=size
            )


def _write_names(
    panel: Axes, names: list[str], recall: npt.NDArray[np.float64], samples: Counts
) -> None:
    step = -(-len(names) // MOST_NAMES)
    places = list(range(0, len(names), step))
    rows = [f"{names[i]}  {recall[i]:.1%}" if samples[i] else f"{names[i]}  none" for i in places]
    size = 9 if len(names) <= MOST_NUMBERS else 6
    long = max(len(names[i]) for i in places) > 3
    panel.set_xticks(
        places, [names[i] for i in places], rotation=45 if long else 0,
        ha="right" if long else "center", fontsize=size, parse_math=False,
    )  # fmt: skip
    panel.set_yticks(places, rows, fontsize=size, parse_math=False)
