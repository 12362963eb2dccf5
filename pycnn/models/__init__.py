"""Models, each a function that returns a new one.

- `lenet5`: 28x28 grey images
- `lenet5_1998`: LeNet-5 as published
- `alexnet`: 227x227 colour images; `alexnet_cifar`: 32x32
- `resnet18`, `vgg11_bn`, `mobilenet_v2`: with the names of torchvision's parameters
- `neocognitron`: 28x28 grey images, learned without gradients except for the readout
- `textcnn`: sentences, as numbers of words
- `connections`: the connections of each layer, as the papers of the 1990s count them
- `available`, `create`: all models by name
- `register`: decorator for a model of your own
"""

from pycnn.models.alexnet import alexnet
from pycnn.models.alexnet_cifar import alexnet_cifar
from pycnn.models.connections import connections
from pycnn.models.lenet5 import lenet5
from pycnn.models.lenet5_1998 import lenet5_1998
from pycnn.models.mobilenet import mobilenet_v2
from pycnn.models.neocognitron import neocognitron
from pycnn.models.registry import available, create, register
from pycnn.models.resnet import resnet18
from pycnn.models.textcnn import textcnn
from pycnn.models.vgg import vgg11_bn

__all__ = [
    "alexnet",
    "alexnet_cifar",
    "available",
    "connections",
    "create",
    "lenet5",
    "lenet5_1998",
    "mobilenet_v2",
    "neocognitron",
    "register",
    "resnet18",
    "textcnn",
    "vgg11_bn",
]
