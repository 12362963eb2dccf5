"""PyTorch's questions about the GPUs of another maker, which pycnn does not use."""


def is_available() -> bool:
    """Return False."""
    return False


def is_built() -> bool:
    """Return False."""
    return False
