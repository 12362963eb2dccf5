"""Hooks of modules and of tensors: what they see and change, and that they leave no trace."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pycnn as nn
import pycnn.functional as F

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 1, 8, 8)).astype(np.float32)


def net() -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, rng=0),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(36, 2, rng=1),
    )


class Forward(nn.Module):
    """The same network as a forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = net()

    def forward(self, x: Any) -> Any:
        conv, _, pool, flatten, linear = self.layers
        return linear(flatten(pool(F.relu(conv(x)))))


def gradients(model: Any, tensors: bool) -> list[Any]:
    model.zero_grad()
    if tensors:
        model(nn.tensor(X)).sum().backward()
    else:
        y = model(X)
        model.backward(np.ones_like(y))
    return [parameter.grad for parameter in model.parameters()]


@pytest.mark.parametrize("tensors", [False, True])
def test_each_layer_of_a_row_shows_its_own_output_and_gradients(tensors: bool) -> None:
    """Though convolution, rectifier and pooling run as one op without hooks."""
    model = net()
    plain = gradients(model, tensors)
    seen: list[tuple[str, tuple[int, ...], tuple[int, ...]]] = []
    kind = nn.Tensor if tensors else np.ndarray

    def after(module: Any, inputs: Any, y: Any) -> None:
        assert isinstance(y, kind)
        assert isinstance(inputs[0], kind)
        seen.append((type(module).__name__, inputs[0].shape, y.shape))

    def back(module: Any, dx: Any, dy: Any) -> None:
        assert isinstance(dy[0], kind)
        seen.append((type(module).__name__, dx[0].shape if dx[0] is not None else (), dy[0].shape))

    handles = [layer.register_forward_hook(after) for layer in model]
    handles += [layer.register_full_backward_hook(back) for layer in model]
    for a, b in zip(gradients(model, tensors), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    kinds = ["Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear"]
    assert [name for name, _, _ in seen] == kinds + kinds[::-1]
    for one, other in zip(seen[1:5], seen[8:4:-1], strict=True):
        assert one[1:] == other[1:]
    assert seen[9] == ("Conv2d", () if tensors else X.shape, (2, 4, 6, 6))
    for handle in handles:
        handle.remove()
        handle.remove()
    assert not any("forward" in vars(layer) for layer in model)
    for a, b in zip(gradients(model, tensors), plain, strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_a_hook_returns_is_recorded() -> None:
    """Of y = 3 w (2 x): the input is replaced by 2 x, the output by three times itself."""
    layer = nn.Linear(1, 1, bias=False)
    layer.register_forward_pre_hook(lambda module, inputs: inputs[0] * 2)
    layer.register_forward_hook(lambda module, inputs, y: y * 3)
    x = nn.tensor([[5.0]], requires_grad=True)
    y = layer(x)
    w = layer.weight.item()
    np.testing.assert_allclose(y.item(), 30 * w, rtol=1e-6)
    y.backward()
    np.testing.assert_allclose(layer.weight.grad, [[30]])
    np.testing.assert_allclose(x.grad, [[6 * w]], rtol=1e-6)


@pytest.mark.parametrize(
    "hook",
    [lambda module, inputs, y: y * 2, lambda module, inputs, y: y.__setitem__(0, 0)],
)
def test_a_gradient_that_would_not_know_of_a_hook_is_refused(hook: Any) -> None:
    model = net()
    handle = model[1].register_forward_hook(hook)
    y = model(X)
    with pytest.raises(RuntimeError, match=r"\[1\] ReLU: \[ReLU\] a hook has changed arrays"):
        model.backward(np.ones_like(y))
    handle.remove()
    gradients(model, False)


def test_order_and_named_arguments() -> None:
    class Scale(nn.Module):
        def forward(self, x: Any, factor: float = 1.0) -> Any:
            return x * factor

    calls: list[Any] = []
    model = Scale()
    model.register_forward_hook(lambda module, inputs, y: calls.append("second"))
    model.register_forward_hook(lambda module, inputs, y: calls.append("first"), prepend=True)
    model.register_forward_hook(
        lambda module, inputs, named, y: calls.append(named), with_kwargs=True
    )
    with model.register_forward_pre_hook(
        lambda module, inputs, named: (inputs, {"factor": 2 * named["factor"]}), with_kwargs=True
    ):
        assert model(nn.ones(1), factor=3.0).item() == 6
    assert calls == ["first", "second", {"factor": 6}]
    assert model(nn.ones(1), factor=3.0).item() == 3


def test_a_hook_may_change_gradients_of_inputs() -> None:
    class Sum(nn.Module):
        def forward(self, a: Any, b: Any) -> Any:
            return a + b, a * b

    changed = (nn.tensor([1.0]), nn.tensor([0.0]))
    for gradient, expected in ((None, (9, 7)), (changed, (1, 0))):
        model = Sum()
        seen: list[Any] = []

        def back(module: Any, dx: Any, dy: Any, gradient: Any = gradient, seen: Any = seen) -> Any:
            seen.append(([g.item() for g in dx], [g.item() for g in dy]))
            return gradient

        model.register_full_backward_hook(back)
        a, b = (nn.tensor([v], requires_grad=True) for v in (3.0, 4.0))
        first, second = model(a, b)
        (first + 2 * second).backward()
        assert seen == [([9, 7], [1, 2])]
        assert (a.grad.item(), b.grad.item()) == expected
    model.register_full_backward_hook(lambda module, dx, dy: (nn.ones(2), None))
    with pytest.raises(ValueError, match=r"register_full_backward_hook.*shape \(1,\).*\(2,\)"):
        model(a, b)[0].backward()


def test_a_module_that_changes_its_input_in_place_still_does() -> None:
    layer = nn.ReLU(inplace=True)
    layer.register_full_backward_hook(lambda module, dx, dy: None)
    leaf = nn.tensor([-1.0, 2.0], requires_grad=True)
    x = leaf * 1
    y = layer(x)
    assert x.tolist() == y.tolist() == [0, 2]
    (x + y).sum().backward()
    assert leaf.grad.tolist() == [0, 2]


def test_a_program_of_class_activation_maps() -> None:
    """The outputs and gradients of a layer, as Grad-CAM takes them, in a forward and in a row."""
    for model, layer in ((whole := net(), whole[0]), (own := Forward(), own.layers[0])):
        kept: dict[str, Any] = {}
        layer.register_forward_hook(lambda m, i, y, kept=kept: kept.update(y=y.detach()))
        layer.register_full_backward_hook(lambda m, i, dy, kept=kept: kept.update(dy=dy[0]))
        scores = model(nn.tensor(X))
        scores[:, 1].sum().backward()
        weights = kept["dy"].mean((2, 3), keepdim=True)
        maps = F.relu((weights * kept["y"]).sum(1))
        assert maps.shape == (2, 6, 6)
        assert maps.numpy().any()


def test_copies_have_hooks_and_files_have_none(tmp_path: Path) -> None:
    model = net()
    seen: list[Any] = []
    handle = model[0].register_forward_hook(lambda module, inputs, y: seen.append(module))
    twin = copy.deepcopy(model)
    twin(X)
    assert seen == [twin[0]]
    nn.save(tmp_path / "net.safetensors", model)
    nn.load_model(tmp_path / "net.safetensors")(X)
    handle.remove()
    model(X)
    assert len(seen) == 1


def test_hooks_in_a_training() -> None:
    model, seen = net(), []
    model[0].register_forward_hook(lambda m, i, y: seen.append(y.detach().cpu().numpy().shape))
    nn.fit(model, X, np.array([0, 1]), epochs=1, batch_size=2, progress=False)
    assert (2, 4, 6, 6) in seen


def test_what_is_no_hook_is_refused() -> None:
    with pytest.raises(TypeError, match="hook must be a function"):
        nn.ReLU().register_forward_hook(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="hook must be a function"):
        nn.ones(1).requires_grad_().register_hook(3)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="does not require gradients"):
        nn.ones(1).register_hook(print)


def test_hooks_of_tensors() -> None:
    x = nn.tensor([1.0, 2.0], requires_grad=True)
    seen: list[Any] = []
    handle = x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 10)
    y = x * x
    y.register_hook(lambda g: -g)
    (y.sum() + 3 * x.sum()).backward()
    assert seen == [[1, -1]]  # the sum of both ways, once
    assert x.grad.tolist() == [10, -10]
    handle.remove()
    (x * 1).sum().backward()
    assert len(seen) == 1
    x.register_hook(lambda g: nn.ones(3))
    with pytest.raises(ValueError, match=r"\[register_hook\].*shape \(2,\).*shape \(3,\)"):
        (x * 1).sum().backward()


@pytest.mark.parametrize("tensors", [False, True])
def test_hooks_of_parameters(tensors: bool) -> None:
    """A mask on a gradient, as people freeze a part of a weight."""
    model = net()
    plain = gradients(model, tensors)
    model[0].weight.register_hook(lambda g: g * 0)
    masked = gradients(model, tensors)
    assert not masked[0].any()
    np.testing.assert_array_equal(masked[1], plain[1])
