"""Local response normalisation."""

from __future__ import annotations

from pycnn import ops
from pycnn._arguments import at_least_zero, choice, integer, positive
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array


class LocalResponseNorm(Module):
    """Divide each number by a power of its neighbours' energy in other channels.

    ``y = x * (k + factor * sum of x^2 over the window)**-beta``; see
    `pycnn.ops.local_response_norm`. AlexNet as published has
    ``LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2, form="paper")``.

    Parameters
    ----------
    size : int
        Channels in a window; odd in the paper's form.
    alpha : float
        Weight of the squares.
    beta : float
        Exponent.
    k : float
        Offset, above 0.
    form : {'mean', 'paper'}
        The factor: 'mean' is ``alpha / size``, as in PyTorch and Caffe, 'paper' is ``alpha``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    A. Krizhevsky, I. Sutskever, G. E. Hinton, "ImageNet classification with deep convolutional
    neural networks", NIPS 2012, section 3.3.
    """

    def __init__(
        self,
        size: int,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 1.0,
        form: str = "mean",
    ) -> None:
        self.size = integer("LocalResponseNorm", "size", size, 1)
        self.alpha = at_least_zero("LocalResponseNorm", "alpha", alpha)
        self.beta = at_least_zero("LocalResponseNorm", "beta", beta)
        self.k = positive("LocalResponseNorm", "k", k)
        self.form = choice("LocalResponseNorm", "form", form, ("mean", "paper"))
        if form == "paper" and size % 2 == 0:
            raise ValueError(f"[LocalResponseNorm] form 'paper' needs an odd size, got {size}")

    def forward(self, x: Array) -> Array:
        """Normalise: (N, C, H, W) to the same shape."""
        y, scale = ops.local_response_norm(
            x, self.size, alpha=self.alpha, beta=self.beta, k=self.k, form=self.form
        )
        self.save_for_backward(x, y, scale)
        return y

    def backward(self, dy: Array) -> Array:
        """Return the gradient of the input, through the number itself and through every scale."""
        x, y, scale = self.saved()
        return ops.local_response_norm_backward(
            dy, x, y, scale, self.size, alpha=self.alpha, beta=self.beta, form=self.form
        )

    def _arguments(self) -> str:
        text = f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
        return text if self.form == "mean" else f"{text}, form={self.form!r}"
