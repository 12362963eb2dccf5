"""The specification: every op of `pycnn.ops` in plain NumPy, readable above all.

Names, arguments and results are those of `pycnn.ops`, but any floating dtype is accepted and kept:
the tests call these functions in float64 and judge the float32 kernels by them. The reference
checks only the geometry that it needs to be meaningful; it is slow on purpose, and no op here
calls another implementation.
"""

from pycnn.reference.activation import (
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
from pycnn.reference.adaptive import (
    adaptive_avg_pool2d,
    adaptive_avg_pool2d_backward,
    adaptive_max_pool2d,
)
from pycnn.reference.class_loss import map_loss, map_loss_backward, nll_loss, nll_loss_backward
from pycnn.reference.conv import conv2d, conv2d_backward_input, conv2d_backward_weight, conv2d_relu
from pycnn.reference.conv_pooled import conv2d_relu_max_pool2d, conv2d_relu_max_pool2d_backward
from pycnn.reference.conv_transpose import (
    conv_transpose2d,
    conv_transpose2d_backward_input,
    conv_transpose2d_backward_weight,
)
from pycnn.reference.dropout import dropout, dropout_backward
from pycnn.reference.embedding import embedding, embedding_backward
from pycnn.reference.linear import (
    linear,
    linear_backward,
    linear_backward_input,
    linear_backward_weight,
    linear_relu,
)
from pycnn.reference.local_response_norm import (
    local_response_norm,
    local_response_norm_backward,
)
from pycnn.reference.loss import softmax_cross_entropy, softmax_cross_entropy_backward
from pycnn.reference.norm import (
    batch_norm2d,
    batch_norm2d_backward,
    channel_affine,
    channel_affine_backward,
)
from pycnn.reference.optim import adadelta_step, adam_step, rmsprop_step, sgd_step
from pycnn.reference.pointwise_loss import (
    bce_with_logits,
    bce_with_logits_backward,
    mse_loss,
    mse_loss_backward,
)
from pycnn.reference.pool import (
    avg_pool2d,
    avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)
from pycnn.reference.rbf import rbf, rbf_backward
from pycnn.reference.resize import upsample2d, upsample2d_backward, zero_pad2d, zero_pad2d_backward
from pycnn.reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

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
