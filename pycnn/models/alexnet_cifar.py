"""AlexNet in small: the same kinds of layers for images of 32x32."""

from __future__ import annotations

from pycnn import init
from pycnn._arguments import integer
from pycnn.layers import (
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
)
from pycnn.models.alexnet import response_norm
from pycnn.models.registry import register


@register
def alexnet_cifar(classes: int = 10, lrn: str = "paper", *, rng: init.Rng = None) -> Sequential:
    """AlexNet for (N, 3, 32, 32) images: three convolutions, two linear layers.

    ======  =====================================  =============  =======  ==========
    layer   what it does                           output         neurons  parameters
    ======  =====================================  =============  =======  ==========
    conv1   48 filters 5x5, padding 2              48 x 32 x 32    49,152       3,648
    norm1   response normalisation, then pool1     48 x 15 x 15
    conv2   128 filters 5x5, padding 2, 2 groups   128 x 15 x 15   28,800      76,928
    norm2   response normalisation, then pool2     128 x 7 x 7
    conv3   192 filters 3x3, padding 1             192 x 7 x 7      9,408     221,376
    pool3                                          192 x 3 x 3
    fc4     linear, dropout                        512                512     885,248
    fc5     linear                                 classes             10       5,130
    ======  =====================================  =============  =======  ==========

    1,192,330 parameters for 10 classes. Half as many filters as AlexNet has in its first layers, a
    small stride and small filters for small images; what follows each layer is AlexNet's: ReLU,
    response normalisation with n = 5, alpha = 1e-4, beta = 0.75 and k = 2, overlapping pooling 3/2,
    dropout 0.5. The weights start from He's N(0, 2 / fan-in), the biases at 0: there are too few
    layers and inputs for N(0, 0.01).

    Parameters
    ----------
    classes : int
        Outputs.
    lrn : {"paper", "mean"}
        Form of the response normalisation, as for `alexnet`.
    rng : Generator, int or None
        Random numbers of the initial parameters and of dropout.

    Returns
    -------
    Sequential
        The model; its layers have the names of the table.

    Raises
    ------
    ValueError
        If there is no such form.
    """
    integer("alexnet_cifar", "classes", classes, 1)
    rng = init.generator(rng, "alexnet_cifar")
    model = Sequential(
        {
            "conv1": Conv2d(3, 48, 5, padding=2, rng=rng),
            "relu1": ReLU(),
            "norm1": response_norm(lrn),
            "pool1": MaxPool2d(3, stride=2),
            "conv2": Conv2d(48, 128, 5, padding=2, groups=2, rng=rng),
            "relu2": ReLU(),
            "norm2": response_norm(lrn),
            "pool2": MaxPool2d(3, stride=2),
            "conv3": Conv2d(128, 192, 3, padding=1, rng=rng),
            "relu3": ReLU(),
            "pool3": MaxPool2d(3, stride=2),
            "flatten": Flatten(),
            "fc4": Linear(192 * 3 * 3, 512, rng=rng),
            "relu4": ReLU(),
            "drop4": Dropout(0.5, rng=rng),
            "fc5": Linear(512, classes, rng=rng),
        }
    )
    for layer in model:
        if isinstance(layer, (Conv2d, Linear)):
            layer.weight.data[...] = init.kaiming_normal(layer.weight.shape, rng)
            assert layer.bias is not None
            layer.bias.data[...] = 0.0
    return model
