"""Which algorithm computes a convolution: the choice, forcing one, and each on every shape."""

from __future__ import annotations

import pytest
from hypothesis import given
from support.annotations import Options
from support.child import output
from support.child import run as python
from support.convolution import assert_convolution, forced
from support.strategies import ConvCase, conv_cases

import pycnn
from pycnn import _core, ops

LENET = ((64, 1, 28, 28), (6, 1, 5, 5))
SECOND = ((64, 6, 14, 14), (16, 6, 5, 5))
SQUARE = ((64, 1, 28, 28), (6, 1, 3, 3))
ONE = ((1, 1, 28, 28), (6, 1, 3, 3))
TEXT = ((50, 1, 60, 300), (100, 1, 3, 300))
DIRECTIONS = ("forward", "backward_input", "backward_weight")

FITTING = {algorithm: TEXT for algorithm in _core.conv_algorithms()} | {
    "winograd": SQUARE,
    "patch_rows": ONE,
}

Shapes = tuple[tuple[int, int, int, int], tuple[int, int, int, int]]


def choice(forced_one: str, shapes: Shapes, direction: str, **geometry: int) -> str:
    options: Options = dict(geometry)
    with forced(forced_one):
        return ops.conv2d_algorithm(*shapes, direction=direction, **options)


@pytest.mark.usefixtures("backend", "algorithm")
@given(conv_cases())
def test_every_algorithm_is_within_the_bounds(case: ConvCase) -> None:
    assert_convolution(case.x_shape, case.w_shape, case.geometry, case.values.kind)


@pytest.mark.usefixtures("unforced")
def test_the_choice_depends_on_the_shape() -> None:
    assert ops.conv2d_algorithm(*LENET, padding=2) == "gemm_unpacked"
    assert ops.conv2d_algorithm(*TEXT) == "winograd_rows"
    assert ops.conv2d_algorithm(*SECOND) == "filter_lanes"
    assert ops.conv2d_algorithm(*SECOND, direction="backward_weight") == "batch_lanes"
    # Of 64 images AVX-512 has four vectors; the others are faster with filters in lanes.
    lanes = "batch_lanes" if _core.isa() == "avx512" else "filter_lanes"
    assert ops.conv2d_algorithm(*SECOND, direction="backward_input") == lanes
    assert ops.conv2d_algorithm((1, 6, 14, 14), (16, 6, 5, 5)) != "batch_lanes"  # one lane of many


def test_gradients_of_a_single_channel_are_sums_of_planes(unforced: None) -> None:
    grey, signals = ((32, 1, 64, 64), (32, 1, 3, 3)), ((32, 1, 1, 4096), (16, 1, 1, 7))
    for shapes in (grey, signals):
        assert ops.conv2d_algorithm(*shapes) == "gemm_unpacked"
        for direction in ("backward_input", "backward_weight"):
            assert choice("", shapes, direction) == "depthwise"
    few = ((1, 1, 64, 64), (32, 1, 3, 3))  # no planes for several threads
    wide = ((32, 1, 64, 64), (32, 1, 7, 7))
    for shapes in (few, wide, LENET):
        for direction in ("backward_input", "backward_weight"):
            assert choice("", shapes, direction) != "depthwise"


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("algorithm", "shapes"), FITTING.items())
def test_a_forced_algorithm_is_taken_where_it_fits(
    algorithm: str, shapes: Shapes, direction: str
) -> None:
    free, chosen = (choice(name, shapes, direction) for name in ("", algorithm))
    fits = (algorithm, direction) != ("gemm_unpacked", "backward_weight")
    assert chosen == (algorithm if fits else free)
    # Tiles of rows are the choice where they save a fifth, as here.
    assert (free == algorithm) == (algorithm == "winograd_rows")


@pytest.mark.parametrize(
    ("algorithm", "shapes", "direction", "stride"),
    [
        *(("full_width", SECOND, direction, 1) for direction in DIRECTIONS),
        *(("depthwise", SECOND, direction, 1) for direction in DIRECTIONS),
        *(("winograd", TEXT, direction, 1) for direction in DIRECTIONS),
        ("winograd", SQUARE, "forward", 3),
        ("patch_rows", ((400, 40, 26, 26), (8, 40, 3, 3)), "forward", 1),  # patches of 332 MB
        ("batch_lanes", LENET, "backward_input", 2),
        ("batch_lanes", LENET, "backward_weight", 2),
    ],
)
def test_a_forced_algorithm_that_does_not_fit_leaves_the_choice(
    algorithm: str, shapes: Shapes, direction: str, stride: int
) -> None:
    free, chosen = (choice(name, shapes, direction, stride=stride) for name in ("", algorithm))
    assert chosen == free != algorithm


def test_environment_forces_one() -> None:
    code = f"from pycnn import ops; print(ops.conv2d_algorithm({LENET[0]}, {LENET[1]}))"
    assert output(code, PYCNN_CONV="gemm") == "gemm"
    # Filters narrower than the image: not for this one.
    assert output(code, PYCNN_CONV="full_width") == "gemm_unpacked"


def test_former_names_are_accepted() -> None:
    code = "from pycnn import _core; print(_core.forced_conv_algorithm())"
    assert output(code, PYCNN_CONV="direct") == "gemm_unpacked"
    with forced("direct"):
        assert _core.forced_conv_algorithm() == "gemm_unpacked"
        assert ops.conv2d_algorithm(*SECOND) == "gemm_unpacked"
    assert "direct" not in _core.conv_algorithms()


@pytest.mark.usefixtures("unforced")
def test_accurate_convolutions_have_the_bound_of_a_plain_sum() -> None:
    geometry = (16, 64, 27, 27), (64, 64, 3, 3)  # the tolerance asks for the algorithm, too
    assert ops.conv2d_algorithm(*geometry, padding=1) == "winograd"
    code = f"from pycnn import ops; print(ops.conv2d_algorithm(*{geometry}, padding=1))"
    assert output(code, PYCNN_CONV="accurate") != "winograd"
    try:
        pycnn.set_convolution("accurate")
        assert pycnn.show_config()["convolution"] == pycnn.get_convolution() == "accurate"
        for direction in DIRECTIONS:
            assert ops.conv2d_algorithm(*geometry, direction=direction, padding=1) != "winograd"
        assert_convolution((2, 64, 27, 27), (64, 64, 3, 3), {"padding": 1}, "normal")
        with pytest.raises(ValueError, match="'fast' or 'accurate', got 'exact'"):
            pycnn.set_convolution("exact")
    finally:
        pycnn.set_convolution("fast")
    assert ops.conv2d_algorithm(*geometry, padding=1) == "winograd"


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
