"""The arguments of ``pycnn train``, and the settings that a recipe makes of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from pycnn import get_convolution, get_num_threads, recipes
from pycnn.cli.arguments import add_data, add_threads, positive_float, positive_int, seed
from pycnn.cli.config import FLAG
from pycnn.cli.own_model import model_name
from pycnn.cli.processes import add_processes
from pycnn.devices import extension
from pycnn.layers import Parameter
from pycnn.recipes.recipe import OPTIMIZERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    models = (f"{name} ({summary})" for name, summary in recipes.SUMMARIES.items())
    parser.add_argument(
        "model",
        metavar="MODEL",
        type=model_name,
        help=f"{', '.join(models)}; or module:function for a network of your own",
    )
    parser.add_argument(
        FLAG,
        metavar="FILE",
        help="TOML file with settings: the names of the other flags and their values; flags that "
        "are given as well win",
    )
    parser.add_argument(
        "--epochs",
        type=positive_int,
        metavar="N",
        help="passes over the training data (default: the model's, 4 for lenet5)",
    )
    parser.add_argument(
        "--batch-size",
        type=positive_int,
        metavar="N",
        help="samples in a step (default: the model's, 64 for lenet5)",
    )
    parser.add_argument(
        "--optimizer",
        choices=sorted(OPTIMIZERS),
        help="update rule (default: the model's, adam for lenet5)",
    )
    parser.add_argument(
        "--lr",
        type=positive_float,
        metavar="RATE",
        help="learning rate, the peak of its schedule (default: the model's for the optimizer, "
        "0.003 for lenet5 with adam)",
    )
    parser.add_argument(
        "--augment",
        action="store_true",
        help="change the training data at random: lenet5_1998 distorts the digits, alexnet_cifar "
        "shifts and mirrors the pictures; even without it, lenet5 shifts by up to a pixel and "
        "alexnet cuts, mirrors and recolours; the other models have no augmentation",
    )
    parser.add_argument(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="seed of weights and shuffling (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the results (default: runs/MODEL)"
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a training that was interrupted or killed, from its checkpoint in the "
        "folder of the results; begin if there is none; do nothing if it has finished",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=positive_int,
        metavar="STEPS",
        help="replace the checkpoint after this many steps too, not only after each epoch",
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="also write settings, results and history to this file, FILE.json",
    )
    parser.add_argument(
        "--device",
        choices=("cpu", "cuda", "cuda_emulated"),
        default="cpu",
        help="where to train: the CPU, the GPU, or an emulation of it for tests "
        "(default: %(default)s)",
    )
    add_data(parser, "what the package ships or downloads")
    add_threads(parser)
    add_processes(parser)


def make_settings(args: argparse.Namespace, recipe: recipes.Recipe) -> dict[str, Any]:
    """Return the settings of the training: the arguments, or the recipe's where there are none.

    A recipe with its own training procedure has no optimizer and no learning rate in the settings.
    """
    if args.device != "cpu":
        extension(args.device)
    if args.device != "cpu" and recipe.train is not None:
        raise ValueError(f"{args.model} trains by its own procedure, not on {args.device}")
    if args.augment and recipe.augment is None:
        raise ValueError(f"{args.model} has no augmentation")
    return {
        "model": args.model,
        "epochs": args.epochs or recipe.epochs,
        "batch_size": args.batch_size or recipe.batch_size,
        **_optimizer_settings(args, recipe),
        "augment": bool(args.augment or recipe.always_augment),
        "data": None if args.data is None else os.path.abspath(args.data),
        "skip_broken": args.skip_broken,
        "transposed": args.transposed,
        "seed": args.seed,
        "threads": get_num_threads(),
        "convolution": get_convolution(),
        "device": args.device,
    }


def _optimizer_settings(args: argparse.Namespace, recipe: recipes.Recipe) -> dict[str, Any]:
    if recipe.train is not None:
        if args.lr or args.optimizer:
            raise ValueError(
                f"{args.model} trains by its own procedure: it takes no --lr or --optimizer"
            )
        return {}
    optimizer = args.optimizer or recipe.optimizer
    if optimizer not in recipe.rates:
        raise ValueError(
            f"{args.model} has no learning rate for the optimizer {optimizer!r}: "
            f"take one of {', '.join(recipe.rates)}"
        )
    if args.lr is not None:
        _check_rate(optimizer, args.lr, recipe.weight_decay)
    return {"optimizer": optimizer, "lr": args.lr or recipe.rates[optimizer]}


def _check_rate(optimizer: str, lr: float, weight_decay: float) -> None:
    """Refuse a rate with which the optimizer cannot take a step."""
    parameter = Parameter(np.zeros(1, np.float32))
    parameter.gradient = np.zeros(1, np.float32)
    try:
        OPTIMIZERS[optimizer]([parameter], lr, weight_decay).step()
    except ValueError as error:
        raise ValueError(f"--lr {lr:g} is too large for {optimizer}: {error}") from None
