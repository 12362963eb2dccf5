"""The S-layer of the neocognitron (Fukushima 1980), which learns without gradients.

`pycnn.training.self_organize` trains it. `backward` passes the gradient on to the layers before it
and trains nothing here.
"""

from __future__ import annotations

import numpy as np

from pycnn import init, ops
from pycnn._arguments import fraction, integer, positive
from pycnn._budget import allow
from pycnn.layers.cells import DECAY, decaying, four_sides
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Buffer, Shape

# Initial excitatory connections are at most this share of their fixed counterparts c, so that any
# plane that knows a pattern responds more strongly than one that has learned nothing.
INITIAL = 1e-4


class SLayer(Module):
    """S-cells: each plane detects one learned feature at every position.

    With the planes k of the previous C-layer and the positions n of this layer::

        E[j,n] = sum over k, o of a[j,k,o] x[k,n+o]            excitation
        v[n]   = sqrt(sum over k, o of c[o] x[k,n+o]^2)        V-cell
        I[j,n] = 2 r / (1 + r) b[j] v[n]                       shunting inhibition
        y[j,n] = r max((1 + E) / (1 + I) - 1, 0)

    In the limit of strong connections a plane that has learned a pattern responds to all patterns
    whose similarity to it (the cosine of the angle between them, weighted with c) is above
    r / (1 + r), and to the pattern itself with 1.

    Parameters
    ----------
    in_planes, planes : int
        Planes of the input and of the output.
    area : int
        Side of the square that a cell is connected to.
    padding : int, (h, w) or (top, bottom, left, right)
        Border of zeros around the input.
    r : float
        Selectivity: efficiency of the inhibition.
    q : float
        Speed of reinforcement.
    column : int
        Side of an S-column: the square whose strongest cell is a candidate for reinforcement.
    decay : float in [0, 1)
        Factor by which c falls for each cell of distance. 0 connects only the centre, which an even
        `area` does not have.
    rng : Generator, int or None
        Random numbers of the initial connections.

    Attributes
    ----------
    excitatory : Buffer, (planes, in_planes, area, area)
        a, small and positive at first, so that one of the planes wins before anything is learned.
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
    The output is computed as ``r max((E - I) / (1 + I), 0)``, which is the same but keeps the small
    outputs of planes that have learned little: ``1 + E`` would round them off.

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
        padding: int | tuple[int, ...] = 0,
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
        self.padding = four_sides("SLayer", padding)
        self.r = positive("SLayer", "r", r)
        self.q = positive("SLayer", "q", q)
        self.column = integer("SLayer", "column", column, 1)
        allow((planes, in_planes, area, area))
        self.decay = fraction("SLayer", "decay", decay)
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
        return self.excitatory.numel() + self.inhibitory.numel()

    def _arguments(self) -> str:
        return (
            f"{self.in_planes}, {self.planes}, area={self.area}, padding={self.padding}, "
            f"r={self.r}, q={self.q}, column={self.column}"
        )
