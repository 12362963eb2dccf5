"""Pictures, drawn with matplotlib and Pillow (the extra ``plot``).

Every function returns a matplotlib Figure, which pyplot does not know, and writes it to a file if a
path is given; the ending of the path determines the format (png, svg, pdf). A notebook shows the
figure where a cell ends in it.

- `learning_curve`: loss and accuracy over the epochs
- `learning_rates`: the losses of `pycnn.training.lr_find`
- `confusion_matrix`, `misclassified`: what a network gets wrong
- `filters`, `feature_maps`, `ngrams`: what it looks for, in images and in text
- `architecture`: the network as stacks of planes
- `convolution_arithmetic`, `convolution_animation`: the steps of a convolution, as picture and GIF
- `Animation`: a GIF that a notebook plays
"""

from pycnn.plot.animation import Animation
from pycnn.plot.architecture import architecture
from pycnn.plot.confusion import confusion_counts, confusion_matrix
from pycnn.plot.convolution import convolution_animation, convolution_arithmetic
from pycnn.plot.curves import learning_curve
from pycnn.plot.feature_maps import feature_maps
from pycnn.plot.filters import filters
from pycnn.plot.misclassified import misclassified, surest_errors
from pycnn.plot.ngrams import ngrams
from pycnn.plot.rates import learning_rates

__all__ = [
    "Animation",
    "architecture",
    "confusion_counts",
    "confusion_matrix",
    "convolution_animation",
    "convolution_arithmetic",
    "feature_maps",
    "filters",
    "learning_curve",
    "learning_rates",
    "misclassified",
    "ngrams",
    "surest_errors",
]
