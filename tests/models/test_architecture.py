"""Architectures in checkpoints: every layer, containers, what is shared, and hostile files."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.annotations import layer_of
from support.layer_examples import EXAMPLES, ROWS
from support.small_training import same_bits

import pycnn as nn
from pycnn import io, layers
from pycnn.layers import Module
from pycnn.layers.architecture import MOST_DEPTH, architecture
from pycnn.layers.making import NOT_KEPT
from pycnn.models.stored import classes

CONTAINERS = {"Sequential", "Parallel", "Residual", "ModuleList", "ModuleDict"}
OF_TWO = {"MaxUnpool2d", "Bilinear", "CosineSimilarity", "PairwiseDistance"}  # take another input
CASES = [
    (name, *example)
    for name in classes()
    if name not in CONTAINERS | OF_TWO
    for example in EXAMPLES.get(name, [((), {}, ROWS)])
]


def inputs(model: Module, shape: tuple[int, ...]) -> Any:
    rng = np.random.default_rng(0)
    if model.input_dtype is np.int64:
        return rng.integers(0, 9, shape)
    return rng.standard_normal(shape).astype(np.float32)


def again(model: Module, folder: Path) -> Module:
    io.save(folder / "m.safetensors", model)
    return io.load_model(folder / "m.safetensors")


@pytest.mark.parametrize(("name", "args", "kwargs", "shape"), CASES)
def test_every_layer_comes_back(
    name: str, args: Any, kwargs: Any, shape: tuple[int, ...], tmp_path: Path
) -> None:
    layer = getattr(layers, name)(*args, **kwargs)
    loaded = again(layer, tmp_path)
    assert type(loaded) is type(layer)
    assert repr(loaded) == repr(layer)
    assert architecture(loaded, classes()) == architecture(layer, classes())
    assert loaded.state_dict().keys() == layer.state_dict().keys()
    x = inputs(layer, shape)
    assert np.array_equal(loaded.eval()(x), layer.eval()(x))


def test_layers_of_two_inputs_come_back(tmp_path: Path) -> None:
    for layer in (
        nn.MaxUnpool2d(3, 2, 1),
        nn.Bilinear(4, 3, 2, bias=False),
        nn.CosineSimilarity(-1, 1e-6),
        nn.PairwiseDistance(1.0, 1e-5, keepdim=True),
    ):
        loaded = again(layer, tmp_path)
        assert repr(loaded) == repr(layer)
        assert same_bits(loaded.state_dict(), layer.state_dict())


@pytest.mark.parametrize("name", sorted(set(classes()) - CONTAINERS - OF_TWO))
def test_every_argument_that_matters_is_stored(name: str) -> None:
    """Left out are those that PyTorch's programs give and pycnn ignores."""
    kind, ignored = getattr(layers, name), {"return_indices", "inplace", "recompute_scale_factor"}
    ignored |= {"max_norm", "norm_type", "scale_grad_by_freq", "centres", "arguments", "options"}
    ignored |= {"padding_mode"} if "Transpose" in name else set()
    wanted = set(inspect.signature(kind).parameters) - NOT_KEPT - ignored
    args, kwargs, _ = EXAMPLES.get(name, [((), {}, ROWS)])[0]
    assert wanted <= kind(*args, **kwargs)._made_with().keys()


def test_frozen_vectors_and_trained_centres_keep_their_kind(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    table = nn.Embedding.from_pretrained(vectors, padding_idx=1)
    loaded = again(nn.Sequential(table, nn.RBF(3, 2, trainable=True)), tmp_path)
    assert isinstance(layer_of(loaded, 0).weight, nn.Buffer)
    assert isinstance(layer_of(loaded, 1).centres, nn.Parameter)
    assert np.array_equal(layer_of(loaded, 0).weight.data, vectors)


def network() -> Module:
    shared = nn.Linear(6, 6)
    tied = nn.Linear(6, 6, bias=False)
    tied.weight = shared.weight
    return nn.Sequential(
        {
            "branches": nn.Parallel({"a": nn.Conv2d(1, 2, 3), "b": nn.Conv2d(1, 1, 3)}, axis=1),
            "block": nn.Residual(
                nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), nn.Identity()
            ),
            "flat": nn.Sequential(nn.GlobalAvgPool2d(), nn.Linear(3, 6)),
            "first": shared,
            "relu": nn.ReLU(),
            "again": shared,
            "tied": tied,
        }
    )


def test_containers_come_back_and_what_is_shared_stays_shared(tmp_path: Path) -> None:
    model = network()
    loaded: Any = again(model, tmp_path)
    assert repr(loaded) == repr(model)
    assert loaded["first"] is loaded["again"]
    assert loaded["tied"].weight is loaded["first"].weight
    assert len(list(loaded.parameters())) == len(list(model.parameters()))
    x = np.random.default_rng(0).standard_normal((2, 1, 6, 6)).astype(np.float32)
    assert np.array_equal(loaded.eval()(x), model.eval()(x))
    loaded.train()
    before = loaded["tied"].weight.data.copy()
    optimizer = nn.optim.SGD(loaded.parameters(), 0.1)
    loaded.backward(np.ones_like(loaded(x)))
    optimizer.step()
    assert not np.array_equal(before, loaded["tied"].weight.data)
    assert loaded["tied"].weight is loaded["first"].weight


