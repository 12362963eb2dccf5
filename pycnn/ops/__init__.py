"""Pure functions on arrays: each layer's forward pass, and one function for each gradient.

Arrays are ``numpy.ndarray``, float32, C-contiguous, images in NCHW order. Nothing is cast or copied
silently: another dtype is a ``TypeError``, a non-contiguous array or an impossible geometry a
``ValueError`` that names the op and both shapes. `pycnn.reference` has the same functions in NumPy,
but for `conv2d_algorithm`, which only tells of the choice made here.

Results are the same bits for any number of threads. Denormal numbers count as zero. NaN passes
through, unless dropout drops it.
"""

from pycnn.ops.activation import (
    gelu,
    gelu_backward,
    leaky_relu,
    leaky_relu_backward,
    relu,
    relu_backward,
    sigmoid,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from pycnn.ops.adaptive import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    adaptive_max_pool2d,
)
from pycnn.ops.class_loss import map_loss, map_loss_backward, nll_loss, nll_loss_backward
from pycnn.ops.conv import (
    conv2d,
    conv2d_algorithm,
    conv2d_backward_input,
    conv2d_backward_weight,
    conv2d_relu,
)
from pycnn.ops.conv_pooled import conv2d_relu_max_pool2d, conv2d_relu_max_pool2d_backward
from pycnn.ops.conv_transpose import (
    conv_transpose2d,
    conv_transpose2d_backward_input,
    conv_transpose2d_backward_weight,
)
from pycnn.ops.dropout import dropout, dropout_backward
from pycnn.ops.embedding import embedding, embedding_backward
from pycnn.ops.linear import (
    linear,
    linear_backward,
    linear_backward_input,
    linear_backward_weight,
    linear_relu,
)
from pycnn.ops.local_response_norm import local_response_norm, local_response_norm_backward
from pycnn.ops.loss import softmax_cross_entropy, softmax_cross_entropy_backward
from pycnn.ops.norm import (
    batch_norm2d,
    batch_norm2d_backward,
    channel_affine,
    channel_affine_backward,
)
from pycnn.ops.optim import adadelta_step, adam_step, rmsprop_step, sgd_step
from pycnn.ops.pointwise_loss import (
    bce_with_logits,
    bce_with_logits_backward,
    mse_loss,
    mse_loss_backward,
)
from pycnn.ops.pool import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from pycnn.ops.rbf import rbf, rbf_backward
from pycnn.ops.resize import upsample2d, upsample2d_backward, zero_pad2d, zero_pad2d_backward
from pycnn.ops.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

__all__ = [
    "adadelta_step",
    "adam_step",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm2d",
    "batch_norm2d_backward",
    "bce_with_logits",
    "bce_with_logits_backward",
    "channel_affine",
    "channel_affine_backward",
    "conv2d",
    "conv2d_algorithm",
    "conv2d_backward_input",
    "conv2d_backward_weight",
    "conv2d_relu",
    "conv2d_relu_max_pool2d",
    "conv2d_relu_max_pool2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward_input",
    "conv_transpose2d_backward_weight",
    "dropout",
    "dropout_backward",
    "embedding",
    "embedding_backward",
    "gelu",
    "gelu_backward",
    "leaky_relu",
    "leaky_relu_backward",
    "linear",
    "linear_backward",
    "linear_backward_input",
    "linear_backward_weight",
    "linear_relu",
    "local_response_norm",
    "local_response_norm_backward",
    "log_softmax",
    "log_softmax_backward",
    "map_loss",
    "map_loss_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "mse_loss",
    "mse_loss_backward",
    "nll_loss",
    "nll_loss_backward",
    "rbf",
    "rbf_backward",
    "relu",
    "relu_backward",
    "rmsprop_step",
    "sgd_step",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "tanh",
    "tanh_backward",
    "upsample2d",
    "upsample2d_backward",
    "zero_pad2d",
    "zero_pad2d_backward",
]
