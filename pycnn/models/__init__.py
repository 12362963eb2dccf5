"""Models, each a function that returns a new one.

- `lenet5`: 28x28 grey images
- `neocognitron`: the same, learned without gradients but for the readout
- `available`, `create`: all of them, by name
- `register`: decorator for a model of your own
"""

from pycnn.models.lenet5 import lenet5
from pycnn.models.neocognitron import neocognitron
from pycnn.models.registry import available, create, register

__all__ = ["available", "create", "lenet5", "neocognitron", "register"]
