"""The parts of a report on a `SavedRun`; parts that do not suit the network are left out."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import numpy as np

from pycnn import plot
from pycnn._html import paragraph
from pycnn._printable import loss_text
from pycnn.layers.conv import Conv2d
from pycnn.layers.parameter import Array
from pycnn.report import page
from pycnn.report.ngrams import clearest_ngrams
from pycnn.report.page import Section
from pycnn.report.run import SavedRun
from pycnn.training.answers import NO_ANSWER, answers

# With more classes a confusion matrix is no longer readable.
MOST_CLASSES = 200
MOST_SENTENCES = 20


def sections(run: SavedRun) -> Iterator[Section]:
    """Yield the parts of the page, in order."""
    yield Section("Training", "".join(_training(run)))
    yield Section("Mistakes", "".join(_mistakes(run)))
    if seen := "".join(_ngrams(run) if run.sentences is not None else _images(run)):
        yield Section("What the network looks for", seen)
    yield Section("Network", _network(run))
    yield Section("Settings", "".join(_settings(run)))


def facts(run: SavedRun) -> list[tuple[str, str]]:
    """Return the figures at the top of the page."""
    total, wrong = len(run.test), len(plot.surest_errors(run.test.y, run.probabilities))
    found = [
        ("test accuracy", f"{1 - wrong / total:.2%}"),
        ("mistakes", f"{wrong:,}"),
        ("parameters", f"{sum(p.numel() for p in run.model.parameters()):,}"),
    ]
    if organized := run.recipe.self_organized(run.model):
        found.append(("self-organized connections", f"{organized:,}"))
    if run.history.self_organization:
        found.append(("self-organization", f"{run.history.self_organization:,.1f} s"))
    if run.history.records:
        found.append(("epochs", str(run.history.records[-1].epoch)))
        found.append(("training time", f"{run.history.seconds:,.1f} s"))
        found.append(("samples / s", f"{run.history.samples_per_second:,.0f}"))
    return found


def _training(run: SavedRun) -> Iterator[str]:
    history = run.history
    if history.interrupted:
        yield paragraph(
            "The training was interrupted: the model has also learned in the unfinished epoch, "
            "which is not shown."
        )
    if history.stop_reason is not None:
        yield paragraph(f"The training was stopped: {history.stop_reason}.")
    if len(history) == 0:
        yield paragraph("There is no finished epoch to draw.")
        return
    epochs = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    last = history.records[-1].describe("test")
    alt = f"Loss and accuracy over {epochs}; the last: {last}."
    caption = (
        "Loss and accuracy of each epoch, on the training data (measured while training) and on "
        "the test data (measured after the epoch)."
    )
    figure = plot.learning_curve(history, validation="test")
    yield page.picture(figure, alt, caption, kind="svg")
    header = ("epoch", "loss", "accuracy", "test loss", "test accuracy", "learning rate", "seconds")
    rows = [
        (
            str(r.epoch), loss_text(r.loss), _share(r.accuracy),
            "-" if r.val_loss is None else loss_text(r.val_loss), _share(r.val_accuracy),
            f"{r.learning_rate:.3g}", f"{r.seconds:.1f}",
        )
        for r in history
    ]  # fmt: skip
    yield page.table(header, rows, "Every epoch")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2%}"


def _mistakes(run: SavedRun) -> Iterator[str]:
    truth, guesses = run.test.y, answers(run.probabilities)
    names = run.classes
    if unanswered := np.count_nonzero(guesses == NO_ANSWER):
        yield paragraph(
            f"For {unanswered:,} of {len(truth):,} samples the network has no answer: its outputs "
            "are not finite. They count as mistakes."
        )
    if len(names) <= MOST_CLASSES:
        counts = plot.confusion_counts(truth, guesses, len(names))
        wrong = counts - np.diag(np.diagonal(counts))
        alt = f"Confusion matrix: {np.trace(counts):,} of {len(truth):,} right"
        if wrong.any():
            row, column = np.unravel_index(wrong.argmax(), wrong.shape)
            alt += f"; most often, {names[row]} is taken for {names[column]} ({wrong.max()} times)"
        caption = "Rows are the true classes, columns what the network took them for."
        figure = plot.confusion_matrix(truth, guesses, names)
        yield page.picture(figure, f"{alt}.", caption, kind="svg")
    errors = plot.surest_errors(truth, run.probabilities)
    if run.sentences is not None:
        rows = [
            (
                run.sentences.texts[i],
                names[truth[i]],
                *_told(run.probabilities[i], guesses[i], names),
            )
            for i in errors[:MOST_SENTENCES]
        ]
        header = ("sentence", "true", "predicted", "probability")
        yield page.table(header, rows, f"The surest {len(rows)} of {len(errors):,} mistakes")
    elif run.shows_images:
        caption = (
            "The surest mistakes. Above each image stands its true class; the bars are "
            "probabilities, blue for the true class."
        )
        alt = f"Misclassified images with their probabilities; {len(errors):,} mistakes in all."
        yield page.picture(plot.misclassified(run.test, run.probabilities), alt, caption, wide=True)


def _told(probabilities: Array, guess: int, names: list[str]) -> tuple[str, str]:
    """Return the name of a guess and its probability, in words."""
    if guess == NO_ANSWER:
        return "no answer", "-"
    return names[guess], f"{probabilities[guess]:.1%}"


def _ngrams(run: SavedRun) -> Iterator[str]:
    assert run.sentences is not None
    try:
        found = clearest_ngrams(run.model, run.sentences, run.classes)
    except ValueError:  # a text network of another kind
        return
    first = [f"{name}: {grams[0][0]}" for name, grams in found.items() if grams]
    caption = (
        "The n-grams of the test sentences that fire a filter most, for the filters that speak "
        "most clearly for a class. Numbers and bars are activations."
    )
    yield page.picture(plot.ngrams(found), "; ".join(first), caption, kind="svg")


def _images(run: SavedRun) -> Iterator[str]:
    if not run.shows_images:
        return
    image = run.test.gather(np.zeros(1, np.int64))[0]
    truth = run.classes[run.test.y[0]]
    alt = f"Outputs of every layer for the first test image, whose class is {truth}."
    caption = (
        f"What each layer makes of the first test image ({truth}): edges first, then textures and "
        "parts, and finally the shape. Each layer has its own scale; black is its smallest number."
    )
    if not run.model.outputs_are_scores:
        caption += " In the last row black is the largest: the smallest output wins and is white."
    figure = plot.feature_maps(run.model, image, classes=run.classes)
    yield page.picture(figure, alt, caption, wide=True)
    if any(isinstance(module, Conv2d) for module in run.model.modules()):
        alt = "The weights of each filter of the first convolution, as small images."
        caption = "The filters of the first convolution."
        yield page.picture(plot.filters(run.model), alt, caption)


def _network(run: SavedRun) -> str:
    figure = plot.architecture(run.model, run.sample_shape)
    alt = f"The layers of {run.name} as stacks of planes, from the input to the output."
    caption = (
        "Each stack is the output of a layer: the number of planes and their size above it, the "
        "layers below it. The orange square is the window that one number sees."
    )
    drawn = page.picture(figure, alt, caption, kind="svg", wide=True)
    return drawn + page.code(run.model.summary(run.sample_shape), "table of the layers")


def _settings(run: SavedRun) -> Iterator[str]:
    if not run.settings:
        yield paragraph("The folder has no settings.json.")
        return
    rows = [(key.replace("_", " "), _value(value)) for key, value in run.settings.items()]
    yield page.table(("setting", "value"), rows, "Settings of the training")
    if run.model.spec is not None:
        yield page.code(_command(run), "command that repeats the training")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "default" if value is None else str(value)


def _command(run: SavedRun) -> str:
    """Return the command that repeats the training."""
    words = ["pycnn", "train", run.name]
    for key in ("epochs", "batch_size", "optimizer", "lr", "seed", "data"):
        if run.settings.get(key) is not None:
            words += [f"--{key.replace('_', '-')}", str(run.settings[key])]
    if run.settings.get("augment") and not run.recipe.always_augment:
        words.append("--augment")
    if run.settings.get("convolution") == "accurate":
        words += ["--convolution", "accurate"]
    if run.settings.get("skip_broken"):
        words.append("--skip-broken")
    return shlex.join(words)
