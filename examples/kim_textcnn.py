"""Train Kim's text network (2014) on film reviews, written as people write it for PyTorch.

A `Conv2d` over the word vectors, a maximum over time by `max_pool1d`, and `cat`. `pycnn train
textcnn` has the same network in a row of layers.
"""

import argparse

import pycnn as nn
import pycnn.functional as F
from pycnn.text import Vocabulary

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=5, help="passes over the training sentences")
parser.add_argument("--samples", type=int, help="train and test on this many sentences only")
args = parser.parse_args()


class TextCNN(nn.Module):
    """Filters of several widths over the vectors of a sentence's words."""

    def __init__(self, words, dim=300, classes=2, filters=100, widths=(3, 4, 5), dropout=0.5):
        super().__init__()
        self.embed = nn.Embedding(words, dim, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv2d(1, filters, (width, dim)) for width in widths])
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(len(widths) * filters, classes)

    def forward(self, x):
        """Return a score for each class of sentences (N, L) of word numbers."""
        x = self.embed(x)  # (N, L, dim)
        x = x.unsqueeze(1)  # (N, 1, L, dim)
        x = [F.relu(conv(x)).squeeze(3) for conv in self.convs]  # (N, filters, places) each
        x = [F.max_pool1d(i, i.size(2)).squeeze(2) for i in x]  # (N, filters) each
        x = nn.cat(x, 1)
        return self.fc(self.dropout(x))


nn.manual_seed(0)
train, test = (part[: args.samples] for part in nn.datasets.movie_reviews(0))
vocabulary = Vocabulary.build(train.texts, min_count=2)
model = TextCNN(len(vocabulary.words))
history = nn.fit(
    model,
    train.encode(vocabulary),
    epochs=args.epochs,
    batch_size=50,
    optimizer=nn.optim.Adadelta(model.parameters(), rho=0.95),
)
accuracy = nn.evaluate(model, test.encode(vocabulary)).accuracy
print(f"test accuracy {accuracy:.2%} ({history.seconds:.0f} s of training)")
