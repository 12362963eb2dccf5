"""Train Kim's text network (2014) on film reviews; --folds 10 is the paper's cross-validation.

The settings are those of `pycnn train textcnn`: ten epochs, and the test data is used once. On two
held-out parts of the training sentences this gave 76.8 and 75.3 %; setting aside a tenth of the
other sentences to choose the best epoch gave 77.1 and 72.3 %.
"""

import argparse
import statistics

import numpy as np

import pycnn as nn
from pycnn.text import Vocabulary, load_embeddings, top_ngrams
from pycnn.training import MaxNorm

LENGTH = 64  # words of a sentence that the lecture's network sees


def lecture_network(words, length=LENGTH, dim=300, filters=100, classes=2, rng=0):
    """Build the network as lectures do: no padding, and a pooling window of full length."""
    rng = np.random.default_rng(rng)
    # fmt: off
    return nn.Sequential(
        nn.Embedding(len(words), dim, 0, sparse=True, rng=rng),  # (N, length, dim); 0 is padding
        nn.Unsqueeze(1),                                        # (N, 1, length, dim): an image
        nn.Parallel(*(
            nn.Sequential(
                nn.Conv2d(1, filters, (width, dim), rng=rng),   # (N, filters, places, 1)
                nn.ReLU(),
                nn.MaxPool2d((length - width + 1, 1)),          # (N, filters, 1, 1): max over time
                nn.Flatten(),                                   # (N, filters)
            )
            for width in (3, 4, 5)
        )),                                                     # (N, 3 filters)
        nn.Dropout(0.5, rng=rng),
        nn.Linear(3 * filters, classes, rng=rng),
    )
    # fmt: on


def make_model(args, vocabulary):
    """Return a new model of the chosen variant."""
    if args.variant == "lecture":
        return lecture_network(vocabulary.words, dim=args.dim, filters=args.filters, rng=args.seed)
    vectors, dim = None, args.dim
    if args.embeddings is not None:
        vectors = load_embeddings(args.embeddings, vocabulary, rng=args.seed)
        dim = vectors.shape[1]
    return nn.models.textcnn(
        vocabulary.words,
        variant=args.variant,
        dim=dim,
        filters=args.filters,
        embeddings=vectors,
        rng=args.seed,
    )


def run_fold(args, fold):
    """Train on all folds but one; return the model, the training texts and the test accuracy."""
    if args.data is None:
        train, test = nn.datasets.movie_reviews(fold)
    else:
        train, test = nn.datasets.sentence_polarity(args.data, fold)
    train = train[: args.sentences]
    texts = train.texts
    # Without vectors from a file, the model knows nothing about a word that occurs once.
    vocabulary = Vocabulary.build(texts, min_count=2 if args.embeddings is None else 1)
    if args.variant == "lecture":
        train, test = (
            nn.ArrayDataset(vocabulary.encode(data.texts, LENGTH), data.y, data.classes)
            for data in (train, test)
        )
    else:
        train, test = train.encode(vocabulary), test.encode(vocabulary)
    model = make_model(args, vocabulary)
    history = nn.fit(
        model,
        train,
        epochs=args.epochs,
        batch_size=50,
        optimizer=nn.optim.Adadelta(model.parameters(), rho=0.95),
        callbacks=[MaxNorm(model[-1].weight, 3.0)],
        seed=args.seed,
    )
    accuracy = nn.evaluate(model, test).accuracy
    print(
        f"fold {fold}: test accuracy {accuracy:.2%} ({history.seconds:.0f} s of training)",
        flush=True,
    )
    return model, vocabulary, texts, accuracy


def show_filters(model, vocabulary, texts, count=3):
    """Print the n-grams that fire the filters that speak most clearly for a class."""
    weight = model[-1].weight.data
    order = np.argsort(weight[1] - weight[0], kind="stable")
    for name, chosen in (("negative", order[:count]), ("positive", order[: -count - 1 : -1])):
        numbers = chosen.tolist()
        for found in top_ngrams(model, texts, numbers, count=4, vocabulary=vocabulary):
            print(f"{name}: {found.label}: {' | '.join(ngram.text for ngram in found.ngrams)}")


def run_folds(args):
    """Train and test on each fold, and report."""
    accuracies = []
    for fold in range(args.folds):
        model, vocabulary, texts, accuracy = run_fold(args, fold)
        accuracies.append(accuracy)
    if len(accuracies) > 1:
        print(
            f"{len(accuracies)} folds: mean accuracy {statistics.mean(accuracies):.2%}, "
            f"standard deviation {statistics.stdev(accuracies):.2%}"
        )
    show_filters(model, vocabulary, texts)


def main():
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    variants = ("rand", "static", "non-static", "multichannel", "lecture")
    parser.add_argument(
        "--variant",
        choices=variants,
        default="rand",
        help="Kim's: random word vectors, fixed given ones, trained given ones, fixed and trained "
        "given ones at once; or 'lecture', the network without padding (default: %(default)s)",
    )
    parser.add_argument("--embeddings", metavar="FILE", help="word vectors of word2vec or GloVe")
    parser.add_argument("--data", metavar="DIR", help="Pang and Lee's rt-polaritydata instead")
    parser.add_argument(
        "--folds",
        type=int,
        choices=range(1, 11),
        default=1,
        metavar="N",
        help="how many of the ten folds to test on, in turn (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=10,
        help="passes over the training data (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of weights and batches (default: %(default)s)"
    )
    parser.add_argument("--sentences", type=int, help="train on the first N sentences only")
    parser.add_argument("--filters", type=int, default=100, help="filters of each width")
    parser.add_argument("--dim", type=int, default=300, help="numbers in a random word vector")
    args = parser.parse_args()
    given = args.variant in ("static", "non-static", "multichannel")
    if given != (args.embeddings is not None):
        parser.error("--embeddings goes with the variants static, non-static and multichannel")

    try:
        run_folds(args)
    except (OSError, ValueError) as error:  # a file that is missing or of another kind
        parser.exit(1, f"{parser.prog}: {error}\n")


if __name__ == "__main__":
    main()
