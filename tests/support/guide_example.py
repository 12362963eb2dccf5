"""The example of "A guide to convolution arithmetic", figure 1.1."""

IMAGE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]


KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
