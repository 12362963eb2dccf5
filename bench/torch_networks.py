"""The networks of `networks.py` in PyTorch, of the modules that its users take."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from case import Array
from networks import Network
from sketch import Step

torch: Any = importlib.import_module("torch")
nn: Any = torch.nn


def build(network: Network, arrays: Mapping[str, Array]) -> Any:
    """Return the network with the given parameters and running statistics.

    A row of layers is a `Sequential`; other networks have a `forward` that goes from step to step.
    """
    steps = network.steps
    readers = Counter(value for step in steps for value in step.inputs)
    # In place as in torchvision: faster, and allowed where nobody else reads the value.
    modules = [_module(step, readers[step.inputs[0]] == 1) for step in steps]
    for step, module in zip(steps, modules, strict=True):
        names = {name.removeprefix(f"{step.key}."): name for name in step.parameters}
        state = {own: torch.from_numpy(arrays[name].copy()) for own, name in names.items()}
        target = module.layer if isinstance(module, (_Padded, _Lookup)) else module
        missing, unexpected = target.load_state_dict(state, strict=False)
        assert not unexpected
        assert set(missing) <= {"num_batches_tracked"}
    in_a_row = all(step.inputs == (i,) for i, step in enumerate(steps))
    return nn.Sequential(*modules) if in_a_row else _Steps(steps, modules)


def parameters(network: Network, model: Any) -> dict[str, Any]:
    """Return the parameters by pycnn's names: each module lists them as its step does."""
    names = [name for step in network.steps for name in step.parameters if ".running_" not in name]
    return dict(zip(names, model.parameters(), strict=True))


class _Steps(nn.Module):  # type: ignore[misc]
    """A network in which layers read other results than that of the layer before."""

    def __init__(self, steps: list[Step], modules: list[Any]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(modules)
        last = {value: i for i, step in enumerate(steps) for value in step.inputs}
        # What nobody reads any more is freed, as local variables are that get a new value.
        self.reads = [(step.inputs, [v for v in set(step.inputs) if last[v] == i])
                      for i, step in enumerate(steps)]  # fmt: skip

    def forward(self, x: Any) -> Any:
        values = {0: x}
        for i, (layer, (inputs, done)) in enumerate(zip(self.layers, self.reads, strict=True)):
            x = layer(*(values[value] for value in inputs))
            for value in done:
                del values[value]
            values[i + 1] = x
        return x


class _Call(nn.Module):  # type: ignore[misc]
    """A function of PyTorch as a module."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.forward = function


class _Padded(nn.Module):  # type: ignore[misc]
    """A convolution with other borders above than below."""

    def __init__(self, layer: Any, padding: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.layer = layer
        top, bottom, left, right = padding
        self.borders = (left, right, top, bottom)

    def forward(self, x: Any) -> Any:
        return self.layer(nn.functional.pad(x, self.borders))


class _Lookup(nn.Module):  # type: ignore[misc]
    """Vectors of words as an image of one channel."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x).unsqueeze(1)


def _module(step: Step, inplace: bool) -> Any:
    o = step.options
    shapes = [shape for shape in step.parameters.values()]
    match step.op:
        case "conv":
            top, bottom, left, right = o["padding"]
            weight, groups = shapes[0], o["groups"]
            even = (top, left) == (bottom, right)
            conv = nn.Conv2d(
                weight[1] * groups,
                weight[0],
                o["kernel"],
                o["stride"],
                (top, left) if even else 0,
                groups=groups,
                bias=len(shapes) > 1,
            )
            return conv if even else _Padded(conv, o["padding"])
        case "linear":
            return nn.Linear(*reversed(shapes[0]))
        case "norm":
            return nn.BatchNorm2d(*shapes[0])
        case "embedding":
            return _Lookup(nn.Embedding(*shapes[0]))
        case "relu" | "relu6":
            return (nn.ReLU if step.op == "relu" else nn.ReLU6)(inplace=inplace)
        case "response_norm":
            # PyTorch divides alpha by the size of the window; the paper does not.
            return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)
        case "max_pool":
            return nn.MaxPool2d(o["size"], o["stride"])
        case "mean":
            return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        case "maximum":
            return _Call(lambda x: nn.functional.max_pool1d(x.squeeze(3), x.size(2)).squeeze(2))
        case "flatten":
            return nn.Flatten()
        case "dropout":
            return nn.Dropout(o["p"])
        case "add":
            return _Call(torch.add)
        case "concatenate":
            return _Call(lambda *values: torch.cat(values, 1))
    raise ValueError(f"no PyTorch version of {step.op}")
