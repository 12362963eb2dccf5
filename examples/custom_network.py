"""Build your own network, with branches and a shortcut, and train it on MNIST."""

import argparse

import numpy as np

import pycnn as nn

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=3, help="passes over the training images")
parser.add_argument("--samples", type=int, help="train and test on this many images only")
args = parser.parse_args()


def mixed(channels: int, rng: np.random.Generator) -> nn.Parallel:
    """Return filters of three sizes on the same maps: 8 + 16 + 8 channels."""
    return nn.Parallel(
        nn.Conv2d(channels, 8, 1, rng=rng),
        nn.Conv2d(channels, 16, 3, padding=1, rng=rng),
        nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(channels, 8, 1, rng=rng)),
    )


def refined(channels: int, rng: np.random.Generator) -> nn.Residual:
    """Return two convolutions whose output is added to their input."""
    return nn.Residual(
        nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, rng=rng),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, rng=rng),
        )
    )


rng = np.random.default_rng(0)
# fmt: off
model = nn.Sequential({
    "stem": nn.Sequential(nn.Conv2d(1, 8, 5, padding=2, rng=rng), nn.ReLU(), nn.MaxPool2d(2)),
    "mixed": mixed(8, rng), "relu": nn.ReLU(), "pool": nn.MaxPool2d(2),
    "refined": refined(32, rng), "relu2": nn.ReLU(),
    "flatten": nn.Flatten(),
    "head": nn.Linear(32 * 7 * 7, 10, rng=rng),
})
# fmt: on
print(model.summary((1, 28, 28)))

train, test = nn.datasets.mnist()
train, test = train[: args.samples], test[: args.samples]
nn.fit(model, train, validation=test, epochs=args.epochs)
print(f"test accuracy {nn.evaluate(model, test).accuracy:.2%}")
