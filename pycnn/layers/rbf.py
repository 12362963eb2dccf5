"""Euclidean radial basis function units."""

from __future__ import annotations

import numpy as np

from pycnn import init, ops
from pycnn._arguments import flag, integer
from pycnn._budget import allow
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Buffer, Parameter, Shape


class RBF(Module):
    """Squared distance of each row to each centre; see `pycnn.ops.rbf`.

    LeNet-5's output layer: each class has a fixed centre, a small picture of its digit, and the
    class of the smallest output wins.

    Parameters
    ----------
    in_features, out_features : int, optional
        D and K. With `centres` they may be left out; if given, they must fit.
    centres : float32 array, (K, D), optional
        The centres; copied. Random ones of -1 and 1 by default.
    trainable : bool
        Whether the centres are a Parameter; by default they are a Buffer and stay.
    rng : Generator, int or None
        Random numbers of the default centres.

    Attributes
    ----------
    centres : Buffer or Parameter, (K, D)
        The centres.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998, section II.B and equation 7.
    """

    def __init__(
        self,
        in_features: int | None = None,
        out_features: int | None = None,
        *,
        centres: Array | None = None,
        trainable: bool = False,
        rng: init.Rng = None,
    ) -> None:
        if centres is None:
            shape = (
                integer("RBF", "out_features", out_features, 1),
                integer("RBF", "in_features", in_features, 1),
            )
            allow(shape)
            values = np.where(init.generator(rng, "RBF").random(shape) < 0.5, -1, 1).astype(
                np.float32
            )
        else:
            values = _checked(centres, in_features, out_features)
        self.out_features, self.in_features = values.shape
        learned = flag("RBF", "trainable", trainable)
        self.centres = Parameter(values) if learned else Buffer(values, moves=True)

    @property
    def trainable(self) -> bool:
        """Whether the centres are a Parameter."""
        return isinstance(self.centres, Parameter)

    def forward(self, x: Array) -> Array:
        """Measure: (N, in_features) to (N, out_features)."""
        if np.ndim(x) != 2 or x.shape[1] != self.in_features:
            raise ValueError(f"expects (N, {self.in_features}), input was {np.shape(x)}")
        y = ops.rbf(x, self.centres.data)
        self.save_for_backward(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradient of trainable centres, and return that of the input."""
        (x,) = self.saved()
        dx, dcentres = ops.rbf_backward(dy, x, self.centres.data)
        if isinstance(self.centres, Parameter):
            self.centres.accumulate(dcentres)
        return dx

    def scores(self, outputs: Array) -> Array:
        """Return the negative distances: the nearest centre is the answer."""
        negative: Array = -outputs
        return negative

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 N in out, for the squares that are added up."""
        return 2 * output_shape[0] * self.centres.numel()

    def _arguments(self) -> str:
        text = f"{self.in_features}, {self.out_features}"
        return text + (", trainable=True" if self.trainable else "")


def _checked(centres: Array, in_features: int | None, out_features: int | None) -> Array:
    """Return a copy of the given centres; raise if they do not fit."""
    if not isinstance(centres, np.ndarray) or centres.dtype != np.float32:
        found = getattr(centres, "dtype", type(centres).__name__)
        raise TypeError(f"[RBF] centres must be a float32 array, got {found}")
    if centres.ndim != 2 or centres.size == 0:
        raise ValueError(f"[RBF] centres must be (out_features, in_features), got {centres.shape}")
    for name, wanted, size in (
        ("out_features", out_features, centres.shape[0]),
        ("in_features", in_features, centres.shape[1]),
    ):
        if wanted is not None and wanted != size:
            raise ValueError(f"[RBF] {name} is {wanted}, but centres have shape {centres.shape}")
    return np.array(centres, order="C")
