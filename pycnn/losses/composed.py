"""The losses of `margins` and `likelihoods` as objects that keep their arguments.

They take tensors, or arrays; gradients come from the tape: ``loss.backward()``. `pycnn.fit` takes
those of an output and a target.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from pycnn._arguments import choice, written
from pycnn.losses import likelihoods, margins


class ComposedLoss:
    """A loss that is a function of tensors, with its arguments.

    Parameters
    ----------
    **options
        The arguments of the function after its inputs, by PyTorch's names.

    Raises
    ------
    TypeError
        If there is no such argument.
    ValueError
        If `reduction` is not 'mean', 'sum' or 'none'.
    """

    _function: ClassVar[Any]

    def __init__(self, *positional: Any, **options: Any) -> None:
        kind = type(self)
        names = kind._names()
        if len(positional) > len(names):
            raise TypeError(
                f"[{kind.__name__}] takes {len(names)} arguments, got {len(positional)}"
            )
        options = {**dict(zip(names, positional, strict=False)), **options}
        for name in options:
            if name not in names:
                raise TypeError(f"[{kind.__name__}] takes no argument {written(name)}")
        self.reduction = options.get("reduction", "mean")
        choice(kind.__name__, "reduction", self.reduction, ("mean", "sum", "none"))
        self._options = options

    @classmethod
    def _names(cls) -> list[str]:
        """Return the names of the arguments, in PyTorch's order."""
        signature = inspect.signature(cls._function)
        return [name for name, one in signature.parameters.items() if one.default is not one.empty]

    def __call__(self, *inputs: Any) -> Any:
        """Return the loss of the inputs."""
        return type(self)._function(*inputs, **self._options)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._options.items())
        return f"{type(self).__name__}({shown})"


class CosineEmbeddingLoss(ComposedLoss):
    """Loss of pairs by their angle; see `pycnn.functional.cosine_embedding_loss`.

    Call it with two tensors (N, D) or (D,), and targets 1 and -1.
    """

    _function = staticmethod(margins.cosine_embedding_loss)


class TripletMarginLoss(ComposedLoss):
    """Loss of an anchor, a positive and a negative; see `pycnn.functional.triplet_margin_loss`.

    Call it with three tensors (N, D) or (D,).

    References
    ----------
    V. Balntas et al., "Learning local feature descriptors with triplets", BMVC 2016.
    """

    _function = staticmethod(margins.triplet_margin_loss)


class MarginRankingLoss(ComposedLoss):
    """Loss of an order; see `pycnn.functional.margin_ranking_loss`.

    Call it with two tensors of one shape, and targets 1 and -1.
    """

    _function = staticmethod(margins.margin_ranking_loss)


class HingeEmbeddingLoss(ComposedLoss):
    """Loss of distances; see `pycnn.functional.hinge_embedding_loss`.

    Call it with a tensor and targets 1 and -1 of its shape.
    """

    _function = staticmethod(margins.hinge_embedding_loss)


class SoftMarginLoss(ComposedLoss):
    """Logistic loss of targets 1 and -1; see `pycnn.functional.soft_margin_loss`."""

    _function = staticmethod(likelihoods.soft_margin_loss)


class MultiLabelSoftMarginLoss(ComposedLoss):
    """Loss of several labels; see `pycnn.functional.multilabel_soft_margin_loss`.

    Call it with logits (..., C) and targets 0 and 1 of their shape. `weight`, (C,), scales the
    classes.
    """

    _function = staticmethod(likelihoods.multilabel_soft_margin_loss)


class PoissonNLLLoss(ComposedLoss):
    """Negative log-likelihood of counts; see `pycnn.functional.poisson_nll_loss`."""

    _function = staticmethod(likelihoods.poisson_nll_loss)


class GaussianNLLLoss(ComposedLoss):
    """Negative log-likelihood of numbers with variances.

    Call it with means, targets and variances; see `pycnn.functional.gaussian_nll_loss`.
    """

    _function = staticmethod(likelihoods.gaussian_nll_loss)
