"""Write your own layer: check its gradients, then train it in a network."""

import argparse

import numpy as np

import pycnn as nn

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=3, help="passes over the training images")
parser.add_argument("--samples", type=int, help="train and test on this many images only")
args = parser.parse_args()


class PReLU(nn.Module):
    """Rectifier with a learned slope a[c] for the negative numbers of each channel.

    y = x where x > 0, and a[c] x elsewhere (He, Zhang, Ren, Sun, 2015).
    """

    def __init__(self, channels: int) -> None:
        self.slope = nn.Parameter(np.full((channels, 1, 1), 0.25, np.float32))

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Rectify x, and keep it for backward."""
        self.save_for_backward(x)
        return np.where(x > 0, x, self.slope.data * x)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        """Return the gradient of x for that of y, and add to the gradient of the slopes."""
        (x,) = self.saved()
        self.slope.accumulate((dy * np.minimum(x, 0)).sum(axis=(0, 2, 3))[:, None, None])
        return np.where(x > 0, dy, self.slope.data * dy)


def largest_error(layer: nn.Module, x: np.ndarray) -> float:
    """Compare backward with finite differences of L = sum(g y), for random g, in float64."""
    for parameter in layer.parameters():
        parameter.data = parameter.data.astype(np.float64)
    g = np.random.default_rng(1).standard_normal(layer(x).shape)
    dx = layer.backward(g)
    step, errors = 1e-6, []
    for values, gradient in [(x, dx), *((p.data, p.grad) for p in layer.parameters())]:
        for index in np.ndindex(values.shape):
            start, sums = values[index], []
            for values[index] in (start + step, start - step):
                sums.append(np.sum(g * layer(x)))
            values[index] = start
            errors.append(abs((sums[0] - sums[1]) / (2 * step) - gradient[index]))
    return max(errors)


x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
print(f"largest error of a gradient: {largest_error(PReLU(3), x):.1e}")

# fmt: off
model = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2, rng=0), PReLU(8), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 5, rng=1), PReLU(16), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(400, 10, rng=2),
)
# fmt: on
train, test = nn.datasets.mnist()
train, test = train[: args.samples], test[: args.samples]
nn.fit(model, train, validation=test, epochs=args.epochs)
print("learned slopes of the first layer:", model[1].slope.data.ravel().round(2))
print(f"test accuracy {nn.evaluate(model, test).accuracy:.2%}")
