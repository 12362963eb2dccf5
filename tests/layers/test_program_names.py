"""What public programs for PyTorch do with modules and names; each was met in one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn
from pycnn import Module
from pycnn.hub import load_state_dict_from_url
from pycnn.jit.annotations import List
from pycnn.nn.modules.batchnorm import _BatchNorm
from pycnn.nn.modules.conv import _ConvNd
from pycnn.nn.modules.loss import MSELoss
from pycnn.nn.modules.pooling import MaxPool2d

# As programs see them: under names that a type checker of pycnn does not know.
torch: Any = pycnn
nn: Any = pycnn.nn


class Tree(Module):
    """Keeps a device of its own, and asks for its modules by name."""

    def __init__(self) -> None:
        super().__init__()
        self.device = "of one's own"
        for i in range(2):
            setattr(self, f"level_{i}", nn.Linear(3, 3))

    def forward(self, x: Any) -> Any:
        for i in range(2):
            x = self.__getattr__(f"level_{i}")(x)  # type: ignore[attr-defined]
        return x


def test_a_module_has_a_device_of_its_own() -> None:
    model: Any = Tree()
    assert model.device == "of one's own"
    x = np.ones((4, 3), np.float32)
    target = np.zeros((4, 3), np.float32)
    torch.fit(model, x, target, loss=nn.MSELoss(), epochs=1, progress=False)
    assert torch.predict(model, x).shape == (4, 3)
    assert model.to("reference").device == "of one's own"
    assert nn.Linear(3, 3).to("reference").device == "reference"
    assert type(model.level_0.weight.array).__name__ == "ReferenceArray"


def test_attributes_are_found_by_getattr() -> None:
    model: Any = Tree()
    assert model.__getattr__("level_1") is model.level_1
    assert not hasattr(model, "level_2")
    with pytest.raises(AttributeError, match="'Tree' object has no attribute 'level_2'"):
        model.level_2  # noqa: B018

    class Wrapper(Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = model

        def __getattr__(self, name: str) -> Any:
            try:
                return super().__getattr__(name)  # type: ignore[misc]
            except AttributeError:
                return getattr(self.module, name)

    wrapper: Any = Wrapper()
    assert wrapper.level_0 is model.level_0


def test_a_list_with_named_modules() -> None:
    branch = nn.ModuleList([nn.ReLU()])
    branch.add_module("pad", nn.ZeroPad2d((0, 1, 0, 1)))
    branch.add_module("conv", nn.Conv2d(2, 2, 1, bias=False))
    assert branch.pad(torch.zeros(1, 2, 3, 3)).shape == (1, 2, 4, 4)
    assert [name for name, _ in branch.named_children()] == ["0", "pad", "conv"]
    assert list(branch.state_dict()) == ["conv.weight"]
    for name in ("7", "a.b", ""):
        with pytest.raises(ValueError, match="next module has the name '1'"):
            branch.add_module(name, nn.ReLU())


def test_kinds_of_layers() -> None:
    batch, samples = nn.BatchNorm1d(2), nn.InstanceNorm1d(2)
    assert isinstance(batch, _BatchNorm)
    assert not isinstance(samples, (_BatchNorm, nn.BatchNorm1d, nn.BatchNorm2d))
    for layer in (nn.Conv1d(1, 1, 1), nn.Conv2d(1, 1, 1), nn.ConvTranspose2d(1, 1, 1)):
        assert isinstance(layer, _ConvNd)
        assert not isinstance(layer, (nn.LSTM, nn.Conv3d, nn.Linear, nn.BatchNorm3d))
    assert nn.modules.conv._ConvNd is _ConvNd
    assert (MSELoss, MaxPool2d) == (nn.MSELoss, nn.MaxPool2d)
    with pytest.raises(NotImplementedError, match=r"\[LSTM\] pycnn has no 3-D layers, recurrent"):
        nn.LSTM(3, 4)


@pytest.mark.parametrize("name", ["sum", "mean", "std", "amax", "argmax", "all", "logsumexp"])
def test_axis_and_keepdims_of_reductions(name: str) -> None:
    x = torch.randn(2, 3, 4, generator=0)
    expected = getattr(x, name)(dim=1, keepdim=True)
    for y in (
        getattr(x, name)(axis=1, keepdims=True),
        getattr(torch, name)(x, axis=1, keepdims=True),
        getattr(torch, name)(input=x, axis=1, keepdim=True),
    ):
        np.testing.assert_array_equal(y.numpy(), expected.numpy())
    with pytest.raises(TypeError, match="got both dim and axis"):
        getattr(x, name)(dim=1, axis=1)


def test_axis_of_shapes() -> None:
    x = torch.randn(2, 3, 4, generator=0)
    assert torch.cat([x, x], axis=1).shape == (2, 6, 4)
    assert torch.stack([x, x], axis=1).shape == (2, 2, 3, 4)
    assert [part.shape for part in torch.split(x, 2, axis=2)] == [(2, 3, 2)] * 2
    assert x.unsqueeze(axis=1).squeeze(axis=1).shape == (2, 3, 4)
    assert x.max(axis=-1).indices.tolist() == x.argmax(2).tolist()
    np.testing.assert_array_equal(x.softmax(axis=1).numpy(), torch.softmax(x, dim=1).numpy())


def test_functions_of_tensors_under_other_names() -> None:
    x = torch.tensor([-1.0, 2.0])
    assert torch.divide(torch.multiply(x, 4), 2).tolist() == torch.add(x, x).tolist()
    assert torch.subtract(torch.absolute(x), torch.negative(x)).tolist() == [0, 4]
    assert torch.relu_(x) is x
    assert x.tolist() == [0, 2]
    y = torch.conv1d(torch.ones(1, 1, 3), torch.ones(1, 1, 2))
    assert torch.dropout(y, 0.5, False).tolist() == [[[2, 2]]]


def test_words_to_a_compiler_and_a_hub() -> None:
    @torch.jit.script_method  # type: ignore[misc]
    def function(x: List[int]) -> Any:
        return torch.jit.annotate(List[int], x)

    assert function([1]) == [1]
    assert issubclass(torch.jit.ScriptModule, nn.Module)
    assert not torch.jit.is_tracing()
    with pytest.raises(RuntimeError, match="safetensors"):
        load_state_dict_from_url("https://example.com/a.pth", progress=True)


class Pair(Module):
    """Takes two values as one tuple, of which the second may be None, and returns two."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, both: Any) -> Any:
        x, before = both
        y = self.linear(x)
        return (y if before is None else y + before), x


