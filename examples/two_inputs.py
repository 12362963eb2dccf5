"""Train a network with two inputs: a picture's upper half, and how much ink its columns have."""

import argparse

import numpy as np

import pycnn as nn
import pycnn.functional as F

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=3, help="passes over the training images")
parser.add_argument("--samples", type=int, help="train and test on this many images only")
args = parser.parse_args()


class TwoInputs(nn.Module):
    """Convolutions for the picture, a linear layer for the numbers, and one for both."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 5)
        self.numbers = nn.Linear(28, 32)
        self.out = nn.Linear(12 * 5 * 12 + 32, 10)

    def forward(self, half, ink):
        """Return a score for each digit."""
        seen = F.max_pool2d(F.relu(self.conv(half)), 2).flatten(1)
        counted = F.relu(self.numbers(ink))
        return self.out(nn.cat([seen, counted], dim=1))


def halves(data):
    """Return the upper halves of images (N, 1, 14, 28), and the ink of each column (N, 28)."""
    images = data.gather(np.arange(len(data)))
    return np.ascontiguousarray(images[:, :, :14]), images.mean((1, 2))


nn.manual_seed(0)
train, test = (part[: args.samples] for part in nn.datasets.mnist())
model = TwoInputs()
nn.fit(model, halves(train), train.y, validation=(halves(test), test.y), epochs=args.epochs)
print(f"test accuracy {nn.evaluate(model, halves(test), test.y).accuracy:.2%}")
