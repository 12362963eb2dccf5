"""Train AlexNet as published on a folder of pictures, at full resolution.

The folder has one sub-folder of pictures per class. Without a folder, the classes are pictures that
come with matplotlib, and the samples are squares cut out of them at random: too few to learn
anything about the world, but enough to see all 60 million parameters learn.
"""

import argparse
import gzip
import tempfile
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image

import pycnn as nn
from pycnn.augment import ColourPCA, Compose, Normalise, RandomCrop, RandomHorizontalFlip, ten_crop
from pycnn.datasets import ImageFolder
from pycnn.datasets.picture import read_picture


def pictures() -> dict[str, Image.Image]:
    """Return a photograph, a brain scan, a height map and a drawing."""
    folder = Path(get_data_path(), "sample_data")
    scan = gzip.decompress((folder / "s1045.ima.gz").read_bytes())
    brain = np.frombuffer(scan, ">u2").reshape(256, 256)
    heights = np.load(folder / "jacksboro_fault_dem.npz")["elevation"]
    grey = {"brain": brain, "heights": heights}
    files = {"admiral": "grace_hopper.jpg", "present": "Minduka_Present_Blue_Pack.png"}
    return {
        **{name: read_picture(folder / file) for name, file in files.items()},
        **{n: Image.fromarray(np.uint8(255.0 * x / x.max())) for n, x in grey.items()},
    }


def cut_squares(folder: Path, count: int, rng: np.random.Generator) -> None:
    """Fill a folder with squares of 60 to 100 % of the shorter side of each picture."""
    for name, picture in pictures().items():
        (folder / name).mkdir()
        for number in range(count):
            side = rng.uniform(0.6, 1) * min(picture.size)
            left, top = (rng.uniform(0, length - side) for length in picture.size)
            square = picture.crop((int(left), int(top), int(left + side), int(top + side)))
            square.save(folder / name / f"{number}.png")


def train_on(folder: str, epochs: int) -> None:
    """Train with the augmentation of the paper; test on one view and on ten."""
    train, test = nn.random_split(ImageFolder(folder, size=256), 0.25, seed=0)
    mean = Normalise(train.mean_colour())
    colours = ColourPCA.fit(train, std=0.1)
    train, test = (part.prepared(normalise=mean) for part in (train, test))

    model = nn.models.alexnet(len(train.classes), rng=0)
    print(model.summary((3, 227, 227)))
    # The paper's SGD with rate 0.01 is for 1000 classes; with a few classes it diverges.
    history = nn.fit(
        model,
        train,
        epochs=epochs,
        batch_size=8,
        optimizer=nn.optim.Adam(model.parameters(), lr=1e-4, weight_decay=5e-4),
        schedule=nn.optim.OneCycle(1e-4),
        augment=Compose(RandomCrop(227), RandomHorizontalFlip(), colours),
    )
    for record in history.records:
        print(f"epoch {record.epoch}: {record}")
    for name, part in (("training", train), ("test", test)):
        centre = nn.evaluate(model, part.prepared(crop=227))
        ten = (ten_crop(model, part, 227).argmax(1) == part.y).mean()
        print(f"{len(part)} {name} pictures: {centre.accuracy:.1%} right, {ten:.1%} by ten crops")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", help="has one sub-folder of pictures per class")
    parser.add_argument(
        "--epochs",
        type=int,
        default=16,
        help="passes over the training data (default: %(default)s)",
    )
    parser.add_argument(
        "--squares", type=int, default=12, help="to cut from each picture of matplotlib"
    )
    args = parser.parse_args()
    if args.folder is not None:
        train_on(args.folder, args.epochs)
    else:
        with tempfile.TemporaryDirectory() as own:
            cut_squares(Path(own), args.squares, np.random.default_rng(0))
            train_on(own, args.epochs)
