"""Module and Sequential: names, state, modes, errors, and the gradients of a whole network."""

from __future__ import annotations

import numpy as np
import pytest
from support.annotations import gradient_of, wrong
from support.gradients import assert_gradients
from support.small_training import same_bits, small_net, snapshot

from pycnn import models, reference
from pycnn.layers import (
    BatchNorm2d,
    CLayer,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    Module,
    Parallel,
    Parameter,
    ReLU,
    Reshape,
    Sequential,
    SLayer,
    Tanh,
    Unsqueeze,
    evaluation_mode,
)
from pycnn.layers import Residual as Shortcut
from pycnn.losses import CrossEntropyLoss
from pycnn.optim import SGD

Array = np.ndarray


def lenet_loss(p: dict[str, Array], x: Array, target: Array) -> float:
    """Return LeNet-5's loss, written out with the reference, in its arguments' precision."""
    h = reference.conv2d(x, p["0.weight"], p["0.bias"], padding=2)
    h, _ = reference.max_pool2d(reference.relu(h), 2)
    h, _ = reference.max_pool2d(reference.relu(reference.conv2d(h, p["3.weight"], p["3.bias"])), 2)
    h = h.reshape(len(h), -1)
    h = reference.relu(reference.linear(h, p["7.weight"], p["7.bias"]))
    h = reference.relu(reference.linear(h, p["9.weight"], p["9.bias"]))
    loss, _ = reference.softmax_cross_entropy(
        reference.linear(h, p["11.weight"], p["11.bias"]), target
    )
    return float(loss)


def test_gradients_of_lenet_are_the_slopes_of_its_loss() -> None:
    """Finite differences of the float64 reference, along random directions."""
    rng = np.random.default_rng(0)
    model, criterion = models.lenet5(rng=0), CrossEntropyLoss()
    x = rng.standard_normal((3, 1, 28, 28), dtype=np.float32)
    target = np.array([1, 5, 9])
    loss = criterion(model(x), target)
    dx = model.backward(criterion.backward())

    p = {name: array.astype(np.float64) for name, array in model.state_dict().items()}
    x64 = x.astype(np.float64)
    assert loss == pytest.approx(lenet_loss(p, x64, target), rel=1e-5)
    step = 1e-6
    for name, parameter in model.named_parameters():
        direction = rng.standard_normal(parameter.shape)
        up = lenet_loss(p | {name: p[name] + step * direction}, x64, target)
        down = lenet_loss(p | {name: p[name] - step * direction}, x64, target)
        slope = float(np.sum(gradient_of(parameter) * direction))
        assert slope == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-5), name
    direction = rng.standard_normal(x.shape)
    up, down = (lenet_loss(p, x64 + sign * step * direction, target) for sign in (1, -1))
    slope = float(np.sum(dx * direction))
    assert slope == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-5)


def assert_same_gradients(model: Module, expected: dict[str, np.ndarray]) -> None:
    for name, parameter in model.named_parameters():
        np.testing.assert_array_equal(gradient_of(parameter), expected[name])


def test_without_input_gradient_the_parameters_get_the_same() -> None:
    model = small_net()
    x = np.random.default_rng(0).standard_normal((5, 1, 8, 8), dtype=np.float32)
    dy = np.random.default_rng(1).standard_normal((5, 4), dtype=np.float32)
    model(x)
    assert model.backward(dy).shape == x.shape
    with_input = {name: gradient_of(p) for name, p in model.named_parameters()}
    model.zero_grad()
    model(x)
    assert model.backward(dy, input_gradient=False) is None
    assert_same_gradients(model, with_input)
    model.zero_grad()
    model(x)
    model.backward_parameters(dy)
    assert_same_gradients(model, with_input)


def test_names_are_those_of_pytorch() -> None:
    model = Sequential(Conv2d(1, 2, 3), Sequential(ReLU(), Linear(3, 4)), Linear(4, 5, bias=False))
    assert list(model.state_dict()) == [
        "0.weight", "0.bias", "1.1.weight", "1.1.bias", "2.weight"
    ]  # fmt: skip
    assert [p.numel() for p in model.parameters()] == [18, 2, 12, 4, 20]
    assert model.state_dict()["2.weight"] is model[2].weight.data


class Residual(Module):
    """y = x + f(x): a module of a user's own, with its layers as attributes."""

    def __init__(self) -> None:
        self.scale = Parameter(np.full(1, 2.0, np.float32))
        self.inner = Linear(3, 3, rng=0)

    def forward(self, x: Array) -> Array:
        return np.asarray(x + self.inner(x) * self.scale.data)

    def backward(self, dy: Array) -> Array:
        return dy + self.inner.backward(dy * self.scale.data)


