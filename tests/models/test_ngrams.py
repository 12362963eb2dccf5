"""Which n-grams fire the filters of a text network."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import pytest
from support.annotations import layer_of

from pycnn import models
from pycnn.layers import Conv2d, Flatten, Linear, Parallel, ReLU, Sequential
from pycnn.text import PADDING, UNKNOWN, Vocabulary, top_ngrams
from pycnn.text.ngrams import distinct_ngrams

WORDS = [PADDING, UNKNOWN, "a", "good", "bad", "film", "not"]
SENTENCES = ["a good film", "not a good film", "a bad film", "good", "", "nothing good"]


Variant: TypeAlias = Literal["rand", "multichannel"]


def network(variant: Variant = "rand") -> Sequential:
    """Return a network whose word vectors are unit vectors: a filter's weights are word scores."""
    own = np.eye(len(WORDS), dtype=np.float32)
    if variant == "multichannel":  # the sum of both tables is what the filters see
        own /= 2
    model = models.textcnn(
        WORDS, variant=variant, dim=len(WORDS), filters=2, widths=(2, 3), embeddings=own, rng=0
    )
    for branch in layer_of(model, 2):
        for parameter in branch.parameters():
            parameter.data[...] = 0
    first = layer_of(model, 2, 0, 0).weight.data  # filter 0 looks for "good film"
    first[0, 0, 0, 3], first[0, 0, 1, 5] = 1.0, 0.5
    second = layer_of(model, 2, 1, 0).weight.data  # filter 3 looks for "not ? good"
    second[1, 0, 0, 6], second[1, 0, 2, 3] = 2.0, 1.0
    return model


@pytest.mark.parametrize("variant", ["rand", "multichannel"])
def test_the_strongest_n_grams_come_first(variant: Variant) -> None:
    model = network(variant)
    found = top_ngrams(model, SENTENCES, [3, 0], count=2)
    assert [(f.filter, f.width) for f in found] == [(3, 3), (0, 2)]
    assert found[0].ngrams[0] == ("not a good", 3.0)
    # "a good film" and "not a good film" both hold it: it is there once.
    assert found[1].ngrams[0] == ("good film", 1.5)
    assert found[1].ngrams[1] == ("bad film", 0.5)
    assert [f.label for f in found] == ["filter 3, 3 words", "filter 0, 2 words"]
    column = layer_of(model, -1).weight.data[:, 3]
    np.testing.assert_array_equal(np.array(found[0].weights, np.float32), column)


def test_activations_are_those_of_the_model() -> None:
    rng = np.random.default_rng(0)
    model = models.textcnn(WORDS, dim=5, filters=3, widths=(1, 2), rng=0)
    sentence = [WORDS[i] for i in rng.integers(1, len(WORDS), 9)]
    x = Vocabulary(WORDS).encode([sentence])
    outputs = dict.fromkeys(range(6), 0.0)
    for path, _, y in model.eval().trace(x):
        if path in ("2.0.1", "2.1.1"):  # ReLU: windows of padding are at both ends
            width = int(path[2]) + 1
            inside = y[0, :, width - 1 : width - 1 + 9 - width + 1, 0]
            outputs |= {3 * (width - 1) + i: float(row.max()) for i, row in enumerate(inside)}
    for found in top_ngrams(model, [sentence], count=1):
        best = found.ngrams[0].activation if found.ngrams else 0.0
        assert best == pytest.approx(outputs[found.filter], rel=1e-5, abs=1e-7)


def test_training_mode_stays() -> None:
    model = network().train()
    top_ngrams(model, SENTENCES, [0])
    assert all(module.training for module in model.modules())


def test_filters_that_nothing_fires() -> None:
    # Filter 1 has no weights, and no sentence here has three words.
    assert top_ngrams(network(), SENTENCES, [1])[0].ngrams == ()
    assert top_ngrams(network(), ["good film"], [3])[0].ngrams == ()
    assert top_ngrams(network(), [], [0])[0].ngrams == ()
    assert len(top_ngrams(network(), SENTENCES)) == 4


def test_distinct_n_grams() -> None:
    rows = [np.array([1, 2, 3]), np.array([2, 3, 1, 2]), np.array([4]), np.array([], np.int64)]
    assert distinct_ngrams(rows, 2).tolist() == [[1, 2], [2, 3], [3, 1]]
    assert distinct_ngrams(rows, 5).shape == (0, 5)


def test_arguments_that_do_not_fit() -> None:
    model = network()
    with pytest.raises(ValueError, match="filters must be at most 3, got 4"):
        top_ngrams(model, SENTENCES, [4])
    with pytest.raises(ValueError, match="count must be at least 1"):
        top_ngrams(model, SENTENCES, count=0)
    with pytest.raises(TypeError, match="got one str: put it in a list"):
        top_ngrams(model, "a good film")
    other = Sequential(Parallel(Conv2d(1, 1, 1), Conv2d(1, 1, 1)), Flatten(), Linear(2, 2))
    for stranger in (Sequential(), ReLU(), models.lenet5(rng=0), other):
        with pytest.raises(ValueError, match=r"\[top_ngrams\] needs a text network"):
            top_ngrams(stranger, SENTENCES)
    model.spec = None
    with pytest.raises(ValueError, match="the model holds none"):
        top_ngrams(model, SENTENCES)
    assert top_ngrams(model, SENTENCES, [0], vocabulary=Vocabulary(WORDS))[0].ngrams
