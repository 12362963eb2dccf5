"""LeNet-5 in its modern form: ReLU and max-pooling, full connections, a linear output."""

from __future__ import annotations

from pycnn import init
from pycnn._arguments import integer
from pycnn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential
from pycnn.models.registry import register


@register
def lenet5(classes: int = 10, *, rng: init.Rng = None) -> Sequential:
    """LeNet-5 for (N, 1, 28, 28) images: two convolutions, three linear layers.

    Parameters
    ----------
    classes : int
        Outputs.
    rng : Generator, int or None
        Random numbers of the initial parameters.

    Returns
    -------
    Sequential
        The model; 61,706 parameters for 10 classes.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition,
    1998, figure 2. Padding 2 stands for its 32x32 input.
    """
    integer("lenet5", "classes", classes, 1)
    rng = init.generator(rng, "lenet5")
    return Sequential(
        Conv2d(1, 6, 5, padding=2, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Conv2d(6, 16, 5, rng=rng),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(400, 120, rng=rng),
        ReLU(),
        Linear(120, 84, rng=rng),
        ReLU(),
        Linear(84, classes, rng=rng),
    )
