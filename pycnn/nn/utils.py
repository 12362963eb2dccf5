"""What is done to the parameters and gradients of a whole model."""

from pycnn.optim import clip_grad_norm

clip_grad_norm_ = clip_grad_norm

__all__ = ["clip_grad_norm", "clip_grad_norm_"]
