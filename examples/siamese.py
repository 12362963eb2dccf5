"""Train a siamese network to see whether two pictures show the same digit.

J. Bromley, I. Guyon, Y. LeCun, E. Sackinger, R. Shah, "Signature Verification using a 'Siamese'
Time Delay Neural Network", NIPS 1993.
"""

import argparse

import numpy as np

import pycnn as nn
import pycnn.functional as F

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=3, help="passes over the training pairs")
parser.add_argument("--samples", type=int, default=20000, help="pairs to train on")
args = parser.parse_args()


class Siamese(nn.Module):
    """One network sees both pictures; the distance of what it makes of them decides."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(256, 32),
        )  # fmt: skip
        self.threshold = nn.Parameter(nn.tensor([1.0]))

    def forward(self, first, second):
        """Return the logits (N, 1) of "the same"."""
        distance = F.pairwise_distance(self.features(first), self.features(second), keepdim=True)
        return self.threshold - distance


def pairs(data, count, rng):
    """Return pairs of pictures, half of them of one digit, and whether they are."""
    first = rng.integers(0, len(data), count)
    same = rng.random(count) < 0.5
    classes = np.where(same, data.y[first], (data.y[first] + rng.integers(1, 10, count)) % 10)
    members = [np.flatnonzero(data.y == digit) for digit in range(10)]
    second = np.array([rng.choice(members[digit]) for digit in classes])
    return (data.gather(first), data.gather(second)), same.astype(np.float32)[:, np.newaxis]


nn.manual_seed(0)
rng = np.random.default_rng(0)
train, test = nn.datasets.mnist()
x, y = pairs(train, args.samples, rng)
unseen, truth = pairs(test, 2000, rng)

model = Siamese()
nn.fit(model, x, y, epochs=args.epochs, loss=nn.BCEWithLogitsLoss())
right = ((nn.predict(model, unseen) > 0) == (truth > 0.5)).mean()
print(f"test accuracy {right:.2%}")
