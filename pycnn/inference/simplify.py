"""A graph that computes the same in fewer and larger steps."""

from __future__ import annotations

from collections.abc import Callable

from pycnn.inference.graph import Graph
from pycnn.inference.passes.folding import folded, padded, scalings
from pycnn.inference.passes.fusing import activated, with_residuals
from pycnn.inference.passes.shapes import reshaped_late, without_idle, without_unread
from pycnn.inference.passes.spelling import clamped, pooled_means, split

Pass = Callable[[Graph], Graph]

# In this order: what is spelled in one way is found by the passes after it; a sum waits until the
# batch norms before it are gone, and the activation after it until it is part of a convolution.
PASSES: tuple[Pass, ...] = (
    split,
    clamped,
    reshaped_late,
    pooled_means,
    without_idle,
    padded,
    without_unread,
    folded,
    scalings,
    folded,
    reshaped_late,
    with_residuals,
    activated,
    reshaped_late,
    without_unread,
)


def simplify(graph: Graph) -> Graph:
    """Return a graph with the same results in fewer steps.

    Batch norms and other scales of channels are folded into the layers before them, activations and
    the sums of residual blocks become part of a convolution, and what changes nothing goes. Only
    folding changes the order of roundings: each folded weight is rounded once more.

    Parameters
    ----------
    graph : Graph
        As `pycnn.inference.trace.trace` returns it.

    Returns
    -------
    Graph
        Its convolutions are ``conv2d`` with complete settings, a bias or none, an activation or
        none, and perhaps a second input, which is added before the activation.
    """
    for one in PASSES:
        graph = one(graph)
    return graph
