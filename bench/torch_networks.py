"""The networks of `networks.py` in PyTorch, written as its users write them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from networks import Network

torch: Any = importlib.import_module("torch")
nn: Any = torch.nn


def _lenet(_: Network) -> Any:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def _normalisation() -> Any:
    # PyTorch divides alpha by the size of the window; the paper does not.
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)


def _alexnet(_: Network) -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 96, 11, stride=4),
        nn.ReLU(),
        _normalisation(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2, groups=2),
        nn.ReLU(),
        _normalisation(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(9216, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 1000),
    )


class _Text(nn.Module):  # type: ignore[misc]
    """Embedding, convolutions of several widths, maximum over time, a linear layer."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        (words, dim), *rest = network.parameters
        weights = rest[:-2:2]
        self.embedding = nn.Embedding(words, dim)
        self.convolutions = nn.ModuleList(nn.Conv2d(1, w[0], w[2:]) for w in weights)
        self.dropout = nn.Dropout()
        self.linear = nn.Linear(sum(w[0] for w in weights), network.classes)

    def forward(self, x: Any) -> Any:
        x = self.embedding(x).unsqueeze(1)
        maps = [self._map(convolution, x) for convolution in self.convolutions]
        features = torch.cat([nn.functional.max_pool1d(m, m.size(2)).squeeze(2) for m in maps], 1)
        return self.linear(self.dropout(features))

    @staticmethod
    def _map(convolution: Any, x: Any) -> Any:
        """Convolve with the same rows of padding as pycnn's model."""
        width = convolution.kernel_size[0]
        padded = nn.functional.pad(x, (0, 0, width - 1, width))
        return torch.relu(convolution(padded)).squeeze(3)


BUILDERS: dict[str, Callable[[Network], Any]] = {
    "lenet5": _lenet,
    "alexnet": _alexnet,
    "textcnn": _Text,
}
