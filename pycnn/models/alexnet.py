"""AlexNet: the network that won ImageNet's challenge of 2012, and its later form."""

from __future__ import annotations

from pycnn import init
from pycnn._arguments import integer, written
from pycnn.layers import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sequential,
)
from pycnn.models.registry import register

# Height and width of the input of the network as published.
SIZE = 227
# Standard deviation of the initial weights, and the layers whose biases start at 1, so that their
# ReLUs have positive inputs at first (section 5 of the paper).
WEIGHT_STD = 0.01
ONES = ("conv2", "conv4", "conv5", "fc6", "fc7")


@register
def alexnet(
    classes: int = 1000,
    variant: str = "2012",
    lrn: str = "paper",
    *,
    rng: init.Rng = None,
) -> Sequential:
    """AlexNet for colour images: five convolutions, three linear layers.

    As published (``"2012"``), for (N, 3, 227, 227) images of 0..255 less their mean:

    ======  =====================================  =============  =======  ==========
    layer   what it does                           output         neurons  parameters
    ======  =====================================  =============  =======  ==========
    conv1   96 filters 11x11, stride 4             96 x 55 x 55   290,400      34,944
    norm1   response normalisation, then pool1     96 x 27 x 27
    conv2   256 filters 5x5, padding 2, 2 groups   256 x 27 x 27  186,624     307,456
    norm2   response normalisation, then pool2     256 x 13 x 13
    conv3   384 filters 3x3, padding 1             384 x 13 x 13   64,896     885,120
    conv4   384 filters 3x3, padding 1, 2 groups   384 x 13 x 13   64,896     663,936
    conv5   256 filters 3x3, padding 1, 2 groups   256 x 13 x 13   43,264     442,624
    pool5                                          256 x 6 x 6
    fc6     linear, dropout                        4096             4,096  37,752,832
    fc7     linear, dropout                        4096             4,096  16,781,312
    fc8     linear                                 classes          1,000   4,097,000
    ======  =====================================  =============  =======  ==========

    60,965,224 parameters for 1000 classes. A ReLU follows every layer with weights but the last,
    in front of normalisation and pooling; pooling is 3x3 with stride 2, so that windows overlap;
    dropout has p = 0.5. Weights start from N(0, 0.01), biases at 1 in conv2, conv4, conv5, fc6 and
    fc7 and at 0 in the others.

    Parameters
    ----------
    classes : int
        Outputs.
    variant : {"2012", "torchvision"}
        The network as published, or torchvision's ``alexnet``, with its shapes, default initial
        values and names of parameters, so that its state dict loads: 64, 192, 384, 256 and 256
        filters without groups or normalisation, for images of 63x63 or more (trained on 224x224);
        61,100,840 parameters.
    lrn : {"paper", "mean"}
        Form of the response normalisation of "2012", with n = 5, alpha = 1e-4, beta = 0.75, k = 2:
        alpha as the paper has it, or divided by n, as in Caffe and PyTorch.
    rng : Generator, int or None
        Random numbers of the initial parameters and of dropout.

    Returns
    -------
    Sequential
        The model; its layers have the names of the table (or torchvision's).

    Raises
    ------
    ValueError
        If there is no such variant or form.

    Notes
    -----
    The paper prints 224x224. An 11x11 filter with stride 4 fits there at only 54 places a side, and
    (224 - 11) / 4 is not a whole number; the paper's 55x55 outputs need (227 - 11) / 4 + 1. (Later
    forms of the network take 224 and pad it by 2.) The caption of the paper's figure 2 counts
    253,440 neurons in the first layer (that is 96 x 55 x 48); 96 x 55 x 55 is 290,400. All other
    layers agree with it: 186,624, 64,896, 64,896, 43,264, 4096, 4096, 1000.

    References
    ----------
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks,
    2012. Krizhevsky: One weird trick for parallelizing convolutional neural networks, 2014 (the
    form that torchvision has).
    """
    integer("alexnet", "classes", classes, 1)
    generator = init.generator(rng, "alexnet")
    if variant == "2012":
        return _published(classes, lrn, generator)
    if variant == "torchvision":
        return _torchvision(classes, generator)
    raise ValueError(f"[alexnet] variant must be '2012' or 'torchvision', got {written(variant)}")


def response_norm(lrn: str) -> LocalResponseNorm:
    """Local response normalisation with the paper's constants."""
    return LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0, form=lrn)


def _published(classes: int, lrn: str, rng: init.Rng) -> Sequential:
    model = Sequential(
        {
            "conv1": Conv2d(3, 96, 11, stride=4, rng=rng),
            "relu1": ReLU(),
            "norm1": response_norm(lrn),
            "pool1": MaxPool2d(3, stride=2),
            "conv2": Conv2d(96, 256, 5, padding=2, groups=2, rng=rng),
            "relu2": ReLU(),
            "norm2": response_norm(lrn),
            "pool2": MaxPool2d(3, stride=2),
            "conv3": Conv2d(256, 384, 3, padding=1, rng=rng),
            "relu3": ReLU(),
            "conv4": Conv2d(384, 384, 3, padding=1, groups=2, rng=rng),
            "relu4": ReLU(),
            "conv5": Conv2d(384, 256, 3, padding=1, groups=2, rng=rng),
            "relu5": ReLU(),
            "pool5": MaxPool2d(3, stride=2),
            "flatten": Flatten(),
            "fc6": Linear(256 * 6 * 6, 4096, rng=rng),
            "relu6": ReLU(),
            "drop6": Dropout(0.5, rng=rng),
            "fc7": Linear(4096, 4096, rng=rng),
            "relu7": ReLU(),
            "drop7": Dropout(0.5, rng=rng),
            "fc8": Linear(4096, classes, rng=rng),
        }
    )
    for name, layer in model.items():
        if isinstance(layer, (Conv2d, Linear)):
            layer.weight.data[...] = init.normal(layer.weight.shape, WEIGHT_STD, rng)
            assert layer.bias is not None
            layer.bias.data[...] = 1.0 if name in ONES else 0.0
    return model


def _torchvision(classes: int, rng: init.Rng) -> Sequential:
    features = Sequential(
        Conv2d(3, 64, 11, stride=4, padding=2, rng=rng),
        ReLU(),
        MaxPool2d(3, stride=2),
        Conv2d(64, 192, 5, padding=2, rng=rng),
        ReLU(),
        MaxPool2d(3, stride=2),
        Conv2d(192, 384, 3, padding=1, rng=rng),
        ReLU(),
        Conv2d(384, 256, 3, padding=1, rng=rng),
        ReLU(),
        Conv2d(256, 256, 3, padding=1, rng=rng),
        ReLU(),
        MaxPool2d(3, stride=2),
    )
    classifier = Sequential(
        Dropout(0.5, rng=rng),
        Linear(256 * 6 * 6, 4096, rng=rng),
        ReLU(),
        Dropout(0.5, rng=rng),
        Linear(4096, 4096, rng=rng),
        ReLU(),
        Linear(4096, classes, rng=rng),
    )
    return Sequential(
        {
            "features": features,
            "avgpool": AdaptiveAvgPool2d((6, 6)),
            "flatten": Flatten(),
            "classifier": classifier,
        }
    )
