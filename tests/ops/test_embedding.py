"""embedding and its gradient against the float64 reference, and the layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance
from support.annotations import wrong
from support.strategies import Values, values
from support.tolerance import assert_within

from pycnn import Sequential, ops, reference
from pycnn.layers import Embedding, Flatten, Linear, Parameter, SparseRows
from pycnn.optim import SGD, Adam, RMSprop

pytestmark = pytest.mark.usefixtures("backend")


@dataclass(frozen=True)
class Lookup:
    """A table, numbers of its rows and a gradient."""

    shape: tuple[int, ...]
    rows: int
    width: int
    padded: bool
    values: Values

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(self.values.seed)
        # Small numbers are frequent, as words are.
        index = np.asarray((self.rows * rng.random(self.shape) ** 3).astype(np.int64))
        weight, dy = self.values.arrays((self.rows, self.width), (*self.shape, self.width))
        return weight, index, dy

    @property
    def padding_idx(self) -> int | None:
        return self.rows // 3 if self.padded else None


LOOKUPS = st.builds(
    Lookup,
    st.sampled_from(((), (0,), (1,), (3, 0), (7,), (2, 5), (3, 4, 2), (130,), (37, 29), (1025,))),
    st.sampled_from((1, 2, 3, 17, 300, 2047, 2049, 5000)),
    st.sampled_from((1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 300)),
    st.booleans(),
    values("normal", "integer", "nonfinite"),
)


@given(LOOKUPS)
def test_forward(case: Lookup) -> None:
    weight, index, _ = case.arrays()
    assert_within(ops.embedding(weight, index), reference.embedding(weight, index), 0.0)


@given(LOOKUPS)
def test_backward(case: Lookup) -> None:
    _, index, dy = case.arrays()
    rows, table = ops.embedding_backward(dy, index, case.padding_idx)
    with np.errstate(invalid="ignore"):
        exact_rows, exact = reference.embedding_backward(
            dy.astype(np.float64), index, case.padding_idx
        )
        bound = tolerance.embedding_backward(dy.astype(np.float64), index, case.padding_idx)
    assert rows.dtype == np.int64
    np.testing.assert_array_equal(rows, exact_rows)
    assert_within(table, exact, bound)


@given(LOOKUPS)
def test_the_gradient_is_the_adjoint(case: Lookup) -> None:
    """<embedding(w), dy> = <w, gradient>: exact on whole numbers."""
    whole = Lookup(case.shape, case.rows, case.width, False, Values("integer", case.values.seed))
    weight, index, dy = whole.arrays()
    rows, table = ops.embedding_backward(dy, index)
    assert np.sum(ops.embedding(weight, index) * dy) == np.sum(weight[rows] * table)


def test_rows_of_large_numbers_are_sorted_too() -> None:
    numbers = np.array([2**62, 5, 2**33 + 5, 2**62, 2**11, 2**22 + 1, 5])
    rows, table = ops.embedding_backward(np.ones((7, 2), np.float32), numbers)
    np.testing.assert_array_equal(rows, [5, 2**11, 2**22 + 1, 2**33 + 5, 2**62])
    np.testing.assert_array_equal(table[:, 0], [2, 1, 1, 1, 2])


WEIGHT = np.zeros((4, 3), np.float32)
DY = np.zeros((2, 2, 3), np.float32)
INDEX = np.array([[0, 1], [2, 3]])


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: ops.embedding(WEIGHT, INDEX + 1), ValueError,
         r"^\[embedding\] index\[1, 1\] is 4, outside 0\.\.3 \(a vocabulary of 4\)$"),
        (lambda: ops.embedding(WEIGHT, np.array(-1)), ValueError, r"index is -1, outside"),
        (lambda: ops.embedding(WEIGHT, INDEX.astype(np.int32)), TypeError, "index must be int64"),
        (lambda: ops.embedding(WEIGHT, INDEX.T), ValueError, "contiguous"),
        (lambda: ops.embedding(WEIGHT.astype(float), INDEX), TypeError, "weight must be float32"),
        (lambda: ops.embedding(WEIGHT[0], INDEX), ValueError, "weight must have 2 dimensions"),
        (lambda: ops.embedding(WEIGHT[:, :0].copy(), INDEX), ValueError, "a row and a column"),
        (lambda: ops.embedding_backward(DY, INDEX - 1), ValueError,
         r"index\[0, 0\] is -1, and must be at least 0"),
        (lambda: ops.embedding_backward(DY[0], INDEX), ValueError,
         r"dy: \(2, 3\), index: \(2, 2\)"),
        (lambda: ops.embedding_backward(DY, INDEX, -1), ValueError, "padding_idx must be at least"),
        (lambda: ops.embedding_backward(DY, INDEX, wrong(1.0)), TypeError,
         "padding_idx must be an int"),
    ],
)  # fmt: skip
def test_errors(call: Callable[[], Any], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()


def gradient(layer: Embedding) -> SparseRows:
    """Return that of the word vectors, of the rows that were looked up."""
    assert isinstance(layer.weight, Parameter)
    assert isinstance(layer.weight.grad, SparseRows)
    return layer.weight.grad


def test_layer() -> None:
    layer = Embedding(5, 3, padding_idx=-4, sparse=True, rng=0)
    assert repr(layer) == "Embedding(5, 3, padding_idx=1, sparse=True)"
    np.testing.assert_array_equal(layer.weight.data[1], 0)
    index = np.array([[4, 1, 4], [0, 1, 1]])
    y = layer(index)
    np.testing.assert_array_equal(y, layer.weight.data[index])
    dx = layer.backward(np.ones_like(y))
    np.testing.assert_array_equal(dx, np.zeros(index.shape))
    grad = gradient(layer)
    np.testing.assert_array_equal(grad.rows, [0, 4])
    np.testing.assert_array_equal(grad.to_dense(), np.diag([1.0, 0, 0, 0, 2]) @ np.ones((5, 3)))
    layer(index)
    layer.backward(np.ones_like(y))
    assert gradient(layer).values[1, 0] == 4
    with pytest.raises(RuntimeError, match="needs a forward pass"):
        layer.backward(y)


def test_the_vectors_start_as_normal_numbers() -> None:
    table = Embedding(300, 100, rng=0).weight.data
    assert abs(table.mean()) < 0.02
    assert table.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("freeze", [True, False])
def test_vectors_that_are_there_already(freeze: bool) -> None:
    table = np.arange(15, dtype=np.float32).reshape(5, 3)
    layer = Embedding.from_pretrained(table, freeze, padding_idx=2, sparse=not freeze)
    assert np.shares_memory(layer.weight.data, table)
    assert repr(layer) == f"Embedding(5, 3, padding_idx=2, {'frozen' if freeze else 'sparse=True'})"
    assert [name for name, _ in layer.named_parameters()] == ([] if freeze else ["weight"])
    assert list(layer.state_dict()) == ["weight"]
    y = layer(np.array([[1, 2, 4]]))
    np.testing.assert_array_equal(y, table[[[1, 2, 4]]])
    np.testing.assert_array_equal(layer.backward(np.ones_like(y)), np.zeros((1, 3)))
    if not freeze:
        np.testing.assert_array_equal(gradient(layer).rows, [1, 4])


def test_every_row_follows_the_optimizer_unless_the_gradient_is_sparse() -> None:
    """As in PyTorch: a word that is not in the batch moves by what the optimizer remembers."""
    words, dy = np.array([[4, 1, 4]]), np.ones((1, 3, 3), np.float32)
    for make in (
        lambda p: SGD(p, 0.1, momentum=0.9), lambda p: Adam(p, 0.1), lambda p: RMSprop(p, 0.1),
        lambda p: SGD(p, 0.1, weight_decay=0.1),
    ):  # fmt: skip
        moved = {}
        for sparse in (False, True):
            layer = Embedding(5, 3, padding_idx=1, sparse=sparse, rng=0)
            optimizer = make(list(layer.parameters()))
            for batch in (words, words[:, :2] % 4):
                before = layer.weight.data.copy()
                layer.zero_grad()
                layer(batch)
                layer.backward(dy[:, : batch.size])
                optimizer.step()
            moved[sparse] = (layer.weight.data != before).any(axis=1).tolist()
            assert not layer.weight.data[1].any()
        assert moved[True] == [True, False, False, False, False]
        assert moved[False][4] or isinstance(optimizer, RMSprop)
    layer = Embedding(5, 3, 1, rng=0)
    layer(words)
    layer.backward(dy)
    assert isinstance(layer.weight, Parameter)
    np.testing.assert_array_equal(layer.weight.grad, np.diag([0, 0, 0, 0, 2]) @ np.ones((5, 3)))


def test_vectors_that_are_none() -> None:
    with pytest.raises(TypeError, match="weights must be a float32 array, got float64"):
        Embedding.from_pretrained(wrong(np.zeros((3, 2))))
    with pytest.raises(ValueError, match=r"weights must be \(V, D\), not empty, got \(3,\)"):
        Embedding.from_pretrained(np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="C-contiguous"):
        Embedding.from_pretrained(np.zeros((3, 2), np.float32).T)
    with pytest.raises(ValueError, match="padding_idx must be at most 2"):
        Embedding.from_pretrained(np.zeros((3, 2), np.float32), padding_idx=3)


def test_summary_and_errors_of_a_model() -> None:
    model = Sequential(Embedding(9, 4, rng=0), Flatten(), Linear(12, 2, rng=0))
    assert model.input_dtype is np.int64
    assert "0 Embedding (3, 4) 12 36 -" in " ".join(model.summary((3,)).split())
    with pytest.raises(TypeError, match=r"Sequential\[0\] Embedding: .* index must be int64"):
        model(np.zeros((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"Sequential\[0\] Embedding: .* index\[1, 0\] is 9"):
        model(np.array([[1, 2, 3], [9, 0, 0]]))
    with pytest.raises(ValueError, match="padding_idx must be at most 8"):
        Embedding(9, 4, 9)
    with pytest.raises(TypeError, match="num_embeddings must be an int"):
        Embedding(wrong(9.0), 4)
