"""What the filters of a text network have learned: the n-grams that fire them most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pycnn import ops
from pycnn._arguments import integer
from pycnn.layers import Conv2d, Linear, Module, Parallel, Sequential
from pycnn.layers.parameter import Array
from pycnn.layers.turns import between_steps
from pycnn.text.vocabulary import Numbers, Vocabulary, listed

# n-grams per forward pass: their vectors take a few MiB.
_BATCH = 1024


class Ngram(NamedTuple):
    """Consecutive words, joined by spaces, and how strongly they fire a filter."""

    text: str
    activation: float


class FilterNgrams(NamedTuple):
    """A filter of a text network and the n-grams that fire it.

    Attributes
    ----------
    filter : int
        Its number among all filters: the column of the last layer's weight.
    width : int
        Number of words it sees.
    weights : tuple of float
        Weight that the last layer gives it for each class.
    ngrams : tuple of Ngram
        Strongest first.
    """

    filter: int
    width: int
    weights: tuple[float, ...]
    ngrams: tuple[Ngram, ...]

    @property
    def label(self) -> str:
        """Name of the filter for display, such as ``"filter 7, 3 words"``."""
        return f"filter {self.filter}, {self.width} words"


def top_ngrams(
    model: Module,
    sentences: Sequence[str | Sequence[str]],
    filters: Sequence[int] | None = None,
    *,
    count: int = 10,
    vocabulary: Vocabulary | None = None,
) -> list[FilterNgrams]:
    """Find the n-grams of some sentences that fire each filter of a text network most.

    The activation of a filter is the output of its convolution and ReLU. It depends only on the
    words in its window, so each distinct n-gram is evaluated once.

    Parameters
    ----------
    model : Module
        A model of `pycnn.models.textcnn`, or a Sequential like it: layers that look up the word
        vectors, a Parallel of branches that begin with a Conv2d and its activation, and a Linear
        at the end.
    sentences : sequence of str, or of sequences of words
        The source of the n-grams; n-grams that touch the padding are left out.
    filters : sequence of int, optional
        Numbers of filters, counted across the branches; all by default.
    count : int
        n-grams per filter; fewer if fewer fire it at all.
    vocabulary : Vocabulary, optional
        The model's vocabulary; models of `pycnn.models` hold it already.

    Returns
    -------
    list of FilterNgrams
        In the order of `filters`.

    Raises
    ------
    TypeError, ValueError
        If the model is of another kind, its vocabulary is unknown, or a filter number is out of
        range.

    Examples
    --------
    >>> train, test = pycnn.datasets.movie_reviews()
    >>> model = pycnn.models.textcnn(pycnn.text.Vocabulary.build(train.texts).words, rng=0)
    >>> found = pycnn.text.top_ngrams(model, train.texts[:100], filters=[0, 150])
    >>> figure = pycnn.plot.ngrams({f.label: f.ngrams for f in found}, "ngrams.png")
    """
    integer("top_ngrams", "count", count, 1)
    lookup, branches, last = _parts(model)
    vocabulary = vocabulary or Vocabulary.of(model)
    total = last.weight.shape[1]
    if filters is None:
        filters = range(total)
    chosen = np.array([integer("top_ngrams", "filters", f, 0, total - 1) for f in filters])
    rows = [vocabulary.numbers(sentence) for sentence in listed(sentences)]
    results: dict[int, FilterNgrams] = {}
    start = 0
    for conv, activation in branches:
        mine = chosen[(start <= chosen) & (chosen < start + conv.out_channels)] - start
        width = conv.kernel_size[0]
        if len(mine):
            ngrams = distinct_ngrams(rows, width)
            with between_steps(model):
                outputs = _outputs(lookup, conv, activation, ngrams)[:, mine]
            for column, index in enumerate(mine + start):
                best = _strongest(outputs[:, column], count)
                found = tuple(
                    Ngram(
                        " ".join(vocabulary.words[n] for n in ngrams[i]), float(outputs[i, column])
                    )
                    for i in best
                )
                weights = tuple(map(float, last.weight.data[:, index]))
                results[int(index)] = FilterNgrams(int(index), width, weights, found)
        start += conv.out_channels
    return [results[int(index)] for index in chosen]


def distinct_ngrams(rows: Sequence[Numbers], width: int) -> Numbers:
    """Return the distinct runs of `width` numbers within the rows, as (M, width)."""
    windows = [
        np.lib.stride_tricks.sliding_window_view(row, width) for row in rows if len(row) >= width
    ]
    if not windows:
        return np.empty((0, width), np.int64)
    return np.unique(np.concatenate(windows), axis=0)


def _parts(model: Module) -> tuple[list[Module], list[tuple[Conv2d, Module]], Linear]:
    """Split a text network into the lookup, the start of each branch, and the last layer."""
    layers = list(model) if isinstance(model, Sequential) else []
    last = layers[-1] if layers else None
    for position, layer in enumerate(layers):
        if isinstance(layer, Parallel) and isinstance(last, Linear):
            heads = [list(b)[:2] if isinstance(b, Sequential) else [] for b in layer]
            convs = [(h[0], h[1]) for h in heads if len(h) == 2 and isinstance(h[0], Conv2d)]
            if len(convs) == len(heads):
                return layers[:position], convs, last
    raise ValueError(
        "[top_ngrams] needs a text network: a Sequential with a Parallel of branches that begin "
        "with Conv2d and an activation, and a Linear at the end"
    )


def _outputs(
    lookup: list[Module], conv: Conv2d, activation: Module, ngrams: Numbers
) -> npt.NDArray[np.float32]:
    """Return the activations of all filters of a branch for n-grams, (M, filters)."""

    def batches() -> Iterator[npt.NDArray[np.float32]]:
        bias = None if conv.bias is None else conv.bias.data
        for start in range(0, len(ngrams), _BATCH):
            x: Array = ngrams[start : start + _BATCH]
            for layer in lookup:
                x = layer.forward(x)
            # Without the layer's padding there is one window: the n-gram itself.
            y = activation.forward(ops.conv2d(x, conv.weight.data, bias))
            yield y.reshape(len(y), -1)

    empty = np.empty((0, conv.out_channels), np.float32)
    return np.concatenate([empty, *batches()])


def _strongest(values: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.intp]:
    """Return the positions of the largest positive values, largest first, ties in order."""
    order = np.argsort(-values, kind="stable")[:count]
    return order[values[order] > 0]
