"""Trained networks run by plans: traced once, simplified, with layouts and memory assigned."""

from pycnn.inference.session import InferenceSession

__all__ = ["InferenceSession"]
