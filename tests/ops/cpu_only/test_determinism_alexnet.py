"""Same bits for any number of threads, for convolutions of AlexNet's sizes."""

from __future__ import annotations

import pytest
from support.repeated_ops import ALEXNET, assert_same_bits, conv2d_cases


@pytest.mark.usefixtures("backend", "restore_threads")
@pytest.mark.parametrize("name", ALEXNET)
def test_convolutions_of_alexnet_have_the_same_bits_for_any_number_of_threads(name: str) -> None:
    assert_same_bits(conv2d_cases(name))
