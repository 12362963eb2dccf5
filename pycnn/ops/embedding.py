"""Looking up rows of a table by number: word vectors."""

from __future__ import annotations

from pycnn.backends import of
from pycnn.backends.types import FloatArray, IntArray

__all__ = ["embedding", "embedding_backward"]


def embedding(weight: FloatArray, index: IntArray) -> FloatArray:
    """Look up rows of a table: ``y[..., d] = weight[index[...], d]``.

    Parameters
    ----------
    weight : ndarray of float32, shape (V, D)
        One row for each word of the vocabulary.
    index : ndarray of int64, any shape
        Numbers of words, 0..V-1.

    Returns
    -------
    ndarray of float32, shape index.shape + (D,)

    Raises
    ------
    TypeError
        A wrong dtype: numbers of words are int64 and nothing else.
    ValueError
        A number without a row (the text tells its position), a `weight` that is not a matrix
        or is empty.
    """
    return of(weight).ops.embedding(weight, index)


def embedding_backward(
    dy: FloatArray, index: IntArray, padding_idx: int | None = None
) -> tuple[IntArray, FloatArray]:
    """Gradient of `embedding` with respect to the table, for the rows that were used.

    ``values[k, d] = sum of dy[..., d] over all positions where index is rows[k]``; the gradient
    of every other row is zero.

    Parameters
    ----------
    dy : ndarray of float32, shape index.shape + (D,)
        Gradient of the loss with respect to the output.
    index : ndarray of int64, any shape
        As in the forward pass.
    padding_idx : int, optional
        Number of a word whose row gets no gradient, at least 0.

    Returns
    -------
    rows : ndarray of int64, shape (K,)
        The numbers in `index` except `padding_idx`, ascending, each once.
    values : ndarray of float32, shape (K, D)
        Their rows of the gradient.

    Raises
    ------
    TypeError
        A wrong dtype.
    ValueError
        Shapes that do not fit, or a negative number.

    Notes
    -----
    Positions are sorted by number with a stable radix sort, and each row is summed in the order of
    its positions: the same bits for any number of threads. The work grows with the number of
    positions, not with the vocabulary.
    """
    return of(dy).ops.embedding_backward(dy, index, padding_idx)
