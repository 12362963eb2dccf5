"""S- and C-layers of the neocognitron (Fukushima 1980), which learn without gradients.

`pycnn.training.self_organize` is their learning. Backward passes gradients on, to whatever lies
before them, and trains nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pycnn import init, ops
from pycnn._arguments import fraction, integer, pair, positive
from pycnn._budget import allow
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Buffer, Shape

_Padding = int | tuple[int, ...]

# Initial excitatory connections are at most this share of their fixed counterparts c: an S-plane
# that has learned nothing gives an output that any plane which knows the pattern exceeds.
INITIAL = 1e-4
# Weights fall by this factor for each cell of distance. The paper asks for a decrease only.
DECAY = 0.9


def decaying(layer: str, area: int, decay: float) -> Array:
    """Return the fixed connections of an area: ``decay ** distance`` from its centre, float32."""
    decay = fraction(layer, "decay", decay)
    allow((area, area))
    offset = np.arange(area) - (area - 1) / 2
    weights: Array = (decay ** np.hypot(offset[:, np.newaxis], offset)).astype(np.float32)
    if not weights.any():  # the centre of an even area is no cell
        raise ValueError(
            f"[{layer}] decay {decay} leaves no connection in an area of {area}: "
            "an even one needs a larger decay"
        )
    return weights


class SLayer(Module):
    """S-cells: each plane detects one feature, which it has learned, at every position.

    With the planes k of the previous C-layer and the positions n of this layer::

        E[j,n] = sum over k, o of a[j,k,o] x[k,n+o]            excitation
        v[n]   = sqrt(sum over k, o of c[o] x[k,n+o]^2)        V-cell
        I[j,n] = 2 r / (1 + r) b[j] v[n]                       shunting inhibition
        y[j,n] = r max((1 + E) / (1 + I) - 1, 0)

    A plane that has learned a pattern responds to those whose similarity to it (the cosine of
    their angle, weighted with c) is above r / (1 + r), in the limit of strong connections, and
    with 1 to the pattern itself.

    Parameters
    ----------
    in_planes, planes : int
        Planes of the input and of the output.
    area : int
        Side of the square that a cell is connected to.
    padding : int, (h, w) or (top, bottom, left, right)
        Border without activity around the input.
    r : float
        Selectivity: efficiency of the inhibition.
    q : float
        Speed of reinforcement.
    column : int
        Side of an S-column: the square whose strongest cell is a candidate for reinforcement.
    decay : float in [0, 1)
        Factor by which c falls for each cell of distance. 0 connects the centre alone, which an
        even `area` does not have.
    rng : Generator, int or None
        Random numbers of the initial connections.

    Attributes
    ----------
    excitatory : Buffer, (planes, in_planes, area, area)
        a, small and positive at first, so that one of the planes wins where nothing is known.
    inhibitory : Buffer, (planes,)
        b, zero at first.
    fixed : array, (1, in_planes, area, area)
        c; its sum is 1.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Notes
    -----
    Computed as ``r max((E - I) / (1 + I), 0)``, which is the same and keeps the small outputs of
    planes that have learned little, where ``1 + E`` would round them off.

    References
    ----------
    Fukushima: Neocognitron: a self-organizing neural network model for a mechanism of pattern
    recognition unaffected by shift in position, 1980, equations 1 to 3.
    """

    def __init__(
        self,
        in_planes: int,
        planes: int,
        area: int = 5,
        padding: _Padding = 0,
        *,
        r: float,
        q: float,
        column: int = 5,
        decay: float = DECAY,
        rng: init.Rng = None,
    ) -> None:
        self.in_planes = integer("SLayer", "in_planes", in_planes, 1)
        self.planes = integer("SLayer", "planes", planes, 1)
        self.area = integer("SLayer", "area", area, 1)
        self.padding = _four_sides("SLayer", padding)
        self.r = positive("SLayer", "r", r)
        self.q = positive("SLayer", "q", q)
        self.column = integer("SLayer", "column", column, 1)
        allow((planes, in_planes, area, area))
        weights = decaying("SLayer", area, decay)
        weights /= in_planes * weights.sum()
        self.fixed = np.repeat(weights[np.newaxis, np.newaxis], in_planes, axis=1)
        random = init.generator(rng, "SLayer").random(
            (planes, in_planes, area, area), dtype=np.float32
        )
        self.excitatory = Buffer(np.float32(INITIAL) * self.fixed * random)
        self.inhibitory = Buffer(np.zeros(planes, np.float32))

    def filters(self) -> Array:
        """Return what each plane has learned: a, divided by its largest connection.

        The connections grow with every reinforcement, and some planes win more often than others.
        """
        a = self.excitatory.data
        filters: Array = a / a.max(axis=(1, 2, 3), keepdims=True)
        return filters

    def forward(self, x: Array) -> Array:
        """Respond: (N, in_planes, H, W) to (N, planes, P, Q)."""
        y = ops.conv2d(x, self.excitatory.data, padding=self.padding)
        v = ops.conv2d(np.square(x), self.fixed, padding=self.padding)
        np.sqrt(np.maximum(v, 0, out=v), out=v)
        inhibition = self._inhibition(v)
        y -= inhibition
        inhibition += 1
        y /= inhibition
        y *= np.float32(self.r)
        np.maximum(y, 0, out=y)
        self.save_for_backward(x, v, y)
        return y

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the input; the connections get none."""
        x, v, y = self.saved()
        self._check_gradient(dy, y.shape)
        # dE where the cell fires, and dI = -dE (1 + E) / (1 + I), with the ratio taken from y.
        excitation = np.where(y > 0, np.float32(self.r) * dy, np.float32(0))
        excitation /= 1 + self._inhibition(v)
        ratio = y / np.float32(self.r) + 1
        weights = self._inhibition(np.ones((1, 1, 1, 1), np.float32))
        dv = -np.sum(weights * ratio * excitation, axis=1, keepdims=True)
        # A V-cell at rest has no derivative; its inputs are all zero, and so is their share.
        squares = np.divide(dv, 2 * v, out=np.zeros_like(v), where=v > 0)
        dx = ops.conv2d_backward_input(
            excitation, self.excitatory.data, x.shape, padding=self.padding
        )
        dx += 2 * x * ops.conv2d_backward_input(squares, self.fixed, x.shape, padding=self.padding)
        return dx

    def _inhibition(self, v: Array) -> Array:
        """Return I, (N, planes, P, Q), for V-cells of shape (N, 1, P, Q)."""
        efficiency = np.float32(2 * self.r / (1 + self.r)) * self.inhibitory.data
        inhibition: Array = efficiency[:, np.newaxis, np.newaxis] * v
        return inhibition

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: the sums of the S-cells and of the V-cells."""
        n, planes, p, q = output_shape
        return 2 * n * p * q * (planes + 1) * self.fixed.size

    @property
    def self_organized(self) -> int:
        """Excitatory connections, and the inhibitory one of each plane; its cells share them."""
        return self.excitatory.data.size + self.inhibitory.data.size

    def _arguments(self) -> str:
        return (
            f"{self.in_planes}, {self.planes}, area={self.area}, padding={self.padding}, "
            f"r={self.r}, q={self.q}, column={self.column}"
        )


class CLayer(Module):
    """C-cells: each responds if its feature is somewhere in an area of one S-plane.

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
        Border without activity around the input.
    alpha : float
        Input at which a cell gives half of its largest output, 1.
    decay : float in [0, 1)
        Factor by which d falls for each cell of distance, from 1 in the centre. 0 connects the
        centre alone, which an even `area` does not have.

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
        padding: _Padding = 0,
        *,
        alpha: float = 0.5,
        decay: float = DECAY,
    ) -> None:
        self.planes = integer("CLayer", "planes", planes, 1)
        self.area = integer("CLayer", "area", area, 1)
        self.stride = pair("CLayer", "stride", stride, 1)
        self.padding = _four_sides("CLayer", padding)
        self.alpha = positive("CLayer", "alpha", alpha)
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


def _four_sides(layer: str, padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    """Return padding as (top, bottom, left, right)."""
    if isinstance(padding, (tuple, list)) and len(padding) == 4:
        top, bottom, left, right = (integer(layer, "padding", side, 0) for side in padding)
        return top, bottom, left, right
    height, width = pair(layer, "padding", padding, 0)
    return height, height, width, width
