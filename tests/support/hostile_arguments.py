# ruff: noqa: E501 - a line is a call
"""Every public constructor and function, with arguments that work: test_hostile_arguments.

A line is (what is called, arguments by name). Arguments that stay out of the test are arrays and
other objects that are no numbers; their kinds have tests of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

import pycnn
from pycnn import (
    augment,
    data,
    datasets,
    init,
    layers,
    losses,
    models,
    ops,
    optim,
    plot,
    splits,
    text,
    training,
)
from pycnn.layers import Parameter

Call = tuple[Callable[..., Any], dict[str, Any]]

X = np.ones((2, 4, 6, 6), np.float32)
W = np.ones((4, 4, 3, 3), np.float32)
Y = np.ones((2, 4, 4, 4), np.float32)
ROWS = np.ones((2, 4), np.float32)
HALF = np.full((2, 4), 0.5, np.float32)
LABELS = np.array([0, 3])
CHANNELS = np.ones(4, np.float32)
GEOMETRY = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
TRANSPOSED = {**GEOMETRY, "output_padding": 0}
WINDOW = {"kernel_size": 2, "stride": 2, "padding": 0, "ceil_mode": False}
AVERAGE = {**WINDOW, "count_include_pad": True, "divisor_override": None}


def floats(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.zeros(shape, np.float32)


def parameters() -> list[Parameter]:
    return [Parameter(np.zeros(2, np.float32))]


def dataset() -> data.ArrayDataset:
    return data.ArrayDataset(np.zeros((8, 4), np.float32), np.arange(8) % 2, ("a", "b"))


def net() -> layers.Sequential:
    return layers.Sequential(layers.Linear(4, 2, rng=0))


@functools.wraps(pycnn.fit)
def fit(**arguments: Any) -> None:
    pycnn.fit(net(), dataset(), progress=False, **arguments)


@functools.wraps(layers.Reshape)
def reshape(shape: Any) -> layers.Reshape:
    return layers.Reshape(shape)


@functools.wraps(layers.Parallel)
def parallel(axis: Any) -> layers.Parallel:
    return layers.Parallel(net(), axis=axis)


def steps(op: Callable[..., None], states: int) -> Callable[..., None]:
    """Return a call of an optimizer's op on fresh arrays, because it changes them."""

    @functools.wraps(op)
    def call(**arguments: Any) -> None:
        op(*(floats(2) for _ in range(2 + states)), **arguments)

    return call


