"""Gradients with few rows: accumulated, clipped, looked at, and stepped on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from support.annotations import layer_of

import pycnn
from pycnn.layers import Embedding, Flatten, Linear, Parameter, Sequential, SparseRows
from pycnn.optim import SGD, Adadelta, Adam, AdamW, Optimizer, RMSprop, clip_grad_norm
from pycnn.training import TerminateOnNaN

Make = Callable[[Iterable[Parameter]], Optimizer]
SHAPE = (7, 3)

MAKERS: dict[str, Make] = {
    "sgd": lambda p: SGD(p, 0.1, weight_decay=0.1),
    "momentum": lambda p: SGD(p, 0.1, momentum=0.9),
    "nesterov": lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: Adam(p, 0.1),
    "adamw": lambda p: AdamW(p, 0.1, weight_decay=0.1),
    "adadelta": lambda p: Adadelta(p, 0.1),
    "rmsprop": lambda p: RMSprop(p, 0.1, momentum=0.9, centered=True),
}


def sparse(rows: list[int], seed: int = 0) -> SparseRows:
    numbers = np.random.default_rng(seed).standard_normal((len(rows), 3), dtype=np.float32)
    return SparseRows(np.array(rows, np.int64), numbers, SHAPE)


def test_to_dense() -> None:
    grad = sparse([1, 4])
    dense = grad.to_dense()
    np.testing.assert_array_equal(dense[[1, 4]], grad.values)
    assert np.count_nonzero(dense) == 6
    assert repr(grad) == "SparseRows(2 of 7 rows, shape=(7, 3))"


@pytest.mark.parametrize(
    ("rows", "columns", "text"),
    [
        ([1, 1], 3, "ascend"),
        ([2, 1], 3, "ascend"),
        ([-1, 1], 3, r"0\.\.6"),
        ([1, 7], 3, r"0\.\.6"),
        ([1, 2], 4, r"values: \(2, 4\)"),
        ([1], 3, r"rows: \(1,\)"),
    ],
)
def test_bad_rows(rows: list[int], columns: int, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SparseRows(np.array(rows), np.zeros((2, columns), np.float32), SHAPE)


def test_rows_are_whole_numbers() -> None:
    for rows, found in ((np.array([0.5]), "float64"), ([0], "list")):
        with pytest.raises(TypeError, match=f"rows must be an int64 array, got {found}"):
            SparseRows(rows, np.zeros((1, 3), np.float32), SHAPE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "found"), [([[1.0, 2.0, 3.0]], "list"), (np.ones((1, 3), np.int64), "int64")]
)
def test_values_are_floats(values: np.ndarray, found: str) -> None:
    with pytest.raises(TypeError, match=f"values must be a float array, got {found}"):
        SparseRows(np.array([0]), values, SHAPE)


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_a_gradient_of_another_table_is_refused(make: Make) -> None:
    p = Parameter(np.ones((5, 3), np.float32))
    optimizer = make([p])
    p.grad = sparse([1, 2])
    with pytest.raises(ValueError, match=r"grad has shape \(7, 3\), the parameter \(5, 3\)"):
        optimizer.step()
    assert optimizer.state_dict()["state"] == {}
    np.testing.assert_array_equal(p.data, 1)


@pytest.mark.parametrize("kinds", ["ss", "sd", "ds", "dd", "sds", "sss"])
def test_gradients_of_both_kinds_add_up(kinds: str) -> None:
    p = Parameter(np.zeros(SHAPE, np.float32))
    total = np.zeros(SHAPE, np.float32)
    for k, kind in enumerate(kinds):
        grad = sparse([[1, 4, 6], [0, 4], [3, 6]][k], seed=k)
        total += grad.to_dense()
        p.accumulate(grad.to_dense() if kind == "d" else grad)
    result = p.grad.to_dense() if isinstance(p.grad, SparseRows) else p.grad
    assert isinstance(p.grad, SparseRows) == ("d" not in kinds)
    np.testing.assert_array_equal(result, total)


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_a_step_on_all_rows_is_the_dense_step(make: Make) -> None:
    a, b = (Parameter(np.ones(SHAPE, np.float32)) for _ in range(2))
    few, whole = make([a]), make([b])
    for seed in range(4):
        a.grad = sparse(list(range(7)), seed)
        b.grad = a.grad.to_dense()
        few.step()
        whole.step()
    assert a.data.tobytes() == b.data.tobytes()
    np.testing.assert_equal(few.state_dict(), whole.state_dict())


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_a_step_touches_only_the_rows_it_saw(make: Make) -> None:
    p = Parameter(np.ones(SHAPE, np.float32))
    data, optimizer = p.data, make([p])
    p.grad = sparse([0, 2, 5])
    optimizer.step()
    state = optimizer.state_dict()["state"].get(0, {})
    arrays = [data, *(value for value in state.values() if isinstance(value, np.ndarray))]
    before = [array.copy() for array in arrays]
    p.grad = sparse([2, 6], 1)
    optimizer.step()
    assert p.data is data
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal((array != old).any(axis=1), np.isin(range(7), [2, 6]))


def test_dampening_spares_the_first_step_of_the_parameter_and_of_no_row() -> None:
    """A row whose first gradient comes later moves as the dense step with zeros moves it."""
    lr, momentum, dampening = 0.1, 0.9, 0.4
    few, whole = (Parameter(np.ones(SHAPE, np.float32)) for _ in range(2))
    optimizers = [SGD([p], lr, momentum, dampening) for p in (few, whole)]
    data, velocity = np.ones(SHAPE), np.zeros(SHAPE)
    for step, rows in enumerate([[0, 2], [2, 5], [0, 5, 6]]):
        few.grad = sparse(rows, step)
        whole.grad = few.grad.to_dense()
        for optimizer in optimizers:
            optimizer.step()
        for row, grad in zip(rows, few.grad.values.astype(np.float64), strict=True):
            new = grad if step == 0 else momentum * velocity[row] + (1 - dampening) * grad
            velocity[row] = new
            data[row] -= lr * new
        if step == 1:  # row 5 has had its first gradient; row 2 has not rested in between
            np.testing.assert_array_equal(few.data[[2, 5]], whole.data[[2, 5]])
    np.testing.assert_allclose(few.data, data, rtol=1e-6)
    np.testing.assert_allclose(
        optimizers[0].state_dict()["state"][0]["momentum_buffer"], velocity, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("make", MAKERS.values(), ids=list(MAKERS))
def test_no_rows_change_nothing(make: Make) -> None:
    p = Parameter(np.ones(SHAPE, np.float32))
    p.grad = sparse([])
    make([p]).step()
    np.testing.assert_array_equal(p.data, 1)


def test_clipping_counts_and_scales_the_rows() -> None:
    a, b = (Parameter(np.zeros(SHAPE, np.float32)) for _ in range(2))
    a.grad, b.grad = sparse([1, 2]), np.ones(SHAPE, np.float32)
    norm = np.sqrt(np.square(a.grad.values.astype(float)).sum() + 21)
    assert clip_grad_norm([a, b], 1.0) == pytest.approx(norm)
    left = np.square(a.grad.values).sum() + np.square(b.grad).sum()
    assert left == pytest.approx(1, rel=1e-6)


def words() -> tuple[Sequential, pycnn.ArrayDataset]:
    """Return sentences whose class is that of their first word, and a net for them."""
    x = np.random.default_rng(0).integers(0, 20, (200, 4))
    model = Sequential(Embedding(30, 8, sparse=True, rng=0), Flatten(), Linear(32, 2, rng=0))
    return model, pycnn.ArrayDataset(x, x[:, 0] % 2, ("even", "odd"))


def test_a_model_with_word_vectors_learns() -> None:
    model, data = words()
    before = layer_of(model, 0).weight.data.copy()
    adam = Adam(model.parameters(), 0.05)
    history = pycnn.fit(
        model, data, epochs=15, batch_size=20, optimizer=adam, max_grad_norm=5.0, progress=False
    )
    assert history.records[-1].accuracy == 1.0
    after = layer_of(model, 0).weight.data
    np.testing.assert_array_equal(after[20:], before[20:])  # words that never came
    assert (after[:20] != before[:20]).all()


def test_nan_in_some_rows_is_noticed() -> None:
    model, data = words()
    data = data[:8]
    layer_of(model, 0).weight.data[data.x[3, 2]] = np.inf
    history = pycnn.fit(model, data, progress=False, callbacks=[TerminateOnNaN()])
    assert "weight of layer 0 (Embedding) is not finite" in str(history.stop_reason)
