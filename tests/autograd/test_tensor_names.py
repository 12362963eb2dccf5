"""Names of PyTorch's on tensors: each against NumPy, and its gradient against differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from support.pytorch_methods import MASK, PLACES, ROWS, A, B, V, X, part, put, t

import pycnn as nn
from pycnn import devices


@pytest.mark.parametrize("name", ROWS)
def test_values_and_gradients(name: str) -> None:
    call, exact, arrays = ROWS[name]
    found = call(*map(nn.tensor, arrays))
    expected = exact(*[array.astype(np.float64) for array in arrays])
    assert found.shape == np.shape(expected)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    floats = [array for array in arrays if array.dtype.kind == "f"]
    assert nn.gradcheck(call, floats)


def test_values_on_a_device() -> None:
    if "cuda_emulated" not in devices.available():
        pytest.skip("the emulated device is not built")
    for name, (call, _, arrays) in ROWS.items():
        if "norm" in name:
            continue
        found = call(*[nn.tensor(array).to("cuda_emulated") for array in arrays])
        assert found.device == "cuda_emulated", name
        expected = call(*map(nn.tensor, arrays)).numpy()
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6, err_msg=name)


def test_changes_in_place() -> None:
    x = nn.tensor(A)
    assert x.scatter_(0, t(PLACES), 5.0) is x
    np.testing.assert_array_equal(x.numpy(), put(A, PLACES, 0, 5))
    x.tril_().clamp_max_(1.0).index_fill_(0, t([0]), 7.0)
    np.testing.assert_array_equal(x.numpy(), part(np.tril(put(A, PLACES, 0, 5)).clip(max=1), 0, 7))
    leaf = nn.tensor(A, requires_grad=True)
    y = leaf * 2
    y.lerp_(nn.tensor(B), 0.25)
    y.sum().backward()
    np.testing.assert_array_equal(leaf.grad, np.full((3, 4), 1.5))
    assert y.detach_().is_leaf


def test_shapes_change_in_place() -> None:
    """Also that of a part, which its whole goes on following."""
    leaf = nn.tensor(A, requires_grad=True)
    whole = leaf * 1
    row = whole[0]
    row.unsqueeze_(0).t_()
    assert row.shape == (4, 1)
    row[1, 0] = 9.0
    assert whole[0, 1].item() == 9
    whole.transpose_(0, 1)
    assert whole.shape == (4, 3)
    whole.unsqueeze_(0).squeeze_()
    (whole * nn.tensor(A.T.copy())).sum().backward()
    np.testing.assert_array_equal(leaf.grad, part(A, (0, 1), 0))


def test_kinds_of_a_choice_between_numbers() -> None:
    mask = t(MASK)
    for a, b, dtype in (
        (1, 0, np.int64), (1.0, 0, np.float32), (1, 0.0, np.float32), (True, False, np.bool_),
    ):  # fmt: skip
        found = nn.where(mask, a, b)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found.numpy(), np.where(MASK, a, b))
    assert nn.where(MASK, 1, 0).dtype == np.int64  # of an array


def test_tests_of_numbers() -> None:
    x = t([1.0, math.nan, math.inf, -math.inf])
    assert x.isnan().tolist() == [False, True, False, False]
    assert x.isinf().tolist() == [False, False, True, True]
    assert nn.isfinite(x).tolist() == [True, False, False, False]
    assert x.nan_to_num(7, 8, 9).tolist() == [1, 7, 8, 9]
    assert nn.allclose(x[:1], t([1.0000001]))
    assert not nn.allclose(x, x)
    assert nn.allclose(x, x, equal_nan=True)
    assert nn.equal(t(A), t(A.copy()))
    assert not nn.equal(t(A), t(A[:2]))
    a, b = t([True, True, False]), t([1, 0, 0])
    assert nn.logical_and(a, b).tolist() == [True, False, False]
    assert nn.logical_or(a, b).tolist() == [True, True, False]
    assert nn.logical_xor(a, b).tolist() == [False, True, False]
    assert nn.logical_not(b).tolist() == [False, True, True]
    assert t([3, 3, 1]).unique(return_counts=True)[1].tolist() == [1, 2]
    assert t([3, 3, 1]).bincount().tolist() == [0, 1, 0, 2]
    assert t(MASK).count_nonzero(1).tolist() == MASK.sum(1).tolist()


def test_new_tensors() -> None:
    x = t(A)
    assert nn.full_like(x, 3).tolist() == np.full((3, 4), 3).tolist()
    assert nn.full_like(t([1]), 3).dtype == np.int64
    assert nn.empty_like(x).shape == (3, 4)
    np.testing.assert_allclose(nn.logspace(0, 2, 3).numpy(), [1, 10, 100])
    assert nn.triu_indices(2, 3, 1).tolist() == [[0, 0, 1], [1, 2, 2]]
    assert nn.tril_indices(2, 3).tolist() == [[0, 1, 1], [0, 0, 1]]
    drawn = nn.normal(t([0.0, 100.0]), t([1.0, 1.0]), generator=0)
    assert drawn[0] < 50 < drawn[1]
    assert nn.normal(0, 1, (2, 3), generator=0).shape == (2, 3)
    places = nn.multinomial(t([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]]), 1, generator=0)
    assert places[0].item() in (1, 2)
    assert places[1].item() == 0
    with pytest.raises(ValueError, match=r"\[multinomial\] 2 samples without replacement"):
        nn.multinomial(t([0.0, 1.0]), 2)


def test_what_is_refused() -> None:
    x = nn.tensor(A)
    for text, call in {
        r"\[dot\] needs a vector, got shape \(3, 4\)": lambda: x.dot(x),
        r"\[addmm\] needs a matrix, got shape \(2, 3, 4\)": lambda: x.addmm(t(X), x),
        r"\[kthvalue\] k 5 must be from 1 to 4": lambda: x.kthvalue(5),
        r"\[scatter\] index needs the 2 dimensions": lambda: x.scatter(0, t([0]), 1.0),
        r"\[scatter\] two numbers go to one place": lambda: x.scatter(
            0, t(np.zeros((3, 4), int)), t(B).requires_grad_()
        ),
        r"\[roll\] needs a shift for each axis": lambda: x.roll(1, (0, 1)),
        r"\[unfold\] windows of 5 every 1 do not fit an axis of 4": lambda: x.unfold(1, 5, 1),
        r"\[meshgrid\] indexing must be": lambda: nn.meshgrid(t(V), indexing="ji"),
        r"\[tensordot\] axes \[1\] of shape \(3, 4\)": lambda: nn.tensordot(x, x, 1),
        r"\[norm\] p must be a number or 'fro'": lambda: x.norm("nuc"),
        r"\[diagonal\] dim1 and dim2 must differ": lambda: x.diagonal(0, 1, 1),
        r"\[bincount\] needs a vector of whole numbers": lambda: x.bincount(),
    }.items():
        with pytest.raises(ValueError, match=text):
            call()  # type: ignore[no-untyped-call]
