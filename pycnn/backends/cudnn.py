"""PyTorch's switches for a library of NVIDIA's, which pycnn does not use: they change nothing."""

enabled = False
benchmark = False
deterministic = True
