"""Which algorithm computes a convolution: the choice, forcing one, and each on every shape."""

from __future__ import annotations

import pytest
from convolution import assert_convolution
from hypothesis import given
from strategies import ConvCase, conv_cases
from test_dispatch import output, python

from pycnn import _core, ops

LENET = ((64, 1, 28, 28), (6, 1, 5, 5))
TEXT = ((50, 1, 60, 300), (100, 1, 3, 300))


@pytest.mark.usefixtures("isa", "algorithm")
@given(conv_cases())
def test_every_algorithm_is_within_the_bounds(case: ConvCase) -> None:
    assert_convolution(case.x_shape, case.w_shape, case.geometry, case.values.kind)


@pytest.mark.usefixtures("unforced")
def test_the_choice_depends_on_the_shape() -> None:
    assert ops.conv2d_algorithm(*LENET, padding=2) == "direct"
    assert ops.conv2d_algorithm(*TEXT) == "full_width"
    second = ((64, 6, 14, 14), (16, 6, 5, 5))
    for direction in ("forward", "backward_input", "backward_weight"):
        assert ops.conv2d_algorithm(*second, direction=direction) == "batch_lanes"
    assert ops.conv2d_algorithm((1, 6, 14, 14), (16, 6, 5, 5)) != "batch_lanes"  # one lane of many


@pytest.mark.parametrize("direction", ["forward", "backward_input", "backward_weight"])
def test_a_forced_algorithm_is_taken_where_it_can(direction: str, algorithm: str) -> None:
    chosen = ops.conv2d_algorithm(*TEXT, direction=direction)
    assert chosen in _core.conv_algorithms()
    if algorithm in ("gemm", "full_width", "batch_lanes"):
        assert chosen == algorithm


def test_environment_forces_one() -> None:
    code = f"from pycnn import ops; print(ops.conv2d_algorithm({LENET[0]}, {LENET[1]}))"
    assert output(code, PYCNN_CONV="gemm") == "gemm"
    # Filters narrower than the image: not for this one.
    assert output(code, PYCNN_CONV="full_width") == "direct"


def test_an_unknown_name_is_one_clear_error() -> None:
    with pytest.raises(ValueError, match=r"'fft' is not an algorithm of convolution: .*gemm"):
        _core.force_conv_algorithm("fft")
    code = f"from pycnn import ops; ops.conv2d_algorithm({LENET[0]}, {LENET[1]})"
    done = python(code, PYCNN_CONV="fft")
    assert done.returncode == 1
    assert "PYCNN_CONV" in done.stderr.strip().splitlines()[-1]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[conv2d_algorithm\] direction must be 'forward'"):
        ops.conv2d_algorithm(*LENET, direction="backward")
    with pytest.raises(ValueError, match=r"\[conv2d_algorithm\] .*channels"):
        ops.conv2d_algorithm((1, 3, 8, 8), (4, 2, 3, 3))
