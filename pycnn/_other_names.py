"""What to write for names that are not where a user of another library looks for them."""

from __future__ import annotations

import sys

# Modules whose names are looked for, in this order.
_PLACES = ("training", "optim", "losses", "plot", "datasets", "models", "augment", "functional")

# Names of Keras and scikit-learn, in small letters, and what stands for them.
_ELSEWHERE = {
    "activation": "ReLU and its kin",
    "batchnormalization": "BatchNorm2d(channels), or BatchNorm1d",
    "conv2dtranspose": "ConvTranspose2d(in_channels, out_channels, kernel_size)",
    "dataset": "ArrayDataset, or pycnn.utils.data.Dataset",
    "dense": "Linear(in_features, out_features)",
    "globalaveragepooling2d": "GlobalAvgPool2d, and Flatten after it",
    "input": "a model has no input layer: model.summary(shape) takes the shape of a sample",
    "maxpooling2d": "MaxPool2d(kernel_size)",
    "averagepooling2d": "AvgPool2d(kernel_size)",
    "metrics": "fit(model, ..., metrics={name: function})",
    "model": "Module, with a forward, or Sequential",
    "train_test_split": "random_split(data, 0.2)",
    "zeropadding2d": "ZeroPad2d",
}

# Methods of Keras's and scikit-learn's models, which are functions here.
_METHODS = {
    "compile": "fit(model, x, y, optimizer=..., loss=..., metrics=...) takes them",
    "evaluate": "pycnn.evaluate(model, x, y)",
    "fit": "pycnn.fit(model, x, y)",
    "layers": "list(model) of a Sequential, or list(model.modules())",
    "load_weights": "pycnn.load(path, model)",
    "predict": "pycnn.predict(model, x)",
    "predict_proba": "pycnn.predict_proba(model, x)",
    "save": "pycnn.save(path, model)",
    "save_weights": "pycnn.save(path, model)",
    "score": "pycnn.evaluate(model, x, y).accuracy",
    "weights": "list(model.parameters())",
}


def of_package(name: str) -> str:
    """Return advice on a name that pycnn does not have; empty if there is none."""
    wanted = name.lower()
    package = sys.modules["pycnn"]
    for owner in (package, *(getattr(package, place, None) for place in _PLACES)):
        for found in getattr(owner, "__all__", ()):
            if found.lower() == wanted:
                where = "pycnn" if owner is package else owner.__name__  # type: ignore[union-attr]
                return f": there is {where}.{found}"
    return f": {_ELSEWHERE[wanted]}" if wanted in _ELSEWHERE else ""


def of_model(name: str) -> str:
    """Return advice on an attribute that models do not have; empty if there is none."""
    return f": {_METHODS[name]}" if name in _METHODS else ""
