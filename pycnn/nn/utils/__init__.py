"""What is done to the parameters and gradients of a whole model, or of one layer."""

from pycnn.nn.utils.weight_norm import remove_weight_norm, weight_norm
from pycnn.optim import clip_grad_norm, clip_grad_value

clip_grad_norm_ = clip_grad_norm
clip_grad_value_ = clip_grad_value

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "remove_weight_norm",
    "weight_norm",
]
