"""The table of a model made of classes of one's own."""

from __future__ import annotations

from pycnn.layers import Conv2d, Module, Sequential
from pycnn.layers.module import Trace
from pycnn.layers.parameter import Array


class Sum(Module):
    """y = a(x) + b(x): branches that are no `Parallel`."""

    children_share_input = True

    def __init__(self) -> None:
        self.a = Conv2d(3, 8, 1, rng=0)
        self.b = Conv2d(3, 8, 3, padding=1, rng=1)

    def forward(self, x: Array) -> Array:
        y: Array = self.a(x) + self.b(x)
        return y

    def backward(self, dy: Array) -> Array:
        dx: Array = self.a.backward(dy) + self.b.backward(dy)
        return dx

    def trace(self, x: Array, path: str = "") -> Trace:
        for name, child in self.named_children():
            yield from child.trace(x, f"{path}.{name}" if path else name)
        y = self.forward(x)
        yield path, self, y
        return y


class Hebbian(Module):
    """A layer that learns without gradients, like an `SLayer` and unlike it."""

    self_organized = 1234

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


class Flop(Conv2d):
    """A convolution that counts its operations by the shape of its input."""

    def flop(self, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
        return input_shape[1]


def test_branches_of_ones_own_count_from_the_shared_input() -> None:
    branches = Sum()
    branches.b = Flop(3, 8, 3, padding=1, rng=1)
    lines = Sequential(Conv2d(1, 3, 1, rng=0), branches).summary((1, 6, 6)).splitlines()
    assert next(line for line in lines if line.startswith("1.b Flop")).split()[-1] == "3"


def test_a_layer_of_ones_own_may_learn_without_gradients() -> None:
    text = Sequential(Conv2d(1, 3, 1, rng=0), Hebbian()).summary((1, 6, 6))
    assert "self-organized" in text
    assert "1,234" in text
    assert "self-organized" not in Sequential(Conv2d(1, 3, 1, rng=0)).summary((1, 6, 6))