def test_a_tuple_goes_through_a_row_of_modules() -> None:
    row = nn.Sequential(Pair(), Pair())
    x = torch.randn(2, 3, generator=0, requires_grad=True)
    y, before = row((x, None))
    np.testing.assert_array_equal(before.numpy(), row[0]((x, None))[0].numpy())
    np.testing.assert_array_equal(y.numpy(), (row[1].linear(before) + x).numpy())
    y.sum().backward()
    assert x.grad.shape == (2, 3)
    with pytest.raises(TypeError, match=r"\[Sequential\] x must be an array, got tuple"):
        row((None, None))


def test_numbers_of_one_place() -> None:
    p = torch.tensor(1.0)
    assert torch.bernoulli(p).shape == ()
    assert torch.equal(torch.bernoulli(p), torch.tensor(1).float())
    assert not torch.equal(p, torch.ones(1))
    assert torch.allclose(p, p + 1e-6)
    assert not p.allclose(p + 1e-3)
    x = torch.tensor([0.5, 1.5, 2.7])
    assert (x + 0.9).floor_().tolist() == [1, 2, 3]
    assert (x.clone().round_() - x.clone().ceil_()).tolist() == [-1, 0, 0]
    for correction in (0, 1, 2):
        expected = np.var(x.numpy(), ddof=correction)
        assert x.var(dim=0, correction=correction).item() == pytest.approx(expected)
        assert x.std(0, correction=correction).item() == pytest.approx(expected**0.5)


def test_fans_of_a_weight() -> None:
    fans = nn.init._calculate_fan_in_and_fan_out
    assert fans(nn.Conv2d(4, 8, 3).weight) == (36, 72)
    assert fans(nn.Linear(3, 5).weight) == (3, 5)
    with pytest.raises(ValueError, match=r"two axes or more, got shape \(5,\)"):
        fans(nn.Linear(3, 5).bias)
