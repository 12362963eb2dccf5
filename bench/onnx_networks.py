"""The networks of `networks.py` as ONNX models, with the parameters of a case, for inference."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from case import Array
from networks import Network
from sketch import Step

onnx: Any = importlib.import_module("onnx")

# Both runtimes have all of these versions.
_OPSET, _IR = 17, 9
_PLAIN = {
    "relu": "Relu",
    "flatten": "Flatten",
    "add": "Add",
    "maximum": "GlobalMaxPool",
    "mean": "GlobalAveragePool",
}


def serialised(network: Network, n: int, arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of a model for batches of n; batch norm is left for the runtime to fold."""
    helper = onnx.helper
    nodes = [node for i, step in enumerate(network.steps, 1) for node in _nodes(step, f"v{i}")]
    constants = {name: arrays[name] for name in network.state}
    constants |= {"least": np.array(0, np.float32), "most": np.array(6, np.float32)}
    constants["channel"] = np.array([1])
    read = {name for node in nodes for name in node.input}
    types = onnx.TensorProto
    kind = types.INT64 if network.words else types.FLOAT
    result = f"v{len(network.steps)}"
    graph = helper.make_graph(
        nodes,
        network.model,
        [helper.make_tensor_value_info("v0", kind, (n, *network.sample))],
        [helper.make_tensor_value_info(result, types.FLOAT, (n, *network.steps[-1].shape))],
        [onnx.numpy_helper.from_array(a, name) for name, a in constants.items() if name in read],
    )
    versions = [helper.make_opsetid("", _OPSET)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=_IR)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    return data


def _nodes(step: Step, output: str) -> Iterator[Any]:
    make = onnx.helper.make_node
    inputs, o, names = [f"v{i}" for i in step.inputs], step.options, list(step.parameters)
    match step.op:
        case "conv":
            top, bottom, left, right = o["padding"]
            yield make(
                "Conv",
                [*inputs, *names],
                [output],
                kernel_shape=o["kernel"],
                strides=[o["stride"]] * 2,
                pads=[top, left, bottom, right],
                group=o["groups"],
            )
        case "linear":
            yield make("Gemm", [*inputs, *names], [output], transB=1)
        case "norm":
            yield make("BatchNormalization", [*inputs, *names], [output], epsilon=1e-5)
        case "relu6":
            yield make("Clip", [*inputs, "least", "most"], [output])
        case "response_norm":
            # ONNX divides alpha by the size of the window; the paper does not.
            yield make("LRN", inputs, [output], size=5, alpha=5 * 1e-4, beta=0.75, bias=2.0)
        case "max_pool":
            size, stride = [o["size"]] * 2, [o["stride"]] * 2
            yield make("MaxPool", inputs, [output], kernel_shape=size, strides=stride)
        case "mean" | "maximum":
            yield make(_PLAIN[step.op], inputs, [f"{output}.image"])
            yield make("Flatten", [f"{output}.image"], [output])
        case "embedding":
            yield make("Gather", [names[0], *inputs], [f"{output}.rows"])
            yield make("Unsqueeze", [f"{output}.rows", "channel"], [output])
        case "dropout":
            yield make("Identity", inputs, [output])
        case "concatenate":
            yield make("Concat", inputs, [output], axis=1)
        case _:
            yield make(_PLAIN[step.op], inputs, [output])
