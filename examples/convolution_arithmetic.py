"""Draw how a convolution works, step by step: four pictures and an animation."""

import argparse
from pathlib import Path

from pycnn.plot import convolution_animation, convolution_arithmetic

IMAGE = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder (default: .)")
out = parser.parse_args().out
out.mkdir(parents=True, exist_ok=True)

# 3x3 over 5x5: stride 1 without padding, then stride 2 with a border of one zero.
convolution_arithmetic(IMAGE, KERNEL, out / "convolution.png")
convolution_arithmetic(IMAGE, KERNEL, out / "convolution_padded.png", padding=1, stride=2)
frames = convolution_animation(
    IMAGE, KERNEL, out / "convolution_arithmetic.gif", padding=1, stride=2
)
# The window of a dilated kernel, and a transposed convolution; both drawn without numbers.
convolution_arithmetic(7, 3, out / "convolution_dilated.png", dilation=2)
convolution_arithmetic(2, 3, out / "convolution_transposed.png", stride=2, transposed=True)
print(f"four pictures and an animation of {frames} frames in {out.resolve()}")
