"""Which models and losses a plan can repeat without their Python."""

from __future__ import annotations

import os
from typing import Any

from pycnn import losses
from pycnn._arguments import written
from pycnn.layers.module import Module
from pycnn.layers.passes import is_ours
from pycnn.training.static_code import Constants, constants_of_forward
from pycnn.training.weights import WeightedLoss

# A step that is recorded so often depends on something that changes all the time.
MOST_RECORDINGS = 8
# Losses whose Python looks at shapes alone, or says what it looks at to the recording.
_LOSSES = (
    losses.MSELoss,
    losses.BCELoss,
    losses.BCEWithLogitsLoss,
    losses.L1Loss,
    losses.SmoothL1Loss,
    losses.HuberLoss,
    losses.KLDivLoss,
    losses.CrossEntropyLoss,
    losses.NLLLoss,
    losses.FocalLoss,
    losses.MAPLoss,
)
_PASSES = ("forward", "backward", "backward_parameters")


def why_not(model: Module, loss: Any) -> str:
    """Return why a step cannot be repeated without its Python; an empty text if it can."""
    kind = type(loss.plain if type(loss) is WeightedLoss else loss)
    if kind not in _LOSSES:
        name = getattr(loss, "name", kind.__name__)
        return f"{name} is a loss whose Python may do something else in each step"
    return own_passes(model)


def own_passes(model: Module) -> str:
    """Return which layer has hooks or passes that are not its class's; empty if none has."""
    for module in model.modules():
        if any(one in vars(module) for one in _PASSES):
            return f"{type(module).__name__} has hooks, or passes of its own object"
    return ""


def plans_are_wanted(owner: str) -> bool:
    """Whether the variable ``PYCNN_PLAN`` lets steps be planned.

    Raises
    ------
    ValueError
        If it is neither 0 nor 1.
    """
    wish = os.environ.get("PYCNN_PLAN", "1")
    if wish not in ("0", "1"):
        raise ValueError(f"[{owner}] PYCNN_PLAN must be 0 or 1, is {written(wish)}")
    return wish == "1"


def constants_of(model: Module) -> Constants:
    """Return what classes of one's own read besides attributes of their objects.

    Raises
    ------
    Varying
        If one of them may do something else in the next step.
    """
    own = (module for module in model.modules() if not is_ours(type(module)))
    return [constant for module in own for constant in constants_of_forward(module)]
