"""Folders of pictures, one per class, decoded on access."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np

from pycnn._arguments import integer, written
from pycnn._printable import printable
from pycnn._samples_html import pictures_html
from pycnn._streams import warn
from pycnn.augment.colour import Normalise
from pycnn.data import Index, Labels, Samples, check_index, refuse_iteration
from pycnn.datasets.picture import read_picture, read_squares

# Endings of names, in lower case, that count as pictures.
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")

# How many pictures, spread over the data set, the mean colour is taken from.
MEAN_PICTURES = 1000


class ImageFolder:
    """A data set of pictures in sub-folders that are named after their classes.

    The shorter side of a picture is scaled to `size` and the middle cut out. Every access decodes
    again, so memory holds only what is in use; `pycnn.DataLoader` decodes ahead.

    Parameters
    ----------
    root : path
        Folder with one sub-folder per class; classes are numbered in the order of their names.
        Pictures (.jpg, .jpeg, .png, .gif, .bmp, .ppm, .tif, .tiff, .webp) may lie in deeper
        folders and behind links; each folder is read once. Ignored are all other files, hidden
        files, anything that is not a regular file, and the folder ``__MACOSX`` that macOS adds to
        archives.
    size : int
        Shorter side of the scaled picture, in pixels.
    crop : int, optional
        Height and width of the samples, at most `size`; `size` by default.
    mean, std : float or 3 floats
        Samples are ``(pixel - mean) / std`` with pixels of 0..255; by default the pixels are left
        unchanged.
    classes : sequence of str, optional
        Names of the classes in the order of their numbers; by default the names of the
        sub-folders. Needed for test data of a trained model, where some classes may be missing.
    on_error : {"raise", "skip"}
        What to do about a broken file. "raise": reading it raises an error that names it. "skip":
        every file is decoded once at the start, at an eighth of its size where the format allows,
        and broken files are left out, each with a RuntimeWarning that names it.

    Attributes
    ----------
    y : (N,) int64 array
        Class of each picture.
    classes : tuple of str
        Names of the classes.
    root : str
        The folder.
    name : str
        Its name.
    part : str
        Which of the folder's pictures these are, in words; empty if not stated.
    paths : tuple of str
        The files.
    normalise : Normalise
        Holds mean and std.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    PermissionError
        If a folder in it cannot be read.
    ValueError
        If the folder has fewer than two classes or an unknown one, or a class has no picture; if a
        size or `on_error` is out of range; on reading, if a picture is broken.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks,
    2012, section 2.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        size: int = 256,
        crop: int | None = None,
        *,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        classes: Sequence[str] | None = None,
        on_error: str = "raise",
    ) -> None:
        if on_error not in ("raise", "skip"):
            raise ValueError(
                f"[ImageFolder] on_error must be 'raise' or 'skip', got {written(on_error)}"
            )
        self.size = integer("ImageFolder", "size", size, 1)
        self._prepare(size if crop is None else crop, Normalise(mean, std))
        self.root = root = os.fspath(root)
        self.part = ""
        found = _class_folders(root)
        self.name = os.path.basename(os.path.abspath(root))
        self.classes = tuple(found if classes is None else classes)
        if unknown := [name for name in found if name not in self.classes]:
            raise ValueError(
                f"[ImageFolder] {printable(root)} has a class {unknown[0]!r} that is none of "
                f"{', '.join(map(printable, self.classes))}"
            )
        if len(self.classes) < 2:
            raise ValueError(
                f"[ImageFolder] {printable(root)} has one class only, {self.classes[0]!r}: "
                "a classifier needs sub-folders for two or more"
            )
        labels: list[int] = []
        paths: list[str] = []
        for name in found:
            folder = os.path.join(root, name)
            pictures = list(_pictures(folder))
            if on_error == "skip":
                pictures = [path for path in pictures if _is_whole(path)]
            if not pictures:
                raise ValueError(f"[ImageFolder] {printable(folder)} has no pictures")
            paths += pictures
            labels += [self.classes.index(name)] * len(pictures)
        self.paths = tuple(paths)
        self.y: Labels = np.array(labels, np.int64)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: slice | Index) -> ImageFolder:
        """Return part of the pictures."""
        check_index("ImageFolder", index)
        part = copy.copy(self)
        part.y = self.y[index]
        part.paths = tuple(self.paths[i] for i in np.arange(len(self))[index])
        return part

    def __iter__(self) -> NoReturn:
        refuse_iteration("ImageFolder")

    def gather(self, index: Index) -> Samples:
        """Decode the pictures at these positions: (len(index), 3, crop, crop) float32."""
        pixels = read_squares([self.paths[i] for i in index], self.size, self.crop)
        return self.normalise(pixels)

    def prepared(
        self, *, crop: int | None = None, normalise: Normalise | None = None
    ) -> ImageFolder:
        """Return the same pictures with another crop or normalisation; None keeps what is set."""
        other = copy.copy(self)
        other._prepare(
            self.crop if crop is None else crop, self.normalise if normalise is None else normalise
        )
        return other

    def without_broken(self) -> ImageFolder:
        """Return the pictures that can be decoded, with a RuntimeWarning for each that cannot.

        Every file is decoded once, as for ``on_error="skip"``; a class may end up empty.
        """
        return self[np.flatnonzero([_is_whole(path) for path in self.paths])]

    def mean_colour(self, pictures: int = MEAN_PICTURES) -> tuple[float, ...]:
        """Return the mean red, green and blue, 0..255, of at most `pictures` evenly spread ones."""
        if len(self) == 0:
            raise ValueError("[ImageFolder] the data set is empty")
        chosen = np.unique(np.linspace(0, len(self) - 1, pictures).astype(int))
        means = [
            read_squares([self.paths[i]], self.size, self.crop).mean(axis=(0, 2, 3), dtype=float)
            for i in chosen
        ]
        return tuple(np.mean(means, axis=0).tolist())

    def _prepare(self, crop: int, normalise: Normalise) -> None:
        self.crop = integer("ImageFolder", "crop", crop, 1, self.size)
        channels = max(len(normalise.mean), len(normalise.std))
        if channels not in (1, 3):
            raise ValueError(f"[ImageFolder] mean and std must be one number or three: {normalise}")
        self.normalise = normalise

    def _repr_html_(self) -> str:
        """Return the first samples, which a notebook shows."""
        return pictures_html(self)

    def __repr__(self) -> str:
        return (
            f"ImageFolder({self.name!r}, {len(self)} pictures of {len(self.classes)} classes, "
            f"shape {(3, self.crop, self.crop)})"
        )


