"""The C-layer of the neocognitron (Fukushima 1980), in which nothing is learned."""

from __future__ import annotations

import numpy as np

from pycnn import ops
from pycnn._arguments import fraction, integer, pair, positive
from pycnn._budget import allow
from pycnn.layers.cells import DECAY, decaying, four_sides
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Shape


class CLayer(Module):
    """C-cells: each responds if its feature occurs anywhere in an area of one S-plane.

    With the positions n of this layer, which are `stride` apart in the S-planes::

        D[j,n] = sum over o of d[o] x[j,n+o]                   excitation
        v[n]   = mean over j of D[j,n]                         lateral inhibition
        t[j,n] = (1 + D) / (1 + v) - 1
        y[j,n] = psi(t), psi(t) = max(t, 0) / (alpha + max(t, 0))

    Nothing is learned here.

    Parameters
    ----------
    planes : int
        Planes of the input and of the output.
    area : int
        Side of the square that a cell is connected to.
    stride : int or (int, int)
        Step between cells, in cells of the S-layer.
    padding : int, (h, w) or (top, bottom, left, right)
        Border of zeros around the input.
    alpha : float
        Input at which the output is half of its limit, 1.
    decay : float in [0, 1)
        Factor by which d falls for each cell of distance, from 1 in the centre. 0 connects only the
        centre, which an even `area` does not have.

    Attributes
    ----------
    fixed : array, (planes, 1, area, area)
        d, the same for each plane.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Fukushima 1980 (see `SLayer`), equations 4 to 6.
    """

    def __init__(
        self,
        planes: int,
        area: int = 5,
        stride: int | tuple[int, int] = 1,
        padding: int | tuple[int, ...] = 0,
        *,
        alpha: float = 0.5,
        decay: float = DECAY,
    ) -> None:
        self.planes = integer("CLayer", "planes", planes, 1)
        self.area = integer("CLayer", "area", area, 1)
        self.stride = pair("CLayer", "stride", stride, 1)
        self.padding = four_sides("CLayer", padding)
        self.alpha = positive("CLayer", "alpha", alpha)
        self.decay = fraction("CLayer", "decay", decay)
        weights = decaying("CLayer", area, decay)
        allow((planes, 1, area, area))
        self.fixed = np.repeat(weights[np.newaxis, np.newaxis], planes, axis=0)

    def forward(self, x: Array) -> Array:
        """Respond: (N, planes, H, W) to (N, planes, P, Q)."""
        y = ops.conv2d(x, self.fixed, stride=self.stride, padding=self.padding, groups=self.planes)
        v = y.mean(axis=1, keepdims=True)
        y -= v
        y /= 1 + v
        np.maximum(y, 0, out=y)
        y /= y + np.float32(self.alpha)
        self.save_for_backward(x.shape, v, y)
        return y

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the input."""
        shape, v, y = self.saved()
        self._check_gradient(dy, y.shape)
        alpha = np.float32(self.alpha)
        # psi' = alpha / (alpha + t)^2 = (1 - y)^2 / alpha, and t = alpha y / (1 - y).
        excitation = np.where(y > 0, dy * np.square(1 - y) / alpha, np.float32(0))
        excitation /= 1 + v
        # Above 2^24 alpha the saturated answer rounds to 1: its share of the gradient is zero.
        t = alpha * y / np.maximum(1 - y, np.float32(2**-24))
        inhibition = np.mean((t + 1) * excitation, axis=1, keepdims=True)
        return ops.conv2d_backward_input(
            excitation - inhibition,
            self.fixed,
            shape,
            stride=self.stride,
            padding=self.padding,
            groups=self.planes,
        )

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: the sums of the C-cells."""
        n, _, p, q = output_shape
        return 2 * n * p * q * self.fixed.size

    def _arguments(self) -> str:
        return (
            f"{self.planes}, area={self.area}, stride={self.stride}, padding={self.padding}, "
            f"alpha={self.alpha}"
        )
