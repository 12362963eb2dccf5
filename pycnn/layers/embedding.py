"""Word vectors: a trainable row for each word of a vocabulary."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pycnn import backends, init, ops
from pycnn._arguments import flag, integer
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Buffer, Parameter, SparseRows


class Embedding(Module):
    """Table of word vectors, looked up by the number of the word; see `pycnn.ops.embedding`.

    Parameters
    ----------
    num_embeddings : int
        V, words in the vocabulary.
    embedding_dim : int
        D, length of a vector.
    padding_idx : int, optional
        Number of the padding, which stands for no word: its vector starts as zeros and is not
        trained. A negative number counts from the end.
    rng : Generator, int or None
        Random numbers of the initial values, N(0, 1).

    Attributes
    ----------
    weight : Parameter or Buffer, (V, D)
        The table; a Buffer if it is frozen. Its gradient is a `SparseRows` of the words in the
        batch, so that the step of an optimizer touches no other row.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        shape = (
            integer("Embedding", "num_embeddings", num_embeddings, 1),
            integer("Embedding", "embedding_dim", embedding_dim, 1),
        )
        self.padding_idx = _padding(padding_idx, shape[0])
        self.weight: Parameter | Buffer = Parameter(
            init.normal(shape, 1.0, init.generator(rng, "Embedding"))
        )
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    @classmethod
    def from_pretrained(
        cls, weights: npt.NDArray[np.float32], freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """Return a layer with given word vectors.

        Parameters
        ----------
        weights : (V, D) float32 array, C-contiguous
            The table. It is not copied: training changes it.
        freeze : bool
            Whether the vectors stay as they are; `weight` is then a Buffer, not a Parameter.
        padding_idx : int, optional
            Number of a word that is not trained. Its vector stays as it is in `weights`.

        Returns
        -------
        Embedding
            The layer.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above.
        """
        if not isinstance(weights, np.ndarray) or weights.dtype != np.float32:
            found = getattr(weights, "dtype", type(weights).__name__)
            raise TypeError(f"[Embedding] weights must be a float32 array, got {found}")
        if weights.ndim != 2 or weights.size == 0:
            raise ValueError(f"[Embedding] weights must be (V, D), not empty, got {weights.shape}")
        layer = cls.__new__(cls)
        layer.padding_idx = _padding(padding_idx, len(weights))
        frozen = flag("Embedding", "freeze", freeze)
        layer.weight = Buffer(weights, moves=True) if frozen else Parameter(weights)
        return layer

    @property
    def input_dtype(self) -> type[np.generic]:
        """Numbers of words are int64."""
        return np.int64

    def forward(self, x: npt.NDArray[np.int64]) -> Array:
        """Look up: (N, L) numbers of words, or any shape, to (N, L, D)."""
        y = ops.embedding(self.weight.data, x)
        self.save_for_backward(x)
        return y

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradient of the table; return zeros as that of the words' numbers."""
        (x,) = self.saved()
        if self.weight.requires_grad:
            rows, values = ops.embedding_backward(dy, x, self.padding_idx)
            self.weight.accumulate(SparseRows(rows, values, self.weight.shape))
        dx: Array = backends.of(dy).zeros(x.shape, dy.dtype)
        return dx

    def _arguments(self) -> str:
        text = ", ".join(map(str, self.weight.shape))
        text += "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return text + ("" if isinstance(self.weight, Parameter) else ", frozen")


def _padding(padding_idx: int | None, count: int) -> int | None:
    """Return the row of the padding, counted from the start."""
    if padding_idx is None:
        return None
    index = integer("Embedding", "padding_idx", padding_idx, -count, count - 1)
    return index % count
