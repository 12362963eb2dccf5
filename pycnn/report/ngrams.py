"""Find the n-grams that a text network decides by, for its clearest filters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn.layers.linear import Linear
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array
from pycnn.text import SentenceDataset, top_ngrams
from pycnn.text.ngrams import Ngram

FILTERS, NGRAMS = 12, 8


def clearest_ngrams(
    model: Module,
    sentences: SentenceDataset,
    classes: Sequence[str],
    *,
    filters: int = FILTERS,
    count: int = NGRAMS,
) -> dict[str, list[Ngram]]:
    """Return what fires the filters that speak most clearly for one class.

    A filter speaks for the class to which the last layer gives it the largest weight; the larger
    the distance to the next largest weight, the more clearly.

    Parameters
    ----------
    model : Module
        A text network, see `pycnn.text.top_ngrams`.
    sentences : SentenceDataset
        The source of the n-grams.
    classes : sequence of str
        Names of the classes.
    filters, count : int
        How many filters, shared among the classes, and how many n-grams of each.

    Returns
    -------
    dict
        The n-grams with their activations, keyed by the name of the filter, which includes its
        class; as `pycnn.plot.ngrams` takes them.

    Raises
    ------
    ValueError
        If the model is of another kind.
    """
    linear = [module for module in model.modules() if isinstance(module, Linear)]
    chosen = clearest_filters(linear[-1].weight.data, filters) if linear else None
    result = {}
    for found in top_ngrams(model, sentences.texts, chosen, count=count):
        name = f"{classes[int(np.argmax(found.weights))]}: {found.label}"
        result[name] = list(found.ngrams)
    return result


def clearest_filters(weight: Array, filters: int) -> list[int]:
    """Return the columns of (classes, filters) weights that speak most clearly, class by class."""
    spokesman = weight.argmax(axis=0)
    ordered = np.sort(weight, axis=0)
    lead = ordered[-1] - ordered[-2] if len(weight) > 1 else ordered[-1]
    chosen: list[int] = []
    for label in range(len(weight)):
        mine = np.flatnonzero(spokesman == label)
        mine = mine[np.argsort(-lead[mine], kind="stable")]
        chosen += mine[: max(1, filters // len(weight))].tolist()
    return chosen
