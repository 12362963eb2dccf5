"""Networks with a forward of their own in summary, trace, profile, plots; shared parameters."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.composed_nets import NETS, Lists, ResNet, Siamese, TwoInputs, batch

import pycnn as nn
from pycnn import io, plot
from pycnn.layers import Module, evaluation_mode
from pycnn.plot.feature_maps import layer_outputs


def total(table: str) -> list[int]:
    return [int(cell.replace(",", "")) for cell in table.splitlines()[-1].split()[1:]]


@pytest.mark.parametrize(("kind", "shape"), NETS)
def test_the_summary_has_each_call_and_counts_parameters_once(kind: Any, shape: Any) -> None:
    model = kind()
    assert total(model.summary(shape))[1] == sum(p.numel() for p in model.parameters())


def test_flop_are_those_of_the_input_of_each_call() -> None:
    """Before the transposed convolution and the shortcut stand layers of other shapes."""
    lines = ResNet().summary((1, 8, 8)).splitlines()
    rows = [line.split() for line in lines[2:-2]]
    found = {row[0]: int(row[-1].replace(",", "")) for row in rows if row[-1] != "-"}
    assert found["stem"] == 2 * 8 * 8 * 4 * 9
    assert found["blocks.1.conv1"] == 2 * 4 * 4 * 4 * 6 * 9
    assert found["blocks.1.shortcut"] == 2 * 4 * 4 * 4 * 6
    assert found["up"] == 2 * 4 * 4 * 6 * 2 * 4


def test_a_shared_module_has_a_line_for_each_call() -> None:
    lines = Siamese().summary((6,)).splitlines()
    calls = [line.split() for line in lines if line.startswith("encoder.0")]
    assert [call[4] for call in calls] == ["42", "-"]
    assert [call[5] for call in calls] == ["72", "72"]


def test_each_input_has_its_shape_and_may_have_its_kind() -> None:
    class Words(TwoInputs):
        input_dtype = (np.int64, np.float32)  # type: ignore[assignment]

        def __init__(self) -> None:
            super().__init__()
            self.left = nn.Sequential(nn.Embedding(9, 2, rng=0), nn.Flatten(), nn.Linear(8, 5))  # type: ignore[assignment]

    assert "left.0 Embedding" in Words().summary(((4,), (3,)))  # type: ignore[arg-type]
    for shape in ((4,), ((4,), (3,), (2,)), ((4,), 3), 4, "ab"):
        with pytest.raises((TypeError, ValueError)):
            Words().summary(shape)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "shape"), NETS)
def test_a_trace_ends_in_the_output_and_leaves_no_tape(kind: Any, shape: Any) -> None:
    model, x = kind().eval(), batch(shape)
    with evaluation_mode(model):
        expected = model(*x) if isinstance(x, tuple) else model(x)
        *steps, last = model.trace(x)
    assert last[:2] == ("", model)
    assert np.array_equal(last[2], expected)
    assert all(isinstance(y, np.ndarray) for _, _, y in steps)
    names = dict(model.named_modules())
    assert all(names[path] is module for path, module, _ in steps)
    assert all(module._memory is None for module in model.modules())


def test_outputs_in_a_trace_are_those_before_what_comes_next() -> None:
    """A convolution is not seen with the rectifier that may run with it as one op."""
    model, x = ResNet().eval(), batch((1, 8, 8))
    outputs = {path: y for path, _, y in model.trace(x)}
    assert np.array_equal(outputs["stem"], copy.deepcopy(model.stem)(x))
    assert outputs["stem"].min() < 0


@pytest.mark.parametrize(("kind", "shape"), NETS)
def test_a_profile_times_every_layer_and_leaves_the_model_alone(kind: Any, shape: Any) -> None:
    model = kind()
    found = nn.profile(model, batch(shape), seconds=1e-3)
    leaves = {name for name, module in model.named_modules() if not list(module.children())}
    assert {layer.path for layer in found.layers} == leaves
    for layer in found.layers:
        assert layer.forward.seconds > 0
        assert layer.backward.seconds > 0
        assert layer.forward.traffic > 0
    assert "whole" in str(found)
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any("forward" in vars(module) for module in model.modules())


def test_a_profile_has_a_layer_that_is_not_used_or_cannot_be_told_apart() -> None:
    class Gate(Module):
        def forward(self, x: Any) -> Any:
            return x * nn.functional.sigmoid(x)

    class Net(Module):
        def __init__(self) -> None:
            self.unused, self.gate, self.linear = nn.Linear(2, 2), Gate(), nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            return self.linear(self.gate(x))

    found = nn.profile(Net(), batch((4,)), seconds=1e-3)
    kinds = {layer.kind: layer for layer in found.layers}
    assert kinds["Gate"].forward.seconds > 0
    assert found.layers[0].forward.gflops == found.layers[0].forward.gbytes == 0
    assert str(found).count("\n") == 2 + 3 + 2


@pytest.mark.parametrize(("kind", "shape"), NETS)
def test_pictures_of_composed_networks(kind: Any, shape: Any) -> None:
    pytest.importorskip("matplotlib")
    model = kind()
    assert plot.architecture(model, shape) is not None
    if len(shape) == 3:
        image = batch(shape)[0]
        assert plot.feature_maps(model, image, classes=["a", "b", "c"]) is not None
        assert plot.filters(model) is not None
        names = [layer.name for layer in layer_outputs(model, image)]
        assert names[-1].endswith("Linear")  # what the network returns


def test_shared_parameters_count_once_everywhere(tmp_path: Path) -> None:
    model = Siamese()
    parameters = list(model.parameters())
    assert len(parameters) == 3
    assert len(nn.optim.Adam(model.parameters(), 0.1).params) == 3
    model.backward(np.ones_like(model(batch((6,)))))
    grads = [parameter.grad for parameter in parameters]
    norm = np.sqrt(sum(float(np.square(grad).sum()) for grad in grads))
    assert nn.optim.clip_grad_norm(model.parameters(), 1e9) == pytest.approx(norm, rel=1e-5)
    io.save(tmp_path / "m", model)
    loaded: Any = io.load_model(tmp_path / "m", Siamese)
    assert loaded.again.weight is loaded.encoder[0].weight


@pytest.mark.parametrize(("kind", "shape"), NETS)
def test_copies_are_whole_and_independent(kind: Any, shape: Any) -> None:
    """Also of a model that holds the tape of a forward pass."""
    model, x = kind(), batch(shape)
    inputs = x if isinstance(x, tuple) else (x,)
    y = model(*inputs)
    copied = copy.deepcopy(model)
    with pytest.raises(RuntimeError, match="needs a forward pass"):
        copied.backward(np.ones_like(y))
    assert len(list(copied.parameters())) == len(list(model.parameters()))
    for parameter in copied.parameters():
        parameter.data[...] = 0
    assert all(p.data.any() for p in model.parameters() if p.ndim > 1)
    model.backward(np.ones_like(y))
    assert all(parameter.grad is None for parameter in copied.parameters())


@pytest.mark.parametrize("as_tensors", [False, True])
def test_an_error_in_a_forward_names_the_modules_on_the_way(as_tensors: bool) -> None:
    class Block(Module):
        def __init__(self) -> None:
            self.row = nn.Sequential(nn.ReLU(), nn.Linear(3, 2))
            self.linear = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return self.linear(self.row(x)[:, :1])

    class Net(Module):
        def __init__(self) -> None:
            self.block = Block()

        def forward(self, x: Any) -> Any:
            return self.block(x)

    for size, text in (
        (3, r"Linear: expects 2 features, got 1 \(input was \(5, 1\)\)"),
        (4, r"Sequential\[1\] Linear: expects 3 features, got 4 \(input was \(5, 4\)\)"),
    ):
        x = np.zeros((5, size), np.float32)
        with pytest.raises(ValueError, match=rf"^Net: Block: {text}$"):
            Net()(nn.tensor(x) if as_tensors else x)


def test_lists_stay_lists_in_copies() -> None:
    copied: Any = copy.deepcopy(Lists())
    assert [type(module) for module in copied.convs] == [nn.Conv2d] * 3
    copied.convs.append(nn.Conv2d(1, 2, 1))
    assert len(list(copied.parameters())) == len(list(Lists().parameters())) + 2