def test_a_module_of_ones_own_takes_part() -> None:
    model = Sequential(Residual(), Dropout(0.5))
    assert list(model.state_dict()) == ["0.scale", "0.inner.weight", "0.inner.bias"]
    model.eval()
    assert not any(module.training for module in model.modules())
    assert len(list(model.modules())) == 4
    with evaluation_mode(model.train()):
        assert not model.training
    assert all(module.training for module in model.modules())
    assert "(inner): Linear(3, 3)" in repr(model)


def test_evaluation_mode_gives_each_layer_its_mode_back() -> None:
    model, x = Sequential(Dropout(0.5), Dropout(0.5)), np.ones((2, 3), np.float32)
    model[0].eval()
    with evaluation_mode(model):
        with pytest.raises(KeyError), evaluation_mode(model):
            raise KeyError
        model(x)
        with pytest.raises(RuntimeError, match=r"Sequential\[1\] Dropout: backward needs"):
            model.backward(x)
    assert [module.training for module in model.modules()] == [True, False, True]
    y = model(x)
    np.testing.assert_array_equal(model.backward(x), y)


def test_a_frozen_part_passes_gradients_on() -> None:
    """In evaluation mode, in a model that trains: as if it did not drop, and with slopes."""
    rng = np.random.default_rng(0)
    part = Sequential(BatchNorm2d(3), Dropout(0.5), Shortcut(BatchNorm2d(3)), Tanh())
    branches = Parallel(Dropout(0.5).eval(), Conv2d(3, 2, 1, rng=rng))
    model = Sequential(Conv2d(1, 3, 3, rng=rng), part.eval(), branches)
    assert_gradients(model, rng.standard_normal((2, 1, 5, 6)))


def test_state_goes_from_model_to_model() -> None:
    source, target = small_net(0), small_net(1)
    assert not same_bits(source.state_dict(), target.state_dict())
    assert target.load_state_dict(source.state_dict()) == ([], [])
    assert same_bits(source.state_dict(), target.state_dict())
    assert not np.shares_memory(source.state_dict()["0.weight"], target.state_dict()["0.weight"])


def test_a_state_that_does_not_fit_changes_nothing() -> None:
    model = small_net()
    before = snapshot(model)
    state = {name: array + 1 for name, array in before.items()}
    broken = {name: array for name, array in state.items() if name != "0.bias"}
    broken |= {"9.weight": state["0.weight"], "4.bias": np.zeros(7, np.float32)}
    with pytest.raises(ValueError, match="state does not fit") as info:
        model.load_state_dict(broken)
    assert str(info.value).endswith(
        "missing 0.bias; unexpected 9.weight; 4.bias has shape (7,), the model (4,)"
    )
    assert same_bits(before, snapshot(model))
    with pytest.raises(TypeError, match=r"4\.bias must be a float32 array, got float64"):
        model.load_state_dict(state | {"4.bias": np.zeros(4)})
    with pytest.raises(TypeError, match=r"4\.bias must be a float32 array, got list"):
        model.load_state_dict(state | {"4.bias": wrong([0.0] * 4)})
    assert same_bits(before, snapshot(model))


def test_a_loose_state_loads_what_is_there() -> None:
    model = small_net()
    bias = np.arange(4, dtype=np.float32)
    keys = model.load_state_dict({"0.bias": bias, "other": bias}, strict=False)
    assert keys.missing == ["0.weight", "4.weight", "4.bias"]
    assert keys.unexpected == ["other"]
    np.testing.assert_array_equal(model.state_dict()["0.bias"], bias)
    with pytest.raises(ValueError, match="shape"):
        model.load_state_dict({"0.bias": bias[:2]}, strict=False)


def test_errors_carry_the_position() -> None:
    model = models.lenet5(rng=0)
    with pytest.raises(ValueError, match=r"^Sequential\[0\] Conv2d: .*channels"):
        model(np.ones((8, 3, 28, 28), np.float32))
    with pytest.raises(
        ValueError,
        match=r"^Sequential\[7\] Linear: expects 400 features, got 784 \(input was \(8, 784\)\)$",
    ):
        model(np.ones((8, 1, 36, 36), np.float32))
    with pytest.raises(TypeError, match=r"^Sequential\[0\] Conv2d: "):
        model(np.ones((8, 1, 28, 28)))
    nested = Sequential(ReLU(), Sequential(Flatten(), Linear(3, 2)))
    with pytest.raises(ValueError, match=r"^Sequential\[1\] Sequential\[1\] Linear: expects 3"):
        nested(np.ones((2, 4), np.float32))
    with pytest.raises(RuntimeError, match=r"^Sequential\[1\] Sequential\[1\] Linear: backward"):
        nested.backward(np.ones((2, 2), np.float32))
    with pytest.raises(RuntimeError, match=r"^Sequential\[0\] ReLU: backward"):
        Sequential(ReLU()).backward(np.ones((2, 2), np.float32))


def test_sequential_refuses_what_is_no_layer() -> None:
    with pytest.raises(TypeError, match="layer 0 must be a Module, got function"):
        Sequential(lambda x: x)  # type: ignore[arg-type]


