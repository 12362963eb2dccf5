"""Text for networks: words become numbers, numbers become vectors.

- `tokenize`: split a sentence into words, by the rules of Kim's sentence classifier
- `Vocabulary`: the words that a model knows, and their numbers
- `SentenceDataset`: labelled sentences, for `pycnn.fit`
- `load_embeddings`, `read_embeddings`: word vectors from word2vec and GloVe files
- `top_ngrams`: the n-grams that fire each filter of a `pycnn.models.textcnn` most
"""

from pycnn.text.dataset import SentenceDataset
from pycnn.text.embeddings import load_embeddings, read_embeddings
from pycnn.text.ngrams import FilterNgrams, Ngram, top_ngrams
from pycnn.text.tokenize import tokenize
from pycnn.text.vocabulary import PADDING, UNKNOWN, Vocabulary

__all__ = [
    "PADDING",
    "UNKNOWN",
    "FilterNgrams",
    "Ngram",
    "SentenceDataset",
    "Vocabulary",
    "load_embeddings",
    "read_embeddings",
    "tokenize",
    "top_ngrams",
]
