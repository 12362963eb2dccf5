"""A training run: the checkpoint, and the files next to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from pycnn import io, ops, recipes
from pycnn._format import KEY, check_format
from pycnn._printable import printable
from pycnn._reading import MOST_SETTINGS, parse_json, read_whole
from pycnn._run_files import HISTORY, SETTINGS, existing
from pycnn._together import file_of
from pycnn.data import Dataset
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape
from pycnn.plot.canvas import class_names
from pycnn.recipes.own import RECIPE as OWN
from pycnn.text import SentenceDataset
from pycnn.training import History, predict

# The longest of this many sentences stands for the length of a sample.
SENTENCES = 20


class SavedRun:
    """The files that ``pycnn train`` left, each read on first use.

    Parameters
    ----------
    path : path
        The folder, or a file in it: one that train has left, or a checkpoint of another name.
    data : str, optional
        Folder of the data; by default the one in the settings.
    skip_broken : bool
        Whether broken pictures of the data are left out, with a warning; the settings can demand
        this too.
    transposed : bool, optional
        As for `pycnn.datasets.mnist`; by default as the settings say, even for other data.
    make : callable or Module, optional
        As `model` of `pycnn.load_model`: for a network with a class of the user's own.
    recipe : Recipe, optional
        The data and inputs; by default those that go with the model.

    Raises
    ------
    OSError
        If there is no such file or folder.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        data: str | None = None,
        *,
        skip_broken: bool = False,
        transposed: bool | None = None,
        make: Callable[[], Module] | Module | None = None,
        recipe: recipes.Recipe | None = None,
    ) -> None:
        self._place = existing(path)
        self.folder = self._place if self._place.is_dir() else self._place.parent
        self._data = data
        self._skip_broken = skip_broken
        self._transposed = transposed
        self._make = make
        self._recipe = recipe

    @cached_property
    def model(self) -> Module:
        """The trained model.

        Raises
        ------
        OSError, ValueError
            If there is no checkpoint, or it does not say which model it belongs to.
        """
        return io.load_model(self._place, self._make)

    @property
    def name(self) -> str:
        """Name of the model, or of its class if it is a network of the user's own."""
        spec = self.model.spec
        return type(self.model).__name__ if spec is None else spec.name

    @property
    def recipe(self) -> recipes.Recipe:
        """Recipe of the model; the one for networks of the user's own has data and inputs only.

        Raises
        ------
        ValueError
            If the model has no recipe.
        """
        if self._recipe is not None:
            return self._recipe
        return OWN if self.model.spec is None else recipes.get(self.name)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Settings of the training; empty if there is no such file.

        Raises
        ------
        ValueError
            If the file holds something else.
        """
        path = file_of(self.folder, SETTINGS)
        if not path.exists():
            return {}
        try:
            content = parse_json(read_whole(path, MOST_SETTINGS))
        except ValueError as error:
            raise ValueError(f"{printable(path)} is not a file of settings: {error}") from None
        data = content.get("data") if isinstance(content, dict) else None
        turned = content.get("transposed") if isinstance(content, dict) else None
        if not (
            isinstance(content, dict)
            and isinstance(data, str | None)
            and isinstance(turned, bool | None)
        ):
            raise ValueError(f"{printable(path)} is not a file of settings")
        check_format(path, content)
        content.pop(KEY, None)
        return content

    @cached_property
    def history(self) -> History:
        """History of the training; empty if there is no such file."""
        path = file_of(self.folder, HISTORY)
        return History.from_json(path) if path.exists() else History()

    @cached_property
    def test(self) -> Dataset:
        """Test data, prepared for the model.

        Raises
        ------
        ValueError
            If there are no test data.
        """
        transposed = self._transposed
        if transposed is None:
            transposed = self.settings.get("transposed")
        test = self.recipe.test_data(
            self.model,
            self._data or self.settings.get("data"),
            skip_broken=self._skip_broken or self.settings.get("skip_broken") is True,
            transposed=transposed,
        )
        if len(test) == 0:
            raise ValueError(f"the test data of {self.name} are empty")
        return test

    @cached_property
    def probabilities(self) -> Array:
        """Probabilities of the classes for each test sample, (N, C)."""
        return ops.softmax(self.model.scores(predict(self.model, self.test)))

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes."""
        names = self.model.metadata.get("classes") or self.test.classes
        return class_names(names, self.probabilities.shape[1])

    @property
    def sentences(self) -> SentenceDataset | None:
        """The test data of a text network; None for images."""
        return self.test if isinstance(self.test, SentenceDataset) else None

    @cached_property
    def sample_shape(self) -> Shape:
        """Shape of one test sample; for sentences, the longest of the first ones."""
        count = SENTENCES if self.sentences else 1
        shape: Shape = self.test.gather(np.arange(min(count, len(self.test)))).shape[1:]
        return shape

    @property
    def shows_images(self) -> bool:
        """Whether the samples are images (C, H, W)."""
        return len(self.sample_shape) == 3
