"""Arguments of other libraries' training functions, and what they are called here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

_RATE = "optimizer=pycnn.optim.Adam(model.parameters(), lr=...)"
_LOSS = "loss=, such as pycnn.CrossEntropyLoss()"
_SAMPLES = "the samples come second, and their targets third"

CALLED_HERE = {
    "X": _SAMPLES,
    "criterion": _LOSS,
    "data": _SAMPLES,
    "device": "model.to(device), before",
    "early_stopping": "callbacks=[pycnn.training.EarlyStopping()]",
    "eval_set": "validation=(x, y)",
    "learning_rate": _RATE,
    "loss_fn": _LOSS,
    "lr": _RATE,
    "max_epochs": "epochs=",
    "n_epochs": "epochs=",
    "num_epochs": "epochs=",
    "patience": "callbacks=[pycnn.training.EarlyStopping(patience=...)]",
    "random_state": "seed=",
    "scheduler": "schedule=, such as pycnn.optim.Cosine(0.1)",
    "shuffle": "data sets are always shuffled, by seed=; batches of your own keep their order",
    "val_data": "validation=(x, y)",
    "validation_data": "validation=(x, y)",
    "validation_split": "validation=0.2, a share of the training data",
    "verbose": "progress=True or False",
    "workers": "pycnn.DataLoader(data, batch_size, workers=...)",
    "x": _SAMPLES,
    "y_train": _SAMPLES,
}


def naming_the_cure(function: F) -> F:
    """Let a function that is given an argument which it does not have say what it has instead."""
    known = inspect.signature(function).parameters

    @wraps(function)
    def checked(*arguments: Any, **named: Any) -> Any:
        for name in named:
            if name not in known:
                owner = function.__name__
                cure = CALLED_HERE.get(name)
                text = f": {cure}" if cure else f"; there are {', '.join(known)}"
                raise TypeError(f"[{owner}] there is no argument {name!r}{text}")
        return function(*arguments, **named)

    return checked  # type: ignore[return-value]