def _class_folders(root: str) -> list[str]:
    """Return the names of the sub-folders, sorted."""
    if not os.path.isdir(root):
        kind = NotADirectoryError if os.path.exists(root) else FileNotFoundError
        raise kind(f"[ImageFolder] there is no folder {printable(root)}")
    with os.scandir(root) as entries:
        names = sorted(e.name for e in entries if e.is_dir() and not _is_hidden(e.name))
    if not names:
        raise ValueError(
            f"[ImageFolder] {printable(root)} has no sub-folders: "
            "pictures go into one for each class"
        )
    return names


def _pictures(folder: str) -> Iterator[str]:
    """Yield the picture files of a folder and those below it, in the order of their names."""
    # Links to a parent folder, or to a folder already visited, are not followed.
    parents = Path(folder).resolve().parents
    seen: set[tuple[int, int]] = set()
    for known in (folder, *map(str, parents)):
        _is_new(known, seen)
    for place, folders, files in os.walk(folder, onerror=_fail, followlinks=True):
        folders[:] = sorted(
            name
            for name in folders
            if not _is_hidden(name) and _is_new(os.path.join(place, name), seen)
        )
        for name in sorted(files):
            path = os.path.join(place, name)
            named_so = name.lower().endswith(SUFFIXES) and not _is_hidden(name)
            if named_so and os.path.isfile(path):
                yield path


def _is_hidden(name: str) -> bool:
    """Return whether to skip files and folders of this name: hidden ones, and what macOS adds."""
    return name.startswith(".") or name == "__MACOSX"


def _is_new(folder: str, seen: set[tuple[int, int]]) -> bool:
    """Note a folder; return whether it was new."""
    found = os.stat(folder)
    before = len(seen)
    seen.add((found.st_dev, found.st_ino))
    return len(seen) > before


def _fail(error: OSError) -> None:
    raise error


def _is_whole(path: str) -> bool:
    """Decode a picture once and return whether that worked; warn if not."""
    try:
        read_picture(path, 1)
    except (OSError, ValueError) as error:
        warn(f"[ImageFolder] skipped: {printable(error)}")
        return False
    return True
