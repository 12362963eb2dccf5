"""Tell which digit is on a picture."""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt

from pycnn import io, ops
from pycnn.datasets.mnist import MEAN, STD
from pycnn.datasets.normalise import normalise
from pycnn.training import predict

SIZE = 28


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a file that train has left")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a picture of one digit")


def run(args: argparse.Namespace) -> int:
    """Print the digit and its probability for each picture."""
    model = io.load_model(args.checkpoint)
    pixels = np.stack([read_digit(path) for path in args.images])[:, np.newaxis]
    logits = predict(model, normalise(pixels, (MEAN,), (STD,)))
    for path, row in zip(args.images, ops.softmax(logits), strict=True):
        print(f"{path}: {row.argmax()} ({row.max():.2%})")
    return 0


def read_digit(path: str) -> npt.NDArray[np.uint8]:
    """Read a picture as MNIST has them: 28x28, grey, light strokes on black.

    Transparent parts count as white. A picture whose border is light is inverted.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is not a picture, or Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ValueError("predict needs Pillow: pip install 'pycnn[plot]'") from None
    with open(path, "rb") as file:
        try:
            with Image.open(file) as image:
                if image.mode.startswith("I"):
                    # 16 bits, which convert would cut off at 255.
                    image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
                picture = image.convert("RGBA")
        # Pillow reports broken files with these and with errors of its own.
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise ValueError(f"{path} is not a readable picture: {error}") from None
    white = Image.new("RGBA", picture.size, "white")
    grey = Image.alpha_composite(white, picture).convert("L")
    pixels = np.asarray(grey.resize((SIZE, SIZE), Image.Resampling.BOX), np.uint8)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return 255 - pixels if border.mean() > 127 else pixels