def test_an_empty_sequential_passes_everything_through() -> None:
    x = np.ones((2, 3), np.float32)
    model = Sequential()
    assert model(x) is x
    assert model.backward(x) is x
    assert model.backward(x, input_gradient=False) is None


@pytest.mark.parametrize(
    "layer",
    [
        Dropout(0.5),
        Dropout(0.5).eval(),
        Flatten(),
        Unsqueeze(1),
        Reshape(50),
        SLayer(2, 3, 3, r=1, q=1),
        CLayer(2, 3),
    ],
    ids=repr,
)
def test_gradients_have_the_shape_of_the_output(layer: Module) -> None:
    x = np.ones((2, 2, 5, 5), np.float32)
    for shape in ((1, 1, 1, 1), (25, 4)):
        y = layer(x)
        with pytest.raises(ValueError, match=rf"gradient must have shape \({y.shape[0]}, .*, has"):
            layer.backward(np.ones(shape, np.float32))


def test_summary_of_lenet() -> None:
    lines = models.lenet5(rng=0).summary((1, 28, 28)).splitlines()
    rows = {tuple(line.split()[:2]): line.split() for line in lines if line.strip("-")}
    # 2 multiply-adds x outputs x taps: 2 * 6*28*28 * 25 and 2 * 16*10*10 * 150.
    assert rows["0", "Conv2d"][-3:] == ["4,704", "156", "235,200"]
    assert rows["3", "Conv2d"][-3:] == ["1,600", "2,416", "480,000"]
    assert rows["5", "MaxPool2d"][2:] == ["(16,", "5,", "5)", "-", "-", "-"]
    assert lines[-1].split() == ["total", "6,518", "61,706", "833,040"]
    assert len(lines) == 12 + 4


def test_summary_leaves_the_model_as_it_was_and_knows_a_wrong_shape() -> None:
    model = small_net(dropout=0.5)
    before = snapshot(model)
    model.summary((1, 8, 8))
    assert all(module.training for module in model.modules())
    assert same_bits(before, snapshot(model))
    with pytest.raises(ValueError, match=r"Sequential\[5\] Linear: expects 64 features"):
        model.summary((1, 12, 12))
    with pytest.raises(TypeError, match=r"input_shape must be a tuple .*got int"):
        model.summary(28)  # type: ignore[arg-type]
    nested = Sequential(Sequential(Linear(3, 2)), ReLU())
    assert "0.0 Linear" in nested.summary((3,))


class Tied(Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        self.first = Linear(3, 3, rng=0)
        self.second = Linear(3, 3, bias=False, rng=1)
        self.second.weight = self.first.weight

    def forward(self, x: Array) -> Array:
        return self.second(self.first(x))  # type: ignore[no-any-return]

    def backward(self, dy: Array) -> Array:
        return self.first.backward(self.second.backward(dy))


def test_a_shared_parameter_is_counted_once() -> None:
    model = Tied()
    assert [name for name, _ in model.named_parameters()] == ["first.weight", "first.bias"]
    assert len(list(model.parameters())) == 2
    assert "12" in model.summary((3,)).splitlines()[-1]


def test_a_shared_parameter_takes_one_step_with_the_sum_of_its_gradients() -> None:
    model = Tied()
    x = np.eye(3, dtype=np.float32)
    before = model.first.weight.data.copy()
    dy = np.ones_like(model(x))
    model.backward(dy)
    gradient, bias = gradient_of(model.first.weight), model.first.bias
    assert bias is not None
    expected = dy @ before
    np.testing.assert_allclose(
        gradient, expected.T @ x + dy.T @ (x @ before.T + bias.data), rtol=1e-5
    )
    SGD(model.parameters(), lr=0.5).step()
    np.testing.assert_allclose(model.first.weight.data, before - 0.5 * gradient, rtol=1e-6)


def test_a_shared_parameter_is_saved_by_each_name_and_loaded_only_with_one_value() -> None:
    model = Tied()
    state = {name: value.copy() for name, value in model.state_dict().items()}
    assert sorted(state) == ["first.bias", "first.weight", "second.weight"]
    model.load_state_dict(state)
    state["second.weight"] += 1
    before = model.first.weight.data.copy()
    with pytest.raises(ValueError, match=r"first\.weight and second\.weight are one array"):
        model.load_state_dict(state)
    np.testing.assert_array_equal(model.first.weight.data, before)


def test_a_mode_in_the_class_is_where_its_modules_begin_and_hides_nothing() -> None:
    class Frozen(Dropout):
        training = False

    class Lively(Frozen):
        training = True

    frozen, lively = Frozen(0.5), Lively(0.5)
    assert not frozen.training
    assert lively.training
    assert frozen.train().training
    with evaluation_mode(lively):
        assert not lively.training
    assert not lively.eval().training
