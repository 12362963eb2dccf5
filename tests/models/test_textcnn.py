"""The text network: its shapes and sums, its variants, what training changes, its checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.annotations import layer_of
from support.small_training import same_bits, snapshot

import pycnn
from pycnn import models, optim, reference
from pycnn.layers import Sequential
from pycnn.text import PADDING, UNKNOWN, SentenceDataset, Vocabulary
from pycnn.training import MaxNorm

WORDS = [PADDING, UNKNOWN, *(f"w{i}" for i in range(20))]
VARIANTS = ("rand", "static", "non-static", "multichannel")
SMALL: dict[str, Any] = {"dim": 6, "filters": 4, "widths": (2, 3)}


def small(variant: str = "rand", **options: Any) -> Sequential:
    embeddings = None
    if variant != "rand":
        embeddings = np.random.default_rng(9).normal(size=(len(WORDS), 6)).astype(np.float32)
    options = {"variant": variant, "embeddings": embeddings, "rng": 0} | SMALL | options
    return models.textcnn(WORDS, **options)


def toy_sentences(n: int = 64) -> SentenceDataset:
    """Return sentences of w2 ... w19; those of class 1 hold w2 w3 somewhere."""
    rng = np.random.default_rng(0)
    texts, labels = [], rng.integers(0, 2, n)
    for label in labels:
        words = [f"w{i}" for i in rng.integers(4, 15, rng.integers(1, 9))]
        if label:
            place = rng.integers(0, len(words) + 1)
            words[place:place] = ["w2", "w3"]
        texts.append(" ".join(words))
    return SentenceDataset(texts, labels, ("no", "yes"), "toy", Vocabulary(WORDS))


def test_the_parameters_are_those_of_the_paper() -> None:
    model = models.textcnn(WORDS, rng=0)
    shapes = {name: array.shape for name, array in model.state_dict().items()}
    assert shapes == {
        "0.weight": (22, 300),
        "2.0.0.weight": (100, 1, 3, 300), "2.0.0.bias": (100,),
        "2.1.0.weight": (100, 1, 4, 300), "2.1.0.bias": (100,),
        "2.2.0.weight": (100, 1, 5, 300), "2.2.0.bias": (100,),
        "4.weight": (2, 300), "4.bias": (2,),
    }  # fmt: skip
    assert sum(p.numel() for p in model.parameters()) == 360_902 + 22 * 300
    assert "Embedding" in model.summary((40,))
    assert "(100,)" in model.summary((1,))
    vectors = model.state_dict()["0.weight"]
    assert not vectors[0].any()
    assert np.abs(vectors).max() <= 0.25


def test_the_variants_have_the_same_filters() -> None:
    shapes = [
        {name: array.shape for name, array in small(variant).state_dict().items() if name[0] != "0"}
        for variant in VARIANTS
    ]
    assert all(found == shapes[0] for found in shapes[1:])


@pytest.mark.parametrize("variant", VARIANTS)
def test_outputs_are_those_of_the_formula(variant: str) -> None:
    model = small(variant).eval()
    state = {name: array.astype(np.float64) for name, array in model.state_dict().items()}
    x = np.random.default_rng(1).integers(0, len(WORDS), (5, 7))
    tables = [array for name, array in state.items() if name.startswith("0.")]
    assert len(tables) == (2 if variant == "multichannel" else 1)
    features = []
    for branch, width in enumerate(SMALL["widths"]):
        w, b = state[f"2.{branch}.0.weight"], state[f"2.{branch}.0.bias"]
        padding = ((0, 0), (0, 0), (width - 1, width), (0, 0))
        # A filter is applied to each channel, and the results are added.
        sums = sum(
            reference.conv2d(np.pad(table[x][:, np.newaxis], padding), w) for table in tables
        )
        features.append(np.maximum(sums + b.reshape(-1, 1, 1), 0).max(axis=(2, 3)))
    expected = np.concatenate(features, 1) @ state["4.weight"].T + state["4.bias"]
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)


@given(st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=9), st.integers(1, 12))
@settings(max_examples=30)
def test_padding_after_a_sentence_changes_nothing(words: list[int], more: int) -> None:
    model = small("multichannel").eval()
    x = np.array([words])
    padded = np.pad(x, ((0, 0), (0, more)))
    np.testing.assert_allclose(model(padded), model(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_changes_what_the_variant_says(variant: str) -> None:
    data = toy_sentences()
    model = small(variant, dropout=0.1)
    before = snapshot(model)
    limit = MaxNorm(layer_of(model, -1).weight, 0.5)
    history = pycnn.fit(
        model, data, data, epochs=12, batch_size=8, progress=False, callbacks=[limit],
        optimizer=optim.Adam(model.parameters(), 0.02),
    )  # fmt: skip
    assert history["val_accuracy"][-1] > 0.9
    after = model.state_dict()
    assert np.linalg.norm(after["4.weight"], axis=1).max() <= 0.5 + 1e-6
    tables = sorted(name for name in after if name.startswith("0."))
    changed = [(after[name] != before[name]).any(axis=1) for name in tables]
    seen = np.zeros(len(WORDS), bool)
    seen[np.unique(data.gather(np.arange(len(data))))] = True
    seen[0] = False  # padding
    still = np.zeros(len(WORDS), bool)
    expected = {"static": [still], "multichannel": [seen, still]}.get(variant, [seen])
    np.testing.assert_array_equal(changed, expected)


def test_vectors_that_stay_cost_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small("static")
    y = model(np.array([[2, 3, 4]]))
    for branch in layer_of(model, 2):  # Conv2d.backward would compute the gradient of the vectors
        monkeypatch.setattr(branch[0], "backward", None)
    model.backward_parameters(np.ones_like(y))
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_checkpoint_makes_the_model_again(variant: str, tmp_path: Path) -> None:
    model = small(variant)
    pycnn.save(tmp_path / "model.safetensors", model)
    again = pycnn.load_model(tmp_path / "model.safetensors")
    assert same_bits(again.state_dict(), model.state_dict())
    assert Vocabulary.of(again).words == WORDS
    x = np.array([[3, 4, 5], [2, 0, 0]])
    assert pycnn.predict(again, x).tobytes() == pycnn.predict(model, x).tobytes()


@pytest.mark.usefixtures("restore_threads")
def test_training_gives_the_same_bits_for_any_number_of_threads() -> None:
    states = []
    for threads in (1, 2, 7):
        pycnn.set_num_threads(threads)
        model = models.textcnn(WORDS, dim=40, filters=30, rng=0)
        optimizer = optim.Adadelta(model.parameters())
        pycnn.fit(model, toy_sentences(), batch_size=32, optimizer=optimizer, progress=False)
        states.append(snapshot(model))
    assert same_bits(states[0], states[1])
    assert same_bits(states[0], states[2])


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"vocabulary": Vocabulary(WORDS)}, TypeError, "is a list of words, got Vocab.*pass its"),
        ({"vocabulary": ["a", "b"]}, ValueError, "a vocabulary begins with"),
        ({"variant": "random"}, ValueError, "variant must be one of rand, static, .*'random'"),
        ({"widths": ()}, ValueError, "widths must be a sequence of numbers"),
        ({"widths": 3}, ValueError, "widths must be a sequence of numbers"),
        ({"widths": (3, 0)}, ValueError, "widths must be at least 1, got 0"),
        ({"dim": 0}, ValueError, "dim must be at least 1"),
        ({"embeddings": np.zeros((22, 6))}, TypeError, "must be a float32 array, got float64"),
        ({"embeddings": [[0.0]]}, TypeError, "must be a float32 array, got list"),
        (
            {"embeddings": np.zeros((22, 7), np.float32)},
            ValueError,
            r"must be 22 words x 6 numbers \(dim\), got \(22, 7\)",
        ),
    ],
)
def test_arguments_that_do_not_fit(
    options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=rf"\[textcnn\].*{text}"):
        models.textcnn(**{"vocabulary": WORDS} | SMALL | options)


def test_inputs_that_do_not_fit() -> None:
    model = small()
    with pytest.raises(TypeError, match=r"Sequential\[0\] Embedding"):
        model(np.zeros((2, 5), np.float32))
    with pytest.raises(ValueError, match=r"Sequential\[0\] Embedding.*22"):
        model(np.array([[22]]))
    with pytest.raises(ValueError, match="the model holds none"):
        Vocabulary.of(Sequential())
