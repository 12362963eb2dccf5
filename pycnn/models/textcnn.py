"""Kim's convolutional network for sentences: filters over a few words at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from pycnn import init
from pycnn._arguments import choice, fraction, integer, written
from pycnn.layers import (
    Conv2d,
    Dropout,
    Embedding,
    GlobalMaxPool2d,
    Linear,
    Module,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Unsqueeze,
)
from pycnn.models.registry import register
from pycnn.text.vocabulary import PADDING_NUMBER, check_words

Variant: TypeAlias = Literal["rand", "static", "non-static", "multichannel"]

VARIANTS = ("rand", "static", "non-static", "multichannel")
# The vectors of the variant "rand", and of words without a vector in the program of the paper.
RANDOM_BOUND = 0.25


@register
def textcnn(
    vocabulary: Sequence[str],
    classes: int = 2,
    variant: Variant = "rand",
    dim: int = 300,
    filters: int = 100,
    widths: Sequence[int] = (3, 4, 5),
    dropout: float = 0.5,
    *,
    embeddings: npt.NDArray[np.float32] | None = None,
    rng: init.Rng = None,
) -> Sequential:
    """Sentence classifier: word vectors, filters over 3, 4 and 5 words, maximum over time.

    ====================  ====================================  ================  ===========
    layer                                                       output            parameters
    ====================  ====================================  ================  ===========
    Embedding             V words                               L x 300           300 V
    Unsqueeze             one channel                           1 x L x 300
    Conv2d, ReLU, max     100 filters of 3 x 300                100               90,100
    Conv2d, ReLU, max     100 filters of 4 x 300                100               120,100
    Conv2d, ReLU, max     100 filters of 5 x 300                100               150,100
    Dropout, Linear       0.5                                   classes           602
    ====================  ====================================  ================  ===========

    The parameters are those of two classes: 360,902 and the word vectors. The paper's training:
    Adadelta on batches of 50 sentences, and after each step the rows of the last weight are scaled
    back to a norm of at most 3 (`pycnn.training.MaxNorm`).

    Parameters
    ----------
    vocabulary : list of str
        ``pycnn.text.Vocabulary(...).words``. It is stored in checkpoints.
    classes : int
        Outputs.
    variant : {'rand', 'static', 'non-static', 'multichannel'}
        How the word vectors are used: random and trained; given and fixed; given and trained; or
        two channels of given ones, one fixed and one trained, with every filter applied to both.
    dim : int
        Numbers in a word vector.
    filters : int
        Filters of each width.
    widths : sequence of int
        Number of words that a filter sees.
    dropout : float in [0, 1)
        Share of the features that are dropped in training.
    embeddings : (V, dim) float32 array, optional
        Word vectors, as from `pycnn.text.load_embeddings`; the row of the padding is set to zero.
        By default U(-0.25, 0.25).
    rng : Generator, int or None
        Random numbers of the initial parameters.

    Returns
    -------
    Sequential
        The model, for int64 (N, L) numbers of words, of any L from 1.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If `vocabulary` is not a vocabulary, the variant is unknown, or the embeddings have another
        shape.

    Notes
    -----
    A sentence has w - 1 words of padding before it and w after it for a filter of width w. So short
    sentences need no special case, every row of the filter sees the first and the last word, and
    one window always holds only padding: more padding changes no output.

    The paper adds the results of a filter on both channels of the variant "multichannel". A filter
    is linear, so its result on the sum of the channels is the same: the vectors of both tables are
    added, and the filters have as many weights as in the other variants.

    Accuracies that the paper reports (in per cent, with vectors of word2vec where they are given):

    ============  ====  =====  =====  ====  ====  ====  ====
    variant       MR    SST-1  SST-2  Subj  TREC  CR    MPQA
    ============  ====  =====  =====  ====  ====  ====  ====
    rand          76.1  45.0   82.7   89.6  91.2  79.8  83.4
    static        81.0  45.5   86.8   93.0  92.8  84.7  89.6
    non-static    81.5  48.0   87.2   93.4  93.6  84.3  89.5
    multichannel  81.1  47.4   88.1   93.2  92.2  85.0  89.4
    ============  ====  =====  =====  ====  ====  ====  ====

    MR are the sentences of `pycnn.datasets.sentence_polarity`.

    References
    ----------
    Kim: Convolutional neural networks for sentence classification, EMNLP 2014.
    """
    words = check_words("textcnn", vocabulary)
    choice("textcnn", "variant", variant, VARIANTS)
    if not isinstance(widths, (tuple, list)) or not widths:
        raise ValueError(
            f"[textcnn] widths must be a sequence of numbers of words, got {written(widths)}"
        )
    integer("textcnn", "dim", dim, 1)
    integer("textcnn", "filters", filters, 1)
    fraction("textcnn", "dropout", dropout)
    sizes = [integer("textcnn", "widths", width, 1) for width in widths]
    integer("textcnn", "classes", classes, 1)
    rng = init.generator(rng, "textcnn")
    vectors = _vectors(embeddings, (len(words), dim), rng)
    branches = [
        Sequential(
            Conv2d(1, filters, (width, dim), padding=(width - 1, width, 0, 0), rng=rng),
            ReLU(),
            GlobalMaxPool2d(),
        )
        for width in sizes
    ]
    return Sequential(
        *_lookup(variant, vectors),
        Parallel(*branches),
        Dropout(dropout, rng=rng),
        Linear(filters * len(sizes), classes, rng=rng),
    )


def _vectors(
    embeddings: npt.NDArray[np.float32] | None, shape: tuple[int, int], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the initial word vectors, in an array of the model's own."""
    if embeddings is None:
        vectors = init.uniform(shape, RANDOM_BOUND, rng)
    else:
        if not isinstance(embeddings, np.ndarray) or embeddings.dtype != np.float32:
            found = getattr(embeddings, "dtype", type(embeddings).__name__)
            raise TypeError(f"[textcnn] embeddings must be a float32 array, got {found}")
        if embeddings.shape != shape:
            raise ValueError(
                f"[textcnn] embeddings must be {shape[0]} words x {shape[1]} numbers (dim), "
                f"got {embeddings.shape}"
            )
        vectors = np.array(embeddings, order="C")
    vectors[PADDING_NUMBER] = 0.0
    return vectors


def _lookup(variant: Variant, vectors: npt.NDArray[np.float32]) -> list[Module]:
    """Layers from (N, L) numbers of words to (N, 1, L, dim) images of their vectors."""

    def table(freeze: bool) -> Module:
        return Embedding.from_pretrained(
            vectors.copy(), freeze=freeze, padding_idx=PADDING_NUMBER, sparse=True
        )

    lookup = table(variant == "static")
    if variant == "multichannel":
        lookup = Residual(lookup, shortcut=table(True))
    return [lookup, Unsqueeze(1)]
