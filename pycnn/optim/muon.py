"""Muon."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from typing import Any, ClassVar

from pycnn import backends, ops
from pycnn._arguments import choice, factor, flag, fraction, integer, positive, real
from pycnn.layers.parameter import Array, Parameter
from pycnn.layers.sparse_rows import SparseRows
from pycnn.optim.domain import eps_beside_root, pair_of_fractions
from pycnn.optim.groups import Group, Params, Setting
from pycnn.optim.loaded_state import State
from pycnn.optim.optimizer import Optimizer, zeros_like
from pycnn.optim.running_mean import mean_gradient


class Muon(Optimizer):
    """Momentum whose singular values are brought near 1, for matrices; AdamW for the rest.

    For a parameter of two dimensions or more: ``m = momentum m + (1 - momentum) grad``,
    ``d = momentum m + (1 - momentum) grad`` (Nesterov) or m, as a matrix with a row for each index
    of the first axis; ``d`` is divided by its norm, then `ns_steps` times
    ``d = a d + (b d d^T + c (d d^T)^2) d`` (Newton-Schulz);
    ``w = w (1 - lr weight_decay) - lr s d``.

    Parameters of one dimension, such as biases, and those of a group with ``adam=True`` take the
    step of `AdamW` with the same `lr` and `weight_decay`. That is advised for the first and the
    last layer too, with rates of their own: ``Muon([{"params": hidden, "lr": 0.02},
    {"params": others, "adam": True, "lr": 3e-4}])``. An `Embedding` whose gradient has few rows
    must be in such a group.

    Parameters
    ----------
    params : iterable of Parameter, or of groups
        What to update; see `Optimizer`.
    lr : float
        Learning rate.
    weight_decay : float
        Share of the parameter, times `lr`, that each step takes away.
    momentum : float in [0, 1)
        Share of the old mean of the gradients that is kept.
    nesterov : bool
        Whether to look one step of the momentum ahead.
    ns_coefficients : (float, float, float)
        a, b and c.
    eps : float
        Least norm to divide by.
    ns_steps : int
        Iterations, less than 100.
    adjust_lr_fn : {None, 'original', 'match_rms_adamw'}
        The factor s for R rows and C columns: ``sqrt(max(1, R / C))`` for None and 'original';
        ``0.2 sqrt(max(R, C))`` for 'match_rms_adamw', with which a good rate for AdamW is one here.
    adam : bool
        Whether to take AdamW's step for all parameters.
    betas, adam_eps
        Settings of these steps, as for `AdamW`.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong kind or out of range; in a step, if the gradient of a matrix
        has few rows (`SparseRows`).

    Notes
    -----
    The iteration runs in float32; PyTorch's, in bfloat16, differs from it by about a percent.

    References
    ----------
    Jordan et al.: Muon: an optimizer for hidden layers in neural networks, 2024; the second factor:
    Liu et al.: Muon is scalable for LLM training, 2025.
    """

    beyond_pytorch: ClassVar[Set[str]] = {"adam", "betas", "adam_eps"}
    capturable: ClassVar[bool] = False
    optional: ClassVar[Set[str]] = {"momentum_buffer", "step", "exp_avg", "exp_avg_sq"}

    weight_decay = Setting()
    momentum = Setting()
    nesterov = Setting()
    ns_coefficients = Setting()
    eps = Setting()
    ns_steps = Setting()
    adjust_lr_fn = Setting()
    adam = Setting()
    betas = Setting()
    adam_eps = Setting()

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        adam: bool = False,
        betas: tuple[float, float] = (0.9, 0.999),
        adam_eps: float = 1e-8,
    ) -> None:
        settings: State = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum}
        settings |= {"nesterov": nesterov, "ns_coefficients": ns_coefficients, "eps": eps}
        settings |= {"ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, settings | {"adam": adam, "betas": betas, "adam_eps": adam_eps})

    def checked(self, settings: Mapping[str, Any]) -> State:
        """Return the settings of a group, checked."""
        owner = type(self).__name__
        coefficients, adjust = settings["ns_coefficients"], settings["adjust_lr_fn"]
        if not isinstance(coefficients, (tuple, list)) or len(coefficients) != 3:
            raise TypeError(f"{self.named('ns_coefficients')} must be three numbers")
        betas = pair_of_fractions(owner, "betas", settings["betas"])
        if adjust is not None:
            choice(owner, "adjust_lr_fn", adjust, ("original", "match_rms_adamw"))
        return {
            **super().checked(settings),
            "weight_decay": factor(owner, "weight_decay", settings["weight_decay"]),
            "momentum": fraction(owner, "momentum", settings["momentum"]),
            "nesterov": flag(owner, "nesterov", settings["nesterov"]),
            "ns_coefficients": tuple(real(owner, "ns_coefficients", c) for c in coefficients),
            "eps": positive(owner, "eps", settings["eps"]),
            "ns_steps": integer(owner, "ns_steps", settings["ns_steps"], 1, 99),
            "adjust_lr_fn": adjust,
            "adam": flag(owner, "adam", settings["adam"]),
            "betas": betas,
            "adam_eps": eps_beside_root(owner, "adam_eps", settings["adam_eps"], betas[1]),
        }

    def start(self, parameter: Parameter, group: Group) -> State:
        """Make the state of a parameter before its first step."""
        if _is_matrix(parameter.array, group):
            return {"momentum_buffer": zeros_like(parameter)}
        means = {"exp_avg": zeros_like(parameter), "exp_avg_sq": zeros_like(parameter)}
        return {"step": 0, **means}

    def needed(self, parameter: Parameter, group: Group) -> Set[str]:
        """Return the entries of the state of Muon's step, or of Adam's."""
        if _is_matrix(parameter.array, group):
            return {"momentum_buffer"}
        return {"step", "exp_avg", "exp_avg_sq"}

    def _update_rows(
        self, data: Array, grad: SparseRows, state: State, group: Group, first: bool
    ) -> None:
        if _is_matrix(data, group):
            raise ValueError(
                f"[Muon] the gradient of a parameter {data.shape} has few rows, as that of an "
                'Embedding: put it in a group with "adam": True'
            )
        super()._update_rows(data, grad, state, group, first)

    def update(self, data: Array, grad: Array, state: State, group: Group, first: bool) -> None:
        """Take one step in place on an array and its state."""
        lr, decay = group["lr"], group["weight_decay"]
        if not _is_matrix(data, group):
            state["step"] += 1
            ops.adam_step(
                data,
                grad,
                state["exp_avg"],
                state["exp_avg_sq"],
                step=state["step"],
                lr=lr,
                betas=group["betas"],
                eps=group["adam_eps"],
                weight_decay=decay,
                decoupled=True,
            )
            return
        backend, kept = backends.of(data), group["momentum"]
        mean_gradient(data, grad, state["momentum_buffer"], kept)
        direction = state["momentum_buffer"].copy()
        if group["nesterov"]:
            mean_gradient(data, grad, direction, kept)
        rows = len(data)
        matrix = direction.reshape(rows, -1)
        matrix = _orthogonal(matrix, group["ns_coefficients"], group["ns_steps"], group["eps"])
        backend.scale(data, 1 - lr * decay)
        step = lr * _size(rows, matrix.shape[1], group["adjust_lr_fn"])
        ops.sgd_step(data, matrix.reshape(*data.shape), lr=step)


def _is_matrix(data: Array, group: Group) -> bool:
    return len(data.shape) >= 2 and data.size > 0 and not group["adam"]


def _size(rows: int, columns: int, adjust: str | None) -> float:
    """Return the factor of the step."""
    if adjust == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1.0, rows / columns))


def _orthogonal(
    matrix: Any, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Any:
    """Return a matrix with the same singular vectors, and singular values near 1.

    The products of the smaller side are used: ``d d^T`` from the left or ``d^T d`` from the right.
    """
    a, b, c = coefficients
    backend = backends.of(matrix)
    backend.scale(matrix, 1 / max(math.sqrt(backend.sum_of_squares(matrix)), eps))
    is_wide = matrix.shape[0] <= matrix.shape[1]
    for _ in range(steps):
        if is_wide:
            square = ops.linear(matrix, matrix)
        else:
            square, _unused = ops.linear_backward_weight(matrix, matrix)
        fourth = ops.linear(square, square)
        backend.scale(square, b)
        backend.scale(fourth, c)
        both = square + fourth
        left, right = (both, matrix) if is_wide else (matrix, both)
        product = ops.linear_backward_input(left, right)
        backend.scale(matrix, a)
        matrix = matrix + product
    return matrix