def test_lists_and_dicts_of_modules_come_back(tmp_path: Path) -> None:
    relu = nn.ReLU()
    model = nn.ModuleDict(
        {"list": nn.ModuleList([nn.Linear(2, 3), relu, relu]), "none": nn.ModuleList()}
    )
    loaded: Any = again(model, tmp_path)
    assert repr(loaded) == repr(model)
    assert loaded["list"][1] is loaded["list"][2]


def test_a_changed_model_of_the_library_is_stored_as_it_is(tmp_path: Path) -> None:
    """A new head for other classes, as in fine-tuning."""
    model = nn.models.lenet5(rng=0)
    model[-1] = nn.Linear(84, 3)
    loaded = again(model, tmp_path)
    assert repr(loaded) == repr(model)
    assert loaded.spec is None
    assert again(nn.models.lenet5(rng=0), tmp_path).spec == ("lenet5", {"classes": 10})


def test_what_is_set_after_making_a_layer_is_stored(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5))
    layer_of(model, 0).bias = None
    layer_of(model, 1).eps = 1e-2
    layer_of(model, 2).p = 0.1
    loaded = again(model, tmp_path)
    assert layer_of(loaded, 0).bias is None
    assert (layer_of(loaded, 1).eps, layer_of(loaded, 2).p) == (1e-2, 0.1)


class Net(Module):
    def __init__(self, width: int = 3) -> None:
        self.linear = nn.Linear(4, width)

    def forward(self, x: Any) -> Any:
        return nn.functional.relu(self.linear(x))


def test_a_class_of_ones_own_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    model = nn.Sequential(Net(), nn.Linear(3, 2))
    io.save(path, model)
    with pytest.raises(ValueError, match=r"class .*Net at 0, .*load_model\(path, model\).*--model"):
        io.load_model(path)
    for maker in (
        lambda: nn.Sequential(Net(), nn.Linear(3, 2)),
        nn.Sequential(Net(), nn.Linear(3, 2)),
    ):
        loaded = io.load_model(path, maker)
        assert same_bits(loaded.state_dict(), model.state_dict())
    io.save(path, Net())
    assert isinstance(io.load_model(path, Net), Net)
    with pytest.raises(ValueError, match="does not fit"):
        io.load_model(path, lambda: Net(5))


@pytest.mark.parametrize("maker", [3, "Net", lambda: 3, int])
def test_what_makes_no_model_is_refused(maker: Any, tmp_path: Path) -> None:
    io.save(tmp_path / "m", Net())
    with pytest.raises(TypeError, match=r"^\[load_model\] "):
        io.load_model(tmp_path / "m", maker)


def scaled(layer: Any) -> Any:
    layer.forward = lambda x: 2 * x
    return layer


def with_scale(layer: Any) -> Any:
    layer.scale = nn.Parameter(np.ones(1, np.float32))
    return layer


def with_module(layer: Any) -> Any:
    layer.extra = nn.Tanh()
    return layer


@pytest.mark.parametrize(
    "model",
    [
        scaled(nn.ReLU()),
        with_scale(nn.Sequential(nn.ReLU())),
        with_module(nn.Linear(2, 2)),
    ],
)
def test_a_layer_that_was_made_another_is_ones_own(model: Module, tmp_path: Path) -> None:
    io.save(tmp_path / "m", model)
    with pytest.raises(ValueError, match="of which a file has only the numbers"):
        io.load_model(tmp_path / "m")


def test_a_module_set_on_a_row_of_layers_is_one_of_them(tmp_path: Path) -> None:
    assert repr(again(with_module(nn.Sequential(nn.ReLU())), tmp_path)) == repr(
        nn.Sequential({"0": nn.ReLU(), "extra": nn.Tanh()})
    )


def test_frozen_parameters_are_trained_again_as_in_pytorch(tmp_path: Path) -> None:
    loaded = again(nn.Sequential(nn.Linear(2, 2)).freeze(), tmp_path)
    assert all(parameter.requires_grad for parameter in loaded.parameters())


def linear(**arguments: Any) -> dict[str, Any]:
    return {"class": "Linear", "arguments": {"in_features": 2, "out_features": 2, **arguments}}


def sequence(*nodes: Any) -> dict[str, Any]:
    return {"class": "Sequential", "children": {str(i): node for i, node in enumerate(nodes)}}


def deep(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"class": "ReLU"}
    for _ in range(depth):
        node = sequence(node)
    return node


