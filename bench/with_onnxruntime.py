"""How onnxruntime runs inference: of an ONNX model with all of its optimisations, on the CPU."""

from __future__ import annotations

import importlib
import platform
from typing import Any

import numpy as np
from case import Bound, Case
from networks import NETWORKS
from onnx_networks import serialised

onnxruntime: Any = importlib.import_module("onnxruntime")
_options: Any = onnxruntime.SessionOptions()


def setup(threads: int | None) -> dict[str, Any]:
    """Set the number of threads; return a description of this library and process."""
    if threads is not None:
        _options.intra_op_num_threads = threads
    return {
        "library": f"onnxruntime {onnxruntime.__version__}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "threads": threads,
        "config": {"optimisations": str(_options.graph_optimization_level)},
    }


def bind(case: Case, layout: str) -> Bound:
    """Prepare inference on one batch."""
    arrays = case.arrays()
    model = serialised(NETWORKS[case.options["network"]], len(arrays["x"]), arrays)
    session = onnxruntime.InferenceSession(model, _options, providers=["CPUExecutionProvider"])
    feed = {"v0": arrays["x"]}

    def run() -> Any:
        return session.run(None, feed)

    return Bound(run, run)
