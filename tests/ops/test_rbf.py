"""rbf, its gradients and its layer, against the float64 reference and facts known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import tolerance_norm
from support.annotations import gradient_of
from support.finite_differences import assert_gradient
from support.repeated_ops import assert_same_bits
from support.strategies import TILES, Values, values
from support.tolerance import assert_within, float64

from pycnn import ops, reference
from pycnn.layers import RBF, Buffer, Parameter

pytestmark = pytest.mark.usefixtures("backend")

F = np.float32
SIZES = st.tuples(
    st.sampled_from((0, 1, 2, 3, 5, 8, 17, 33, 65)),
    st.sampled_from((*TILES, 84, 257, 1025)),
    st.sampled_from((1, 2, 3, 4, 5, 6, 10, 17, 41)),
)


def operands(size: tuple[int, int, int], numbers: Values) -> list[np.ndarray]:
    rows, features, centres = size
    return numbers.arrays((rows, centres), (rows, features), (centres, features))


@given(SIZES, values())
def test_forward(size: tuple[int, int, int], numbers: Values) -> None:
    _, x, centres = operands(size, numbers)
    wide = float64(x, centres)
    bound = 0.0 if numbers.exact else tolerance_norm.rbf(*wide)
    assert_within(ops.rbf(x, centres), reference.rbf(*wide), bound)


@given(SIZES, values())
def test_backward(size: tuple[int, int, int], numbers: Values) -> None:
    arrays = operands(size, numbers)
    wide = float64(*arrays)
    for got, want, bound in zip(
        ops.rbf_backward(*arrays),
        reference.rbf_backward(*wide),
        tolerance_norm.rbf_backward(*wide),
        strict=True,
    ):
        assert_within(got, want, 0.0 if numbers.exact else bound)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@given(SIZES, values("nonfinite"))
def test_nan_and_infinity_stay_in_their_row(size: tuple[int, int, int], numbers: Values) -> None:
    _, x, _ = operands(size, numbers)
    dy, _, centres = operands(size, Values("normal", numbers.seed))
    wide = float64(x, centres)
    assert_within(ops.rbf(x, centres), reference.rbf(*wide), tolerance_norm.rbf(*wide))
    three = float64(dy, x, centres)
    exact, bound = reference.rbf_backward(*three), tolerance_norm.rbf_backward(*three)
    for got, want, limit in zip(ops.rbf_backward(dy, x, centres), exact, bound, strict=True):
        assert_within(got, want, limit)


def test_gradients_of_the_reference() -> None:
    rng = np.random.default_rng(0)
    g, x, centres = rng.standard_normal((4, 3)), rng.standard_normal((4, 5)), np.eye(3, 5)
    dx, dcentres = reference.rbf_backward(g, x, centres)
    assert_gradient(lambda a: np.vdot(g, reference.rbf(a, centres)), x, dx, 1e-3)
    assert_gradient(lambda a: np.vdot(g, reference.rbf(x, a)), centres, dcentres, 1e-3)


def test_near_a_centre_nothing_cancels() -> None:
    """A distance of 1e-3 in every feature, at 1000: the expanded square would be noise."""
    centres = np.full((1, 84), 1000, F)
    x = np.nextafter(centres, F(2000))
    step = float(x[0, 0]) - 1000
    assert ops.rbf(x, centres).item() == pytest.approx(84 * step**2, rel=1e-5)
    assert ops.rbf(centres, centres).item() == 0


@pytest.mark.usefixtures("restore_threads")
def test_same_bits_for_any_number_of_threads() -> None:
    dy, x, centres = operands((131, 1500, 47), Values("normal", 0))
    assert_same_bits([(ops.rbf, [x, centres], {}), (ops.rbf_backward, [dy, x, centres], {})])


# The layer ------------------------------------------------------------------------------------


def test_fixed_centres_are_a_buffer_and_trainable_ones_a_parameter() -> None:
    centres = np.sign(np.random.default_rng(0).standard_normal((10, 84))).astype(F)
    fixed, trainable = RBF(centres=centres), RBF(84, 10, centres=centres, trainable=True)
    assert isinstance(fixed.centres, Buffer)
    assert isinstance(trainable.centres, Parameter)
    assert [sum(p.numel() for p in layer.parameters()) for layer in (fixed, trainable)] == [0, 840]
    assert list(fixed.state_dict()) == list(trainable.state_dict()) == ["centres"]
    assert not np.shares_memory(fixed.centres.data, centres)

    x, dy = Values("normal", 1).arrays((6, 84), (6, 10))
    dx, dcentres = reference.rbf_backward(*float64(dy, x, centres))
    for layer in (fixed, trainable):
        y = layer(x)
        np.testing.assert_allclose(y, reference.rbf(*float64(x, centres)), rtol=1e-5)
        np.testing.assert_allclose(layer.backward(dy), dx, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gradient_of(trainable.centres), dcentres, rtol=1e-4, atol=1e-4)
    with pytest.raises(RuntimeError, match="one backward"):
        fixed.backward(dy)


def test_random_centres_come_from_rng() -> None:
    layer = RBF(84, 10, rng=0)
    np.testing.assert_array_equal(layer.centres.data, RBF(84, 10, rng=0).centres.data)
    assert set(np.unique(layer.centres.data)) == {-1, 1}
    assert abs(layer.centres.data.mean()) < 0.1
    assert repr(RBF(84, 10, trainable=True)) == "RBF(84, 10, trainable=True)"


X, CENTRES = np.zeros((2, 4), F), np.zeros((3, 4), F)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: ops.rbf(X, CENTRES[:, :3].copy()), ValueError, "centres have 3 features"),
        (lambda: ops.rbf(X, CENTRES[:0]), ValueError, "at least one feature and one centre"),
        (lambda: ops.rbf(X, CENTRES.T), ValueError, "C-contiguous"),
        (lambda: ops.rbf(X.astype(float), CENTRES), TypeError, "x must be float32"),
        (lambda: ops.rbf_backward(X, X, CENTRES), ValueError, r"dy has shape \(2, 4\)"),
        (lambda: reference.rbf(X, CENTRES.T), ValueError, "centres have 3 features"),
        (lambda: RBF(4), TypeError, "out_features must be an int, got NoneType"),
        (lambda: RBF(4, 0), ValueError, "out_features must be at least 1"),
        (lambda: RBF(5, centres=CENTRES), ValueError, r"in_features is 5, .* shape \(3, 4\)"),
        (lambda: RBF(centres=CENTRES[0]), ValueError, r"must be \(out_features, in_features\)"),
        (lambda: RBF(centres=[[1.0]]), TypeError, "float32 array, got list"),  # type: ignore[arg-type]
        (lambda: RBF(centres=CENTRES)(X[:, :3]), ValueError, r"expects \(N, 4\), input was \(2, 3"),
    ],
)
def test_wrong_arguments_are_named(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()