def doubling(depth: int) -> dict[str, Any]:
    """Each level holds the one below twice: few nodes, two to the power of `depth` modules."""
    node: dict[str, Any] = {"class": "ReLU"}
    for level in reversed(range(depth)):
        node = sequence(node, {"same": ".".join("0" * (level + 1))})
    return node


HOSTILE: list[tuple[Any, str]] = [
    (3, "cannot be read"),
    ({"root": {"class": "ReLU"}}, "cannot be read"),
    ({"version": True, "root": {"class": "ReLU"}}, "cannot be read"),
    ({"version": 2, "root": {"class": "ReLU"}}, "of a newer pycnn"),
    ({"version": 1}, "no node"),
    (None, "no node"),
    ({"class": "os.system"}, "not a layer of this pycnn"),
    ({"class": "Module"}, "not a layer of this pycnn"),
    ({"class": ["Linear"]}, "not a layer of this pycnn"),
    ({"class": "Linear"}, "missing 2 required"),
    ({"class": "Linear", "arguments": [2, 2]}, "no mapping"),
    (linear(rng=3), "takes no argument 'rng'"),
    (linear(hooks=3), "takes no argument 'hooks'"),
    (linear(in_features="2"), "in_features must be an int"),
    (linear(in_features=-1), "in_features"),
    (linear(in_features=10**40), "larger than all numbers"),
    (linear(in_features=2_000_000, out_features=2_000_000), "the file has"),
    (linear(in_features={"rows": ["01"]}), "in_features"),
    (linear(in_features={"__class__": "x"}), "is a mapping"),
    (linear(bias=1), "bias must be True or False"),
    ({"class": "LayerNorm", "arguments": {"normalized_shape": [90_000, 90_000]}}, "the file has"),
    (
        {"class": "RBF", "arguments": {"in_features": 90_000, "out_features": 90_000}},
        "the file has",
    ),
    (
        {
            "class": "Embedding",
            "arguments": {"num_embeddings": 90_000, "embedding_dim": 90_000, "frozen": True},
        },
        "the file has",
    ),
    ({"class": "Reshape", "arguments": {"shape": 3}}, "takes a list"),
    ({"class": "ReLU", "children": {"0": {"class": "ReLU"}}}, "no modules below"),
    ({"class": "Sequential", "arguments": {"layers": []}}, "takes no argument 'layers'"),
    ({"class": "Sequential", "children": {"a.b": {"class": "ReLU"}}}, "dot"),
    ({"class": "ModuleList", "children": {"1": {"class": "ReLU"}}}, "has the name '0'"),
    ({"class": "Residual", "children": {"head": {"class": "ReLU"}}}, "head"),
    ({"class": "Parallel"}, "at least one branch"),
    (sequence({"same": "1"}), "not come before"),
    (sequence({"same": ""}), "not come before"),
    (sequence({"same": []}), "not come before"),
    (deep(MOST_DEPTH + 1), "deeper than"),
    (doubling(40), "more than 10,000 modules"),
    ({"class": "Conv2d", "arguments": {"connections": {"rows": ["01", "1"]}}}, "is a mapping"),
]


@pytest.mark.parametrize(("node", "text"), HOSTILE)
def test_hostile_architectures_are_only_ever_errors(node: Any, text: str, tmp_path: Path) -> None:
    stored = node
    if not isinstance(node, int) and not (
        isinstance(node, dict) and {"root", "version"} & set(node)
    ):
        stored = {"version": 1, "root": node}
    write(tmp_path / "m", stored)
    with pytest.raises(ValueError, match=text):
        io.load_model(tmp_path / "m")


def write(path: Path, stored: Any) -> None:
    metadata = {"pycnn": json.dumps({"architecture": stored})}
    save_file(
        {"weight": np.zeros((2, 2), np.float32), "bias": np.zeros(2, np.float32)}, path, metadata
    )


@pytest.mark.parametrize(
    ("shared", "text"),
    [
        (3, "no list"),
        ([["weight"]], "no list of names"),
        ([["weight", "forward"]], "no parameter or buffer 'forward'"),
        ([["weight", 3]], "no parameter or buffer 3"),
        ([["weight", "bias"]], "bias cannot be weight"),
    ],
)
def test_hostile_sharing_is_an_error(shared: Any, text: str, tmp_path: Path) -> None:
    write(tmp_path / "m", {"version": 1, "root": linear(), "shared": shared})
    with pytest.raises(ValueError, match=text):
        io.load_model(tmp_path / "m")


def test_a_model_of_too_many_or_too_deep_modules_is_saved_without_them(tmp_path: Path) -> None:
    model: Module = nn.ReLU()
    for _ in range(MOST_DEPTH + 1):
        model = nn.Sequential(model)
    io.save(tmp_path / "m", model)
    with pytest.raises(ValueError, match="deeper than"):
        io.load_model(tmp_path / "m")
    assert io.load_model(tmp_path / "m", model) is model
