"""Train a small U-Net to find the ink of digits under noise: a class for each pixel.

O. Ronneberger, P. Fischer, T. Brox, "U-Net: Convolutional Networks for Biomedical Image
Segmentation", MICCAI 2015.
"""

import argparse

import numpy as np

import pycnn as nn
import pycnn.functional as F

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=2, help="passes over the training images")
parser.add_argument("--samples", type=int, default=6000, help="images to train on")
args = parser.parse_args()


def double_conv(inputs, outputs):
    """Return two convolutions with batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """Down to a quarter of the size and up again, with the finer maps joined on the way up."""

    def __init__(self, classes=2, width=8):
        super().__init__()
        self.down1 = double_conv(1, width)
        self.down2 = double_conv(width, 2 * width)
        self.bottom = double_conv(2 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, stride=2)
        self.join2 = double_conv(4 * width, 2 * width)
        self.join1 = double_conv(3 * width, width)
        self.out = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        """Return scores (N, classes, H, W)."""
        fine = self.down1(x)
        middle = self.down2(F.max_pool2d(fine, 2))
        coarse = self.bottom(F.max_pool2d(middle, 2))
        middle = self.join2(nn.cat([self.up2(coarse), middle], dim=1))
        larger = F.interpolate(middle, scale_factor=2, mode="bilinear", align_corners=False)
        return self.out(self.join1(nn.cat([larger, fine], dim=1)))


def noisy(images, rng):
    """Return images with noise, and which of their pixels are ink."""
    noise = rng.normal(0, 0.7, images.shape).astype(np.float32)
    return images + noise, (images[:, 0] > 0.5).astype(np.int64)


nn.manual_seed(0)
rng = np.random.default_rng(0)
train, test = nn.datasets.mnist(mean=0, std=1)
x, y = noisy(train.gather(np.arange(args.samples)), rng)
unseen, truth = noisy(test.gather(np.arange(1000)), rng)

model = UNet()
nn.fit(model, x, y, epochs=args.epochs, batch_size=32)
found = nn.predict(model, unseen).argmax(1)
overlap = ((found & truth).sum() / (found | truth).sum()).item()
print(f"ink found: {overlap:.1%} of what is ink or taken for it")
