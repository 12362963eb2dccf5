"""What importing pycnn costs and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_import_takes_less_than_a_quarter_of_a_second() -> None:
    code = (
        "from time import process_time; start = process_time(); import pycnn; "
        "print(process_time() - start)"
    )
    # Of the processor, which other programs do not take away; the first run may write byte code.
    assert any(float(run(code)) < 0.25 for _ in range(10))


def test_import_leaves_optional_and_slow_modules_alone() -> None:
    code = "import pycnn, sys; print(*sys.modules)"
    loaded = set(run(code).split())
    assert "pycnn" in loaded
    heavy = {"matplotlib", "PIL", "tqdm", "safetensors", "argparse", "urllib.request", "torch"}
    assert loaded & heavy == set()


def test_import_is_silent_and_leaves_the_global_random_state() -> None:
    code = (
        "import numpy as np; np.random.seed(0); a = np.random.get_state()[1].copy(); "
        "import pycnn; pycnn.models.lenet5(); assert (np.random.get_state()[1] == a).all()"
    )
    assert run(code) == ""
