"""Weights made of a direction and a length."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np

from pycnn import functional, layers
from pycnn._arguments import written
from pycnn.autograd import Tensor, recording
from pycnn.layers import Module, Parameter

T = TypeVar("T", bound=Module)

# Layers whose forward pass is a function of their weight, and what comes after the bias.
_FUNCTIONS: tuple[tuple[type[Module], Any, tuple[str, ...]], ...] = (
    (layers.Linear, functional.linear, ()),
    (layers.Conv1d, functional.conv1d, ("stride", "padding", "dilation", "groups")),
    (layers.Conv2d, functional.conv2d, ("stride", "padding", "dilation", "groups")),
    (
        layers.ConvTranspose1d,
        functional.conv_transpose1d,
        ("stride", "padding", "output_padding", "groups", "dilation"),
    ),
    (
        layers.ConvTranspose2d,
        functional.conv_transpose2d,
        ("stride", "padding", "output_padding", "groups", "dilation"),
    ),
)


def weight_norm(module: T, name: str = "weight", dim: int | None = 0) -> T:
    """Train the length and the direction of a layer's weights instead of the weights.

    The weight becomes ``w = g v / |v|``. The parameters are `weight_g`, the lengths, and
    `weight_v`, the directions, under PyTorch's keys; ``module.weight`` computes w.

    Parameters
    ----------
    module : Linear, Conv1d, Conv2d, ConvTranspose1d or ConvTranspose2d
        The layer to change.
    name : str
        Only 'weight'.
    dim : int or None
        Axis along which each slice has a length of its own; None for one length of all numbers.

    Returns
    -------
    module

    Raises
    ------
    TypeError
        If it is another layer, or of a class with a `forward` of its own.
    ValueError
        If its weight has been normalised already, it has `connections`, or `name` or `dim` is not
        as above.

    References
    ----------
    T. Salimans, D. Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate
    Training of Deep Neural Networks", NIPS 2016.
    """
    kind = next((kind for kind, *_ in _FUNCTIONS if isinstance(module, kind)), None)
    if kind is None:
        raise TypeError(
            f"[weight_norm] takes a linear layer or a convolution, got {written(module)}"
        )
    if name != "weight":
        raise ValueError(f"[weight_norm] name must be 'weight', got {name!r}")
    if "weight_v" in vars(module):
        raise ValueError(f"[weight_norm] the weight of {module!r} is normalised already")
    if getattr(module, "connections", None) is not None:
        raise ValueError("[weight_norm] a convolution with connections cannot be normalised")
    weight: Parameter = vars(module)["weight"]
    axes = _others(weight, dim)
    cls: Any = type(module)
    normalised = _normalised(cls)  # or an error, before anything is changed
    del vars(module)["weight"]
    with recording(False):
        length = _length(weight, axes)
    module.weight_g = Parameter(np.array(length.numpy()), weight.requires_grad)
    module.weight_v = weight
    vars(module)["_weight_axes"] = axes
    module.__class__ = normalised
    return module


def remove_weight_norm(module: T, name: str = "weight") -> T:
    """Make the weight that a layer has now its parameter again; return the layer."""
    if "weight_v" not in vars(module) or name != "weight":
        raise ValueError(f"[remove_weight_norm] {module!r} has no normalised weight {name!r}")
    with recording(False):
        values = np.array(cast("Any", module).weight.numpy())
    direction = vars(module)["weight_v"]
    module.__class__ = type(module).__mro__[1]
    for gone in ("weight_g", "weight_v", "_weight_axes"):
        vars(module).pop(gone)
    direction.data = values
    setattr(module, name, direction)
    return module


def _others(weight: Parameter, dim: int | None) -> tuple[int, ...]:
    """Return the axes over which a length is summed."""
    if dim is None or dim == -1:
        return tuple(range(weight.ndim))
    if not -weight.ndim <= dim < weight.ndim:
        raise ValueError(f"[weight_norm] dim {dim} is not an axis of shape {weight.shape}")
    return tuple(axis for axis in range(weight.ndim) if axis != dim % weight.ndim)


def _length(weight: Tensor, axes: tuple[int, ...]) -> Tensor:
    length = weight.norm(2, axes, True)
    return length.reshape(()) if len(axes) == weight.ndim else length


@lru_cache(maxsize=256)
def _normalised(kind: type[Module]) -> Any:
    """Return the class of a layer with `weight` computed, under the same name."""
    base, function, names = next(row for row in _FUNCTIONS if issubclass(kind, row[0]))
    if kind.forward is not base.forward:
        raise TypeError(
            f"[weight_norm] {kind.__name__} has a forward of its own, which would be left out: "
            f"it takes {base.__name__} itself"
        )

    def weight(self: Any) -> Tensor:
        """Return ``g v / |v|``."""
        length = _length(self.weight_v, self._weight_axes)
        return self.weight_v * (self.weight_g / length)  # type: ignore[no-any-return]

    def forward(self: Any, x: Any) -> Any:
        given = {name: getattr(self, name) for name in names}
        if (border := getattr(self, "border", None)) is not None:  # a padding_mode but 'zeros'
            sides = border.left, border.right, border.top, border.bottom
            x = functional.pad(x, sides[: 2 * self.axes], border.kind)
            given["padding"] = 0
        return function(x, self.weight, self.bias, **given)

    body = {
        "weight": property(weight),
        "forward": forward,
        "backward": Module.backward,
        "backward_parameters": Module.backward_parameters,
        "__module__": kind.__module__,
    }
    return type(kind.__name__, (kind,), body)
