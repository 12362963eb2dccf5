"""Draw a picture: learning curve, filters, feature maps, architecture, convolution arithmetic."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pycnn import plot
from pycnn._printable import printable
from pycnn.cli.arguments import (
    add_run,
    add_run_data,
    add_threads,
    open_run,
    positive_int,
    seed,
    set_threads,
)
from pycnn.data import Dataset
from pycnn.layers.parameter import Array
from pycnn.plot.canvas import finish
from pycnn.plot.convolution import GIF_RESOLUTION
from pycnn.plot.filters import MODES
from pycnn.plot.render import MOST_RESOLUTION, RESOLUTION
from pycnn.report import SavedRun
from pycnn.report.ngrams import FILTERS, NGRAMS, clearest_ngrams
from pycnn.training.answers import answers

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the kinds of pictures and their arguments."""
    kinds = parser.add_subparsers(metavar="KIND", dest="kind", required=True)
    for name, (draw, summary, declare) in KINDS.items():
        kind = kinds.add_parser(name, help=summary, description=summary, allow_abbrev=False)
        if name != "convolution":
            add_run(kind)
        if name not in ("convolution", "learning-curve"):
            add_run_data(kind, pictures=name != "ngrams")
            add_threads(kind)
        kind.add_argument("--title", default="", metavar="TEXT", help="heading")
        kind.add_argument(
            "--out",
            type=Path,
            metavar="FILE",
            default=Path(f"{name}.png"),
            help="the picture; its ending gives the format: png, svg, pdf, and gif for a "
            "convolution (default: %(default)s)",
        )
        kind.add_argument(
            "--dpi", type=_dpi, metavar="N",
            help="pixels for each inch of a PNG or GIF: twice as many make it twice as wide "
            f"(default: {RESOLUTION}, {GIF_RESOLUTION} for a GIF)",
        )  # fmt: skip
        declare(kind)
        kind.set_defaults(draw=draw, parser=kind)


def run(args: argparse.Namespace) -> int:
    """Write the picture."""
    if hasattr(args, "threads"):
        set_threads(args)
    with needs_matplotlib():
        figure = args.draw(args)
        if figure is not None:  # an animation is written while it is drawn
            finish(figure, args.out, args.dpi or RESOLUTION)
    print(f"saved to {printable(args.out)}")
    return 0


def _dpi(text: str) -> int:
    """Parse a resolution."""
    value = positive_int(text)
    if not 10 <= value <= MOST_RESOLUTION:
        raise argparse.ArgumentTypeError(f"must be 10 to {MOST_RESOLUTION}, got {text}")
    return value


@contextmanager
def needs_matplotlib() -> Iterator[None]:
    """Turn an ImportError into a ValueError, which the command line prints in one line."""
    try:
        yield
    except ImportError as error:
        raise ValueError(str(error)) from None


# The kinds -------------------------------------------------------------------------------------


