"""How OpenVINO runs inference: of an ONNX model, tuned for one request at a time, on the CPU."""

from __future__ import annotations

import importlib
import io
import platform
from typing import Any

import numpy as np
from case import Bound, Case
from networks import NETWORKS
from onnx_networks import serialised

openvino: Any = importlib.import_module("openvino")
_settings: dict[str, Any] = {
    "PERFORMANCE_HINT": "LATENCY",
    # By itself it computes in bfloat16 where the processor can.
    "INFERENCE_PRECISION_HINT": "f32",
}


def setup(threads: int | None) -> dict[str, Any]:
    """Set the number of threads; return a description of this library and process."""
    if threads is not None:
        _settings["INFERENCE_NUM_THREADS"] = threads
    return {
        "library": f"OpenVINO {openvino.__version__.partition('-')[0]}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "threads": threads,
        "config": dict(_settings),
    }


def bind(case: Case, layout: str) -> Bound:
    """Prepare inference on one batch; the input is read where it lies, the output copied."""
    arrays = case.arrays()
    model = serialised(NETWORKS[case.options["network"]], len(arrays["x"]), arrays)
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(io.BytesIO(model)), "CPU", _settings)
    request = compiled.create_infer_request()
    feed = {0: arrays["x"]}

    def run() -> Any:
        return request.infer(feed, share_inputs=True)[0]

    return Bound(run, lambda: [run()])
