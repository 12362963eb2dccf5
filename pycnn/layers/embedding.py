"""Word vectors: a trainable row for each word of a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from pycnn import backends, init, ops
from pycnn._arguments import flag, integer, number, placement, sizes, written
from pycnn._budget import allow
from pycnn.autograd import Tensor
from pycnn.backends.recording import after_here
from pycnn.backends.rows import table_gradient
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Buffer, Parameter
from pycnn.layers.sparse_rows import SparseRows

# In an architecture: whether the table is a buffer.
FROZEN = "frozen"
_SIZES = ("num_embeddings", "embedding_dim")


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
    max_norm, norm_type, scale_grad_by_freq : optional
        PyTorch's; only None, any number and False: `pycnn.training.MaxNorm` limits norms.
    sparse : bool
        Whether the gradient is a `SparseRows` of the words in the batch, so that the step of an
        optimizer touches no other row: a step takes time for the words of the batch alone, and a
        word that is not in it does not move by momentum, weight decay or the averages of Adam.
        Otherwise the gradient is an array, as in PyTorch, and every row is updated.
    device, dtype : optional
        Only None, 'cpu' and float32: for programs that pass PyTorch's arguments on.
    rng : Generator, int or None
        Random numbers of the initial values, N(0, 1).

    Attributes
    ----------
    weight : Parameter or Buffer, (V, D)
        The table; a Buffer if it is frozen.

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
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        rng: init.Rng = None,
    ) -> None:
        _refuse(max_norm, norm_type, scale_grad_by_freq)
        placement("Embedding", device, dtype)
        self.sparse = flag("Embedding", "sparse", sparse)
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
        cls,
        weights: npt.NDArray[np.float32] | Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Return a layer with given word vectors.

        Parameters
        ----------
        weights : (V, D) float32 array or Tensor, C-contiguous
            The table. It is not copied: training changes it.
        freeze : bool
            Whether the vectors stay as they are; `weight` is then a Buffer, not a Parameter.
        padding_idx : int, optional
            Number of a word that is not trained. Its vector stays as it is in `weights`.
        max_norm, norm_type, scale_grad_by_freq, sparse
            As for `Embedding`.

        Returns
        -------
        Embedding
            The layer.

        Raises
        ------
        TypeError, ValueError
            If an argument is not as above.
        """
        if isinstance(weights, Tensor):
            weights = weights.array
        if not isinstance(weights, np.ndarray) or weights.dtype != np.float32:
            found = getattr(weights, "dtype", type(weights).__name__)
            raise TypeError(f"[Embedding] weights must be a float32 array, got {found}")
        if weights.ndim != 2 or weights.size == 0:
            raise ValueError(f"[Embedding] weights must be (V, D), not empty, got {weights.shape}")
        _refuse(max_norm, norm_type, scale_grad_by_freq)
        layer = cls.__new__(cls)
        layer.sparse = flag("Embedding", "sparse", sparse)
        layer.padding_idx = _padding(padding_idx, len(weights))
        frozen = flag("Embedding", "freeze", freeze)
        layer.weight = Buffer(weights, moves=True) if frozen else Parameter(weights)
        return layer

    @property
    def num_embeddings(self) -> int:
        """V, words in the vocabulary."""
        return self.weight.shape[0]

    @property
    def embedding_dim(self) -> int:
        """D, length of a vector."""
        return self.weight.shape[1]

    def _made_with(self) -> dict[str, Any]:
        return {**super()._made_with(), FROZEN: isinstance(self.weight, Buffer)}

    @classmethod
    def _made_from(cls, arguments: dict[str, Any], children: Mapping[str, Module]) -> Embedding:
        arguments = dict(arguments)
        if not flag("Embedding", FROZEN, arguments.pop(FROZEN, False)):
            return super()._made_from(arguments, children)
        shape = sizes("Embedding", "shape", [arguments.pop(name, None) for name in _SIZES])
        allow(shape)
        return cls.from_pretrained(np.zeros(shape, np.float32), **arguments)

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
        if self.weight.requires_grad and self.sparse:
            # A recorded step does so again: the next batch has more or fewer different words.
            after_here(lambda: self._accumulate_rows(dy, x))
        elif self.weight.requires_grad:
            rows = len(self.weight.data)
            gradient = table_gradient(backends.of(dy), dy, x, self.padding_idx, rows)
            self.weight.accumulate(gradient)
        dx: Array = backends.of(dy).zeros(x.shape, dy.dtype)
        return dx

    def _accumulate_rows(self, dy: Array, x: npt.NDArray[np.int64]) -> None:
        rows, values = ops.embedding_backward(dy, x, self.padding_idx)
        self.weight.accumulate(SparseRows(rows, values, self.weight.data.shape))

    def _arguments(self) -> str:
        text = ", ".join(map(str, self.weight.shape))
        text += "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        text += ", sparse=True" if self.sparse else ""
        return text + ("" if isinstance(self.weight, Parameter) else ", frozen")


def _refuse(max_norm: Any, norm_type: Any, scale_grad_by_freq: Any) -> None:
    """Raise unless PyTorch's further arguments ask for nothing."""
    if max_norm is not None:
        raise ValueError(
            f"[Embedding] max_norm must be None, got {written(max_norm)}: the callback "
            "pycnn.training.MaxNorm limits the norms of the rows of a parameter"
        )
    number("Embedding", "norm_type", norm_type)
    if flag("Embedding", "scale_grad_by_freq", scale_grad_by_freq):
        raise ValueError("[Embedding] scale_grad_by_freq must be False: it is not supported")


def _padding(padding_idx: int | None, count: int) -> int | None:
    """Return the row of the padding, counted from the start."""
    if padding_idx is None:
        return None
    index = integer("Embedding", "padding_idx", padding_idx, -count, count - 1)
    return index % count
