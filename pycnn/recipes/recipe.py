"""Recipe: what belongs to a network of `pycnn.models` besides its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from pycnn import init, optim
from pycnn.data import Augment, Dataset
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter
from pycnn.losses import CrossEntropyLoss
from pycnn.recipes.wrong_folder import IDX, PICTURES, SENTENCES, folder_hint
from pycnn.training import Callback, History
from pycnn.training.evaluation import Loss

Maker: TypeAlias = Callable[[Iterable[Parameter], float, float], optim.Optimizer]

# Makers of optimizers from (parameters, learning rate, weight decay).
OPTIMIZERS: Mapping[str, Maker] = {
    "adadelta": lambda params, lr, decay: optim.Adadelta(params, lr, 0.95, weight_decay=decay),
    "adam": lambda params, lr, decay: optim.Adam(params, lr, weight_decay=decay),
    "adamw": lambda params, lr, decay: optim.AdamW(params, lr, weight_decay=decay),
    "sgd": lambda params, lr, decay: optim.SGD(params, lr, momentum=0.9, weight_decay=decay),
}


def no_callbacks(_: Module) -> list[Callback]:
    """Return no callbacks."""
    return []


def no_connections(_: Module) -> int:
    """Return the number of connections that learn without gradients in most networks."""
    return 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Data, training settings and inputs of a network, as the command line uses them.

    Attributes
    ----------
    sets : function of (folder or None)
        Returns the training and the test data: those in the folder of ``--data``, or for None those
        that are shipped or downloaded.
    pictures : bool
        Whether folders hold picture files: then `sets` and `test` take ``skip_broken=True`` to
        leave out those that cannot be decoded.
    idx : bool
        Whether folders hold IDX files: then `sets` and `test` take ``transposed``, as
        `pycnn.datasets.mnist` does.
    build : function of (Dataset, rng)
        Returns a new model for this training data: its classes, its vocabulary.
    read : function of (Module, texts)
        Returns the arguments of ``pycnn predict``, file names or sentences, as one input batch.
    test : function of (Module, folder or None), optional
        Returns the test data as a trained model needs it; by default the second of `sets`.
    epochs, batch_size : int
        Defaults of ``--epochs`` and ``--batch-size``.
    optimizer : str
        Default of ``--optimizer``.
    rates : mapping of str to float
        The optimizers to choose from, each with its learning rate (peak of the schedule).
    weight_decay : float
        Weight decay of all optimizers.
    schedule : function of (rate)
        Returns the schedule for a learning rate, or None for a constant one; one-cycle by default.
    loss : function
        Returns the loss; cross entropy by default.
    augment : Augment, optional
        Random changes of the training batches, with ``--augment``.
    always_augment : bool
        Whether these changes are made even without ``--augment``.
    callbacks : function of (Module)
        Returns the callbacks that the training needs.
    self_organized : function of (Module)
        Returns the number of connections that learn without gradients; 0 by default.
    train : function, optional
        A procedure to use instead of `pycnn.fit`: ``train(model, train, test, *, epochs,
        batch_size, seed, progress, callbacks, checkpoint, every, resume)`` returns a History.
    """

    sets: Callable[..., tuple[Dataset, Dataset]]
    pictures: bool = False
    idx: bool = False
    build: Callable[[Dataset, init.Rng], Module]
    read: Callable[[Module, Sequence[str]], Array]
    test: Callable[..., Dataset] | None = None
    epochs: int
    batch_size: int = 64
    optimizer: str = "adam"
    rates: Mapping[str, float]
    weight_decay: float = 0.0
    schedule: Callable[[float], optim.Schedule | None] = optim.OneCycle
    loss: Callable[[], Loss] = CrossEntropyLoss
    augment: Augment | None = None
    always_augment: bool = False
    callbacks: Callable[[Module], list[Callback]] = no_callbacks
    self_organized: Callable[[Module], int] = no_connections
    train: Callable[..., History] | None = None

    def data(
        self, folder: str | None, *, skip_broken: bool = False, transposed: bool | None = None
    ) -> tuple[Dataset, Dataset]:
        """Return the training and the test data.

        Raises
        ------
        ValueError
            If `skip_broken` is given to a network that reads no folders of pictures, or
            `transposed` to one that reads no IDX files.
        """
        options = self._options(skip_broken, transposed)
        with self._hinting(folder):
            return self.sets(folder, **options)

    def test_data(
        self,
        model: Module,
        folder: str | None,
        *,
        skip_broken: bool = False,
        transposed: bool | None = None,
    ) -> Dataset:
        """Return the test data for a trained model; raises as `data`."""
        if self.test is None:
            return self.data(folder, skip_broken=skip_broken, transposed=transposed)[1]
        options = self._options(skip_broken, transposed)
        with self._hinting(folder):
            return self.test(model, folder, **options)

    @contextmanager
    def _hinting(self, folder: str | None) -> Iterator[None]:
        """Add to an error that a folder holds the data of another network."""
        try:
            yield
        except (FileNotFoundError, ValueError) as error:
            wanted = PICTURES if self.pictures else IDX if self.idx else SENTENCES
            hint = folder_hint(folder, wanted)
            # Errors that hold more than a text are left as they are.
            if (
                not hint
                or len(error.args) != 1
                or type(error) not in (FileNotFoundError, ValueError)
            ):
                raise
            raise type(error)(f"{error}{hint}") from None

    def _options(self, skip_broken: bool, transposed: bool | None) -> dict[str, bool]:
        options = {}
        if skip_broken:
            if not self.pictures:
                raise ValueError(
                    "skipping broken pictures is for networks that read folders of pictures: "
                    "this one does not"
                )
            options["skip_broken"] = True
        if transposed is not None:
            if not self.idx:
                raise ValueError(
                    "whether images are transposed can be said of IDX files in MNIST's format "
                    "only: this network reads none"
                )
            options["transposed"] = transposed
        return options
