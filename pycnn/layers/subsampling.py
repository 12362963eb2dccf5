"""LeNet's pooling: the sum of a window, with a trainable scale and shift of each channel."""

from __future__ import annotations

import numpy as np

from pycnn import init, ops
from pycnn._arguments import integer, pair
from pycnn.layers.images import check_channels
from pycnn.layers.module import Module
from pycnn.layers.parameter import Array, Parameter, Shape


class Subsampling(Module):
    """Trainable sub-sampling: ``y = weight[c] * (sum of the window) + bias[c]``.

    The windows do not overlap; rows and columns that do not fill one are left out. LeNet-5's S2 is
    ``Subsampling(6)``, with 12 parameters, and S4 ``Subsampling(16)``, with 32. A squashing
    function follows it there: `pycnn.ScaledTanh`.

    Parameters
    ----------
    channels : int
        Channels C.
    kernel_size : int or (int, int)
        Height and width of the window.
    rng : Generator, int or None
        Random numbers of the initial values, U(+-1 / sqrt(window)).

    Attributes
    ----------
    weight, bias : Parameter, (C,)
        Coefficient and offset of each channel.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998, section II.B.
    """

    def __init__(
        self, channels: int, kernel_size: int | tuple[int, int] = 2, *, rng: init.Rng = None
    ) -> None:
        self.channels = integer("Subsampling", "channels", channels, 1)
        self.kernel_size = pair("Subsampling", "kernel_size", kernel_size, 1)
        generator = init.generator(rng, "Subsampling")
        bound = init.default_bound((1, *self.kernel_size))
        self.weight = Parameter(init.uniform((channels,), bound, generator))
        self.bias = Parameter(init.uniform((channels,), bound, generator))

    def forward(self, x: Array) -> Array:
        """Sum, scale and shift: (N, C, H, W) to (N, C, H // kernel, W // kernel)."""
        check_channels(np.shape(x), self.channels)
        sums = ops.avg_pool2d(x, self.kernel_size, divisor_override=1)
        self.save_for_backward(sums, x.shape)
        return ops.channel_affine(sums, self.weight.data, self.bias.data)

    def backward(self, dy: Array) -> Array:
        """Accumulate the gradients of weight and bias, and return that of the input."""
        sums, shape = self.saved()
        dsums, dweight, dbias = ops.channel_affine_backward(dy, sums, self.weight.data)
        self.weight.accumulate(dweight)
        self.bias.accumulate(dbias)
        return ops.avg_pool2d_backward(dsums, shape, self.kernel_size, divisor_override=1)

    def flop(self, input_shape: Shape, output_shape: Shape) -> int:
        """Operations of a forward pass: 2 for each output; the sums hold no product."""
        n, c, p, q = output_shape
        return 2 * n * c * p * q

    def _arguments(self) -> str:
        return f"{self.channels}, kernel_size={self.kernel_size}"