def _nothing(_: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def _learning_curve(args: argparse.Namespace) -> Figure | None:
    run = SavedRun(args.source)
    title = args.title or f"{_trained(run)}loss and accuracy of each epoch"
    return plot.learning_curve(run.history, title=title, validation="test")


def _trained(run: SavedRun) -> str:
    """Name the network and the data of a run, as far as its settings name them."""
    name, data = run.settings.get("model"), run.settings.get("data")
    if not isinstance(name, str):
        return ""
    return f"{name} on {Path(data).name}: " if data else f"{name}: "


def _confusion(args: argparse.Namespace) -> Figure | None:
    trained = open_run(args)
    guesses = answers(trained.probabilities)
    return plot.confusion_matrix(trained.test.y, guesses, trained.classes, title=args.title)


def _declare_misclassified(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=positive_int, default=24, metavar="N", help="images (default: %(default)s)"
    )


def _misclassified(args: argparse.Namespace) -> Figure | None:
    trained = open_run(args)
    test = _images(trained)
    return plot.misclassified(test, trained.probabilities, limit=args.limit, title=args.title)


def _declare_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mode", choices=MODES, default="auto", help="(default: %(default)s)")


def _filters(args: argparse.Namespace) -> Figure | None:
    return plot.filters(open_run(args).model, mode=args.mode, title=args.title)


def _declare_feature_maps(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--image", metavar="FILE", help="a picture, as predict takes it")
    parser.add_argument(
        "--index", type=seed, default=0, metavar="N", help="number of a test image (default: 0)"
    )
    parser.add_argument(
        "--maps", type=positive_int, default=16, metavar="N",
        help="maps of a layer at most (default: %(default)s)",
    )  # fmt: skip


def _feature_maps(args: argparse.Namespace) -> Figure | None:
    trained = open_run(args)
    if args.image is None:
        image = _test_image(trained, args.index)
    else:
        image = trained.recipe.read(trained.model, [args.image])[0]
    classes = trained.model.metadata.get("classes", ())
    return plot.feature_maps(
        trained.model, image, maps=args.maps, classes=classes, title=args.title
    )


def _images(trained: SavedRun) -> Dataset:
    if not trained.shows_images:
        raise ValueError(f"{trained.name} does not take images: there are none to draw")
    return trained.test


def _test_image(trained: SavedRun, index: int) -> Array:
    test = _images(trained)
    if index >= len(test):
        raise ValueError(f"there is no test image {index}: they are 0 to {len(test) - 1}")
    image: Array = test.gather(np.array([index]))[0]
    return image


def _declare_ngrams(parser: argparse.ArgumentParser) -> None:
    for name, start, text in (
        ("filters", FILTERS, "filters, those that speak most clearly for a class"),
        ("count", NGRAMS, "n-grams of each"),
    ):
        parser.add_argument(
            f"--{name}", type=positive_int, default=start, metavar="N",
            help=f"{text} (default: %(default)s)",
        )  # fmt: skip


def _ngrams(args: argparse.Namespace) -> Figure | None:
    trained = open_run(args)
    if trained.sentences is None:
        raise ValueError(f"{trained.name} does not take sentences: it has no n-grams")
    top = clearest_ngrams(
        trained.model, trained.sentences, trained.classes, filters=args.filters, count=args.count
    )
    return plot.ngrams(top, limit=args.filters, title=args.title)


def _declare_architecture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size", type=_shape, metavar="CxHxW",
        help="size of the input, such as 3x227x227 (default: that of the test data)",
    )  # fmt: skip


def _shape(text: str) -> tuple[int, ...]:
    """Parse a shape, such as 3x227x227."""
    return tuple(positive_int(part) for part in text.lower().split("x"))


def _architecture(args: argparse.Namespace) -> Figure | None:
    trained = open_run(args)
    if args.size is not None:
        return plot.architecture(trained.model, args.size, title=args.title)
    data = f" on {trained.test.name}" if trained.test.name else ""
    title = args.title or f"{trained.name}{data}"
    return plot.architecture(trained.model, trained.sample_shape, title=title)


def _declare_convolution(parser: argparse.ArgumentParser) -> None:
    for name, start, text in (
        ("input", 5, "height and width of the image"),
        ("kernel", 3, "height and width of the kernel"),
        ("stride", 1, "cells between steps"),
        ("dilation", 1, "cells between the taps of the kernel"),
    ):
        parser.add_argument(
            f"--{name}", type=positive_int, default=start, metavar="N",
            help=f"{text} (default: %(default)s)",
        )  # fmt: skip
    parser.add_argument(
        "--padding", type=_padding, default=0, metavar="N",
        help="zeros around the image, or 'same' or 'valid' (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--transposed", action="store_true", help="a transposed convolution")
    parser.add_argument(
        "--numbers", type=seed, metavar="SEED", help="show numbers, drawn at random from this seed"
    )


def _padding(text: str) -> int | str:
    """Parse a number, or 'same' or 'valid'."""
    return text if text in ("same", "valid") else seed(text)


def _convolution(args: argparse.Namespace) -> Figure | None:
    image: int | Array = args.input
    kernel: int | Array = args.kernel
    if args.numbers is not None:
        rng = np.random.default_rng(args.numbers)
        image, kernel = (rng.integers(0, 4, (n, n)) for n in (args.input, args.kernel))
    geometry = {key: getattr(args, key) for key in ("stride", "padding", "dilation", "transposed")}
    if args.out.suffix.lower() != ".gif":
        return plot.convolution_arithmetic(image, kernel, title=args.title, **geometry)
    sharpness = {} if args.dpi is None else {"dpi": args.dpi}
    plot.convolution_animation(image, kernel, args.out, title=args.title, **sharpness, **geometry)
    return None


# The function that draws, a summary, and the function that declares further arguments.
_Kind: TypeAlias = (
    "tuple[Callable[[argparse.Namespace], Figure | None], str, "
    "Callable[[argparse.ArgumentParser], None]]"
)

KINDS: dict[str, _Kind] = {
    "learning-curve": (_learning_curve, "loss and accuracy of each epoch", _nothing),
    "confusion": (_confusion, "which classes are taken for which", _nothing),
    "misclassified": (
        _misclassified, "the images that the network gets wrong", _declare_misclassified
    ),
    "filters": (_filters, "filters of the first convolution", _declare_filters),
    "feature-maps": (
        _feature_maps, "what every layer makes of one image", _declare_feature_maps
    ),
    "ngrams": (_ngrams, "the n-grams that fire the filters of a text network", _declare_ngrams),
    "architecture": (
        _architecture, "the network as stacks of planes", _declare_architecture
    ),
    "convolution": (
        _convolution, "a convolution step by step, as picture (12 steps at most) or GIF",
        _declare_convolution,
    ),
}  # fmt: skip