OPS: list[Call] = [
    (ops.conv2d, {"x": X, "w": W, **GEOMETRY}),
    (ops.conv2d_relu, {"x": X, "w": W, **GEOMETRY}),
    (ops.conv2d_algorithm, {"input_shape": (2, 4, 6, 6), "weight_shape": (4, 4, 3, 3), "direction": "forward", **GEOMETRY}),
    (ops.conv2d_backward_input, {"dy": Y, "w": W, "input_shape": (2, 4, 6, 6), **GEOMETRY}),
    (ops.conv2d_backward_weight, {"dy": Y, "x": X, "weight_shape": (4, 4, 3, 3), "out": None, **GEOMETRY}),
    (ops.linear_backward_weight, {"dy": ROWS, "x": ROWS, "out": None}),
    (ops.conv2d_relu_max_pool2d, {"x": X, "w": W, "window": 2, **GEOMETRY}),
    (ops.conv_transpose2d, {"x": X, "w": W, **TRANSPOSED}),
    (ops.conv_transpose2d_backward_input, {"dy": X, "w": W, "input_shape": (2, 4, 4, 4), **TRANSPOSED}),
    (ops.conv_transpose2d_backward_weight, {"dy": X, "x": Y, "weight_shape": (4, 4, 3, 3), **TRANSPOSED}),
    (ops.max_pool2d, {"x": X, **WINDOW, "dilation": 1}),
    (ops.avg_pool2d, {"x": X, **AVERAGE}),
    (ops.avg_pool2d_backward, {"dy": floats(2, 4, 3, 3), "input_shape": (2, 4, 6, 6), **AVERAGE}),
    (ops.max_pool2d_backward, {"dy": floats(2, 4, 3, 3), "indices": np.zeros((2, 4, 3, 3), np.int32), "input_shape": (2, 4, 6, 6)}),
    (ops.adaptive_avg_pool2d, {"x": X, "output_size": 2}),
    (ops.adaptive_avg_pool2d_backward, {"dy": X, "input_shape": (2, 4, 6, 6)}),
    (ops.adaptive_max_pool2d, {"x": X, "output_size": 2}),
    (ops.upsample2d, {"x": X, "scale_factor": 2, "mode": "nearest", "align_corners": False}),
    (ops.upsample2d_backward, {"dy": X, "input_shape": (2, 4, 3, 3), "scale_factor": 2, "mode": "nearest", "align_corners": False}),
    (ops.zero_pad2d, {"x": X, "padding": 1}),
    (ops.zero_pad2d_backward, {"dy": X, "input_shape": (2, 4, 4, 4), "padding": 1}),
    (ops.batch_norm2d, {"x": X, "weight": CHANNELS, "bias": CHANNELS, "eps": 1e-5}),
    (ops.local_response_norm, {"x": X, "size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0, "form": "mean"}),
    (ops.local_response_norm_backward, {"dy": X, "x": X, "y": X, "scale": X, "size": 3, "alpha": 1e-4, "beta": 0.75, "form": "mean"}),
    (ops.dropout, {"x": X, "p": 0.5, "seed": 1}),
    (ops.dropout_backward, {"dy": X, "kept": X.astype(np.uint8), "p": 0.5}),
    (ops.embedding_backward, {"dy": ROWS, "index": LABELS, "padding_idx": None}),
    (ops.gelu, {"x": X, "approximate": "none"}),
    (ops.gelu_backward, {"dy": X, "x": X, "approximate": "none"}),
    (ops.leaky_relu, {"x": X, "negative_slope": 0.1}),
    (ops.leaky_relu_backward, {"dy": X, "x": X, "negative_slope": 0.1}),
    (ops.activation, {"x": X, "kind": "elu", "a": 1.0, "b": 0.0}),
    (ops.activation_backward, {"dy": X, "x": X, "kind": "elu", "a": 1.0, "b": 0.0}),
    (ops.tanh, {"x": X, "amplitude": 1.0, "slope": 1.0}),
    (ops.tanh_backward, {"dy": X, "y": X, "amplitude": 1.0, "slope": 1.0}),
    (ops.softmax_cross_entropy, {"logits": ROWS, "target": LABELS, "ignore_index": -100, "label_smoothing": 0.1, "reduction": "mean"}),
    (ops.softmax_cross_entropy_backward, {"probs": ROWS, "target": LABELS, "dloss": 1.0, "ignore_index": -100, "label_smoothing": 0.1, "reduction": "mean"}),
    (ops.nll_loss, {"log_probs": ROWS, "target": LABELS, "ignore_index": -100, "reduction": "mean"}),
    (ops.nll_loss_backward, {"log_probs": ROWS, "target": LABELS, "dloss": 1.0, "ignore_index": -100, "reduction": "mean"}),
    (ops.map_loss, {"distances": ROWS, "target": LABELS, "j": 0.1, "reduction": "mean"}),
    (ops.map_loss_backward, {"distances": ROWS, "target": LABELS, "dloss": 1.0, "j": 0.1, "reduction": "mean"}),
    (ops.mse_loss, {"output": ROWS, "target": ROWS, "reduction": "mean"}),
    (ops.mse_loss_backward, {"output": ROWS, "target": ROWS, "dloss": 1.0, "reduction": "mean"}),
    (ops.bce_with_logits, {"logits": ROWS, "target": HALF, "reduction": "mean"}),
    (ops.bce_with_logits_backward, {"logits": ROWS, "target": HALF, "dloss": 1.0, "reduction": "mean"}),
    (ops.pointwise_loss, {"output": ROWS, "target": HALF, "kind": "focal", "a": 0.5, "b": 2.0, "divisor": 1.0, "reduction": "sum"}),
    (ops.pointwise_loss_backward, {"output": ROWS, "target": HALF, "kind": "focal", "dloss": 1.0, "a": 0.5, "b": 2.0, "divisor": 1.0, "reduction": "sum"}),
    (steps(ops.sgd_step, 1), {"lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "first": False}),
    (steps(ops.adam_step, 2), {"step": 1, "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0, "decoupled": False}),
    (steps(ops.adadelta_step, 2), {"lr": 0.1, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}),
    (steps(ops.rmsprop_step, 2), {"lr": 0.1, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.9}),
]  # fmt: skip

LAYERS: list[Call] = [
    (layers.Linear, {"in_features": 2, "out_features": 2, "bias": True, "rng": 0}),
    (layers.Conv2d, {"in_channels": 2, "out_channels": 2, "kernel_size": 2, **GEOMETRY, "bias": True, "padding_mode": "zeros", "rng": 0}),
    (layers.ConvTranspose2d, {"in_channels": 2, "out_channels": 2, "kernel_size": 2, **TRANSPOSED, "bias": True, "rng": 0}),
    (layers.Conv1d, {"in_channels": 2, "out_channels": 2, "kernel_size": 2, **GEOMETRY, "bias": True, "padding_mode": "zeros", "device": None, "dtype": None, "rng": 0}),
    (layers.ConvTranspose1d, {"in_channels": 2, "out_channels": 2, "kernel_size": 2, **TRANSPOSED, "bias": True, "rng": 0}),
    (layers.MaxPool2d, {**WINDOW, "dilation": 1}),
    (layers.MaxPool1d, {**WINDOW, "dilation": 1}),
    (layers.AvgPool2d, AVERAGE),
    (layers.AvgPool1d, {**WINDOW, "count_include_pad": True}),
    (layers.AdaptiveAvgPool2d, {"output_size": 2}),
    (layers.AdaptiveMaxPool2d, {"output_size": 2}),
    (layers.AdaptiveAvgPool1d, {"output_size": 2}),
    (layers.AdaptiveMaxPool1d, {"output_size": 2, "return_indices": False}),
    (layers.BatchNorm2d, {"num_features": 2, "eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True}),
    (layers.BatchNorm1d, {"num_features": 2, "eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True, "bias": True}),
    (layers.InstanceNorm2d, {"num_features": 2, "eps": 1e-5, "momentum": 0.1, "affine": True, "track_running_stats": True, "bias": True}),
    (layers.GroupNorm, {"num_groups": 2, "num_channels": 2, "eps": 1e-5, "affine": True, "bias": True}),
    (layers.LayerNorm, {"normalized_shape": 2, "eps": 1e-5, "elementwise_affine": True, "bias": True}),
    (layers.LocalResponseNorm, {"size": 3, "alpha": 1e-4, "beta": 0.75, "k": 1.0, "form": "mean"}),
    (layers.Dropout, {"p": 0.5, "inplace": False, "rng": 0}),
    (layers.Dropout1d, {"p": 0.5, "inplace": False, "rng": 0}),
    (layers.Dropout2d, {"p": 0.5, "inplace": False, "rng": 0}),
    (layers.Embedding, {"num_embeddings": 3, "embedding_dim": 2, "padding_idx": 0, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False, "rng": 0}),
    (layers.GELU, {"approximate": "none"}),
    (layers.ReLU, {"inplace": False}),
    (layers.LeakyReLU, {"negative_slope": 0.1, "inplace": False}),
    (layers.Softmax, {"dim": 1}),
    (layers.Flatten, {"start_dim": 1, "end_dim": -1}),
    (layers.Unflatten, {"dim": 1, "unflattened_size": (2, 2)}),
    (layers.PixelShuffle, {"upscale_factor": 2}),
    (layers.PixelUnshuffle, {"downscale_factor": 2}),
    (layers.ChannelShuffle, {"groups": 2}),
    (layers.ELU, {"alpha": 1.0, "inplace": False}),
    (layers.Hardtanh, {"min_val": -1.0, "max_val": 1.0, "inplace": False}),
    (layers.PReLU, {"num_parameters": 1, "init": 0.25}),
    (layers.SiLU, {"inplace": False}),
    (layers.Softplus, {"beta": 1.0, "threshold": 20.0}),
    (layers.ScaledTanh, {"amplitude": 1.0, "slope": 1.0}),
    (layers.RBF, {"in_features": 2, "out_features": 2, "trainable": True, "rng": 0}),
    (layers.Subsampling, {"channels": 2, "kernel_size": 2, "rng": 0}),
    (layers.Unsqueeze, {"axis": 1}),
    (layers.Upsample, {"scale_factor": 2, "mode": "nearest", "align_corners": False, "recompute_scale_factor": None}),
    (layers.UpsamplingBilinear2d, {"size": 2}),
    (layers.ZeroPad2d, {"padding": 1}),
    (layers.ConstantPad2d, {"padding": 1, "value": 0.5}),
    (layers.ConstantPad1d, {"padding": 1, "value": 0.5}),
    (layers.ReflectionPad2d, {"padding": 1}),
    (layers.ReplicationPad1d, {"padding": 1}),
    (layers.CLayer, {"planes": 2, "area": 3, "stride": 1, "padding": 0, "alpha": 0.5, "decay": 0.9}),
    (layers.SLayer, {"in_planes": 2, "planes": 2, "area": 3, "padding": 0, "r": 1.0, "q": 1.0, "column": 3, "decay": 0.9, "rng": 0}),
    (parallel, {"axis": 1}),
]  # fmt: skip

OTHERS: list[Call] = [
    (losses.CrossEntropyLoss, {"ignore_index": -100, "reduction": "mean", "label_smoothing": 0.1}),
    (losses.NLLLoss, {"ignore_index": -100, "reduction": "mean"}),
    (losses.MAPLoss, {"j": 0.1, "reduction": "mean"}),
    (losses.MSELoss, {"reduction": "mean"}),
    (losses.BCEWithLogitsLoss, {"reduction": "mean"}),
    (losses.BCELoss, {"reduction": "mean"}),
    (losses.FocalLoss, {"alpha": 0.25, "gamma": 2.0, "ignore_index": -100, "reduction": "mean"}),
    (losses.HuberLoss, {"reduction": "mean", "delta": 1.0}),
    (losses.KLDivLoss, {"reduction": "mean", "log_target": False}),
    (losses.L1Loss, {"reduction": "mean"}),
    (losses.SmoothL1Loss, {"reduction": "mean", "beta": 1.0}),
    (optim.SGD, {"params": parameters(), "lr": 0.1, "momentum": 0.9, "dampening": 0.0, "weight_decay": 0.0, "nesterov": True}),
    (optim.Adam, {"params": parameters(), "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0}),
    (optim.AdamW, {"params": parameters(), "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0}),
    (optim.Adadelta, {"params": parameters(), "lr": 0.1, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0}),
    (optim.RMSprop, {"params": parameters(), "lr": 0.1, "alpha": 0.9, "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.9, "centered": True}),
    (optim.Constant, {"lr": 0.1}),
    (optim.Step, {"lr": 0.1, "milestones": (0.5,), "gamma": 0.1}),
    (optim.Cosine, {"lr": 0.1, "final_lr": 0.0, "warmup": 0.1}),
    (optim.OneCycle, {"max_lr": 0.1, "pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4}),
    (optim.Adagrad, {"params": parameters(), "lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-8}),
    (optim.NAdam, {"params": parameters(), "lr": 0.1, "betas": (0.9, 0.99), "eps": 1e-8, "weight_decay": 0.0, "momentum_decay": 1e-3, "decoupled_weight_decay": True}),
    (optim.Lion, {"params": parameters(), "lr": 0.1, "betas": (0.9, 0.99), "weight_decay": 0.0}),
    (optim.Muon, {"params": parameters(), "lr": 0.1, "weight_decay": 0.0, "momentum": 0.9, "nesterov": True, "ns_coefficients": (3.0, -4.0, 2.0), "eps": 1e-7, "ns_steps": 5, "adjust_lr_fn": None, "adam": False, "betas": (0.9, 0.99), "adam_eps": 1e-8}),
    (optim.Exponential, {"lr": 0.1, "gamma": 0.9}),
    (optim.Polynomial, {"lr": 0.1, "power": 1.0, "final_lr": 0.0}),
    (optim.Linear, {"lr": 0.1, "start_factor": 0.5, "end_factor": 1.0}),
    (optim.Staircase, {"lr": 0.1, "step_size": 3, "gamma": 0.5}),
    (optim.MultiStep, {"lr": 0.1, "milestones": (3,), "gamma": 0.5}),
    (optim.CosineRestarts, {"lr": 0.1, "first": 0.5, "growth": 2.0, "final_lr": 0.0}),
    (optim.Warmup, {"schedule": optim.Constant(0.1), "share": 0.1, "start_factor": 0.5}),
    (optim.Successive, {"schedules": [optim.Constant(0.1)] * 2, "milestones": (0.5,)}),
    (optim.Chained, {"schedules": [optim.Constant(0.1)]}),
    (optim.PerEpoch, {"schedule": optim.Constant(0.1), "epochs": 3}),
    (optim.clip_grad_value, {"parameters": parameters(), "clip_value": 1.0}),
    (optim.clip_grad_norm, {"parameters": parameters(), "max_norm": 1.0}),
    (augment.ColourPCA, {"std": 0.1, "limit": 255.0}),
    (augment.Normalise, {"mean": 0.5, "std": 1.0}),
    (augment.RandomAffine, {"rotation": 1.0, "scale": 0.1, "shear": 1.0, "translate": 1.0, "squeeze": 1.1, "fill": 0.0}),
    (augment.RandomCrop, {"size": 4, "padding": 1}),
    (augment.RandomHorizontalFlip, {"p": 0.5}),
    (data.ArrayDataset, {"x": ROWS, "y": LABELS, "classes": ("a",), "name": ""}),
    (data.Batches, {"data": dataset(), "batch_size": 4, "seed": 0, "augment": None}),
    (splits.random_split, {"data": dataset(), "sizes": 0.5, "seed": 0, "stratify": False}),
    (splits.k_fold, {"data": dataset(), "k": 2, "seed": 0, "stratify": False}),
    (init.uniform, {"shape": (2, 2), "bound": 1.0, "rng": 0}),
    (init.normal, {"shape": (2, 2), "std": 1.0, "rng": 0, "mean": 0.0}),
    (init.constant, {"shape": (2, 2), "value": 1.0}),
    (init.xavier_uniform, {"shape": (2, 2), "rng": 0, "gain": 1.0}),
    (init.xavier_normal, {"shape": (2, 2), "rng": 0, "gain": 1.0}),
    (init.kaiming_uniform, {"shape": (2, 2), "rng": 0}),
    (init.kaiming_normal, {"shape": (2, 2), "rng": 0}),
    (init.lecun_uniform, {"shape": (2, 2), "rng": 0}),
    (init.lecun_normal, {"shape": (2, 2), "rng": 0}),
    (models.lenet5, {"classes": 10, "rng": 0}),
    (models.alexnet_cifar, {"classes": 10, "lrn": "paper", "rng": 0}),
    (models.neocognitron, {"classes": 10, "size": 28, "planes": (2, 2, 2), "selectivity": (4.0, 1.0, 1.0), "columns": (5, 5, 1), "rng": 0}),
    (models.textcnn, {"vocabulary": [text.PADDING, text.UNKNOWN, "a"], "classes": 2, "variant": "rand", "dim": 4, "filters": 2, "widths": (3, 4), "dropout": 0.5, "rng": 0}),
    (training.EarlyStopping, {"monitor": "val_loss", "patience": 5, "min_delta": 0.0, "restore_best": False, "mode": "min"}),
    (training.ReduceLROnPlateau, {"monitor": "loss", "factor": 0.1, "patience": 3, "min_delta": 0.0, "cooldown": 1, "min_lr": 0.0, "mode": "min"}),
    (training.EMA, {"decay": 0.9, "warmup": True}),
    (training.TimeLimit, {"seconds": 3.0}),
    (training.Checkpoint, {"path": "last.safetensors", "every": 2}),
    (training.TensorBoard, {"folder": "logs", "every": 2}),
    (training.Metric, {"function": max, "on": "classes", "lower_is_better": False}),
    (training.lr_find, {"model": net(), "train": dataset(), "lowest": 0.1, "highest": 0.2, "steps": 2, "batch_size": 4, "seed": 0}),
    (training.MaxNorm, {"parameters": Parameter(floats(2, 2)), "limit": 3.0}),
    (training.evaluate, {"model": net(), "data": dataset(), "batch_size": 4}),
    (training.predict, {"model": net(), "x": ROWS, "batch_size": 4}),
    (pycnn.InferenceSession, {"model": net(), "input_shape": (4,), "max_batch": 4}),
    (plot.confusion_counts, {"truth": LABELS, "predicted": LABELS, "classes": 4}),
    (plot.surest_errors, {"y": LABELS, "probabilities": ROWS}),
    (text.top_ngrams, {"model": net(), "sentences": [], "count": 3}),
    (pycnn.DataLoader, {"data": dataset(), "batch_size": 4, "seed": 0, "augment": None, "workers": 1, "ahead": 1, "shuffle": True, "drop_last": False}),
    (training.BestCheckpoint, {"path": "best.safetensors", "monitor": "val_loss", "mode": "min"}),
    (fit, {"epochs": 1, "batch_size": 8, "seed": 0, "max_grad_norm": 1.0, "max_grad_value": 1.0, "accumulate": 1, "drop_last": False}),
    (reshape, {"shape": 4}),
    (models.create, {"name": "lenet5"}),
    (models.lenet5_1998, {"rng": 0}),
    (datasets.movie_reviews, {"fold": 0}),
]  # fmt: skip

CALLS = [*OPS, *LAYERS, *OTHERS]

# Objects of kinds that have separate tests.
OBJECTS = {
    "x", "w", "b", "y", "dy", "weight", "bias", "scale@local_response_norm_backward", "indices",
    "kept", "index", "logits", "target", "probs", "log_probs", "distances", "output", "data", "augment",
    "model", "truth", "predicted", "probabilities", "sentences", "embeddings", "train",
}  # fmt: skip
