"""Modules and parameters in a plain list would be neither trained nor saved: they are refused."""

from __future__ import annotations

import copy
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.annotations import layer_of
from support.small_training import blobs

from pycnn import fit, load, save
from pycnn.layers import (
    Buffer,
    Flatten,
    Linear,
    Module,
    Parallel,
    Parameter,
    ReLU,
    Residual,
    Sequential,
)
from pycnn.optim import SGD

Array = np.ndarray


class Empty(Module):
    """Has nothing yet."""

    def forward(self, x: Array) -> Array:
        return x

    def backward(self, dy: Array) -> Array:
        return dy


class Own(list[Any]):
    """A list of one's own."""


def grid(*items: Any) -> Array:
    array = np.empty(len(items), object)
    array[:] = items
    return array


CONTAINERS: dict[str, Callable[[Any], Any]] = {
    "list": lambda item: [1, item],
    "tuple": lambda item: ("name", item),
    "dict": lambda item: {"name": item},
    "keys": lambda item: {item: "name"},
    "set": lambda item: {item},
    "frozenset": lambda item: frozenset([item]),
    "deque": lambda item: deque([item]),
    "nested": lambda item: [[], {"deep": ((item,),)}],
    "subclass": lambda item: Own([item]),
    "ordered": lambda item: OrderedDict(a=item),
    "proxy": lambda item: MappingProxyType({"a": item}),
    "view": lambda item: {"a": item}.values(),
    "array": lambda item: grid(None, item),
}


@pytest.mark.parametrize("kind", CONTAINERS)
@pytest.mark.parametrize("make", [ReLU, lambda: Parameter(np.ones(2)), lambda: Buffer(np.ones(2))])
def test_modules_and_parameters_in_a_container_are_refused(
    kind: str, make: Callable[[], Any]
) -> None:
    model: Any = Empty()
    item = make()
    model.layers = "before"
    with pytest.raises(
        TypeError,
        match=rf"^\[Empty\] layers is a .*{type(item).__name__}.*Sequential or Parallel",
    ):
        model.layers = CONTAINERS[kind](item)
    assert model.layers == "before"
    with pytest.raises(TypeError, match="neither trained nor saved"):
        model._hidden = CONTAINERS[kind](item)
    assert not hasattr(model, "_hidden")
    model.layer = item  # its own attribute: now it is found
    model.layers = CONTAINERS[kind](item)


def test_what_was_put_in_later_is_refused_when_the_tree_is_walked(tmp_path: Any) -> None:
    model = Sequential(Linear(64, 4), Empty())
    model[1].layers = []
    list(model.parameters())
    layer_of(model, 1).layers.append({"a": Linear(2, 2)})
    for call in (
        lambda: list(model.parameters()),
        lambda: list(model.named_parameters()),
        lambda: list(model.named_buffers()),
        model.state_dict,
        lambda: model.load_state_dict({}, strict=False),
        lambda: SGD(model.parameters()),
        lambda: fit(model, blobs(8), progress=False),
        lambda: save(tmp_path / "m.safetensors", model),
    ):
        with pytest.raises(TypeError, match=r"^\[Empty\] layers is a list that holds a Linear"):
            call()


def test_a_list_of_layers_that_have_attributes_too_is_fine() -> None:
    class Net(Empty):
        def __init__(self) -> None:
            self.a, self.b = Linear(2, 2), Linear(2, 2)
            self.layers = [self.a, self.b, ReLU]  # a class is not a layer

    net = Net()
    assert len(list(net.parameters())) == 4
    net.b = Linear(2, 2)  # the list keeps the old one
    with pytest.raises(TypeError, match="layers is a list that holds a Linear"):
        list(net.parameters())


def test_a_container_of_ones_own_finds_its_modules() -> None:
    class Stack(Empty):
        def __init__(self, *layers: Module) -> None:
            self.sizes = [1, 2]
            self.layers = list(layers)

        def named_children(self) -> Iterator[tuple[str, Module]]:
            yield from ((str(i), layer) for i, layer in enumerate(self.layers))

    stack = Stack(Linear(2, 2), Sequential(Linear(2, 2)))
    assert [name for name, _ in stack.named_parameters()][:2] == ["0.weight", "0.bias"]
    stack.layers = [*stack.layers, ReLU()]
    stack.layers.append(Linear(2, 2))
    assert len(list(stack.parameters())) == 6
    copied = copy.deepcopy(Sequential(stack))
    assert len(list(copied.parameters())) == 6


def test_lists_without_modules_are_fine() -> None:
    model = Empty()
    model.words = ["a", b"b", 1.0, None, np.ones(3), [[]], {"x": {1}}, lambda: ReLU()]
    loop: list[Any] = []
    loop.append(loop)
    model.loop = loop
    model.array = np.ones((2, 3))
    assert list(model.parameters()) == []


def test_a_mapping_that_is_no_dict_is_not_read(tmp_path: Any) -> None:
    """It may create its contents on every access, as an open file of arrays does."""
    np.savez(tmp_path / "arrays.npz", one=np.ones(2))

    class Holds(Linear):
        def __init__(self, arrays: Any) -> None:
            super().__init__(2, 2)
            self.arrays = arrays

    with np.load(tmp_path / "arrays.npz") as arrays:
        layer = Holds(arrays)
        arrays.zip.close()  # it cannot be read any more
        assert len(list(layer.parameters())) == 2


def test_children_of_ones_own_may_raise_anything_while_a_module_is_made() -> None:
    class Stack(Empty):
        order: tuple[str, ...] = ("b", "a")

        def __init__(self) -> None:
            self.blocks: dict[str, Module] = {}
            for name in "ab":
                self.blocks = {**self.blocks, name: Linear(2, 2)}

        def named_children(self) -> Iterator[tuple[str, Module]]:
            for name in self.order:
                yield name, self.blocks[name]  # a KeyError at first

    assert len(list(Stack().parameters())) == 4


def test_children_that_need_what_is_set_later() -> None:
    class Stack(Empty):
        def __init__(self, kept: Any) -> None:
            self.kept = kept
            self.blocks = {"a": ReLU(), "b": Linear(2, 2)}

        def named_children(self) -> Iterator[tuple[str, Module]]:
            yield from self.blocks.items()

    stack = Stack([])
    stack.kept.append(stack.blocks["a"])
    assert len(list(Sequential(stack).parameters())) == 2
    with pytest.raises(TypeError, match="kept is a list that holds a Linear"):
        list(Stack([Linear(2, 2)]).parameters())


class Head(Sequential):
    """Layers in a row, and one behind them that is an attribute."""

    def __init__(self) -> None:
        super().__init__(Flatten(), Linear(64, 8))
        self.head = Linear(8, 4)

    def forward(self, x: Array) -> Array:
        return self.head(super().forward(x))  # type: ignore[no-any-return]

    def backward_parameters(self, dy: Array) -> None:
        super().backward(self.head.backward(dy), False)


def test_a_module_set_on_a_container_is_trained_and_saved(tmp_path: Any) -> None:
    model = Head()
    assert list(model.state_dict()) == ["1.weight", "1.bias", "head.weight", "head.bias"]
    before = model.head.weight.data.copy()
    fit(model, blobs(8), progress=False)
    assert (model.head.weight.data != before).any()
    save(tmp_path / "m.safetensors", model)
    other = Head()
    load(tmp_path / "m.safetensors", other)
    np.testing.assert_array_equal(other.head.weight.data, model.head.weight.data)
    assert len(model) == 2  # it is not a layer of the row


@pytest.mark.parametrize("make", [Sequential, Parallel, Residual])
def test_attributes_of_every_container_are_found(make: Callable[..., Any]) -> None:
    model = make(Linear(2, 2))
    old = list(model.state_dict())
    model.first = model[0]  # a layer that is there anyway gets no second name
    assert list(model.state_dict()) == old
    model.more = Sequential(Linear(2, 2))
    assert list(model.state_dict())[2:] == ["more.0.weight", "more.0.bias"]
    assert not model.eval().more.training


def test_a_name_that_is_there_twice_is_refused() -> None:
    model = Sequential({"a": Linear(2, 2)})
    vars(model)["a"] = Linear(2, 2)
    with pytest.raises(ValueError, match=r"\[Sequential\] two parameters.*have the name a.weight"):
        model.state_dict()


class OfClass(Empty):
    """Has a layer and a parameter in its class, and a layer in a slot."""

    __slots__ = ("slot",)
    layer = Linear(2, 2)
    scale = Parameter(np.ones(2, np.float32))


def test_what_a_class_and_slots_hold_is_found() -> None:
    model: Any = OfClass()
    assert list(model.state_dict()) == ["scale", "layer.weight", "layer.bias"]
    model.slot = Linear(2, 2)
    assert list(model.state_dict())[3:] == ["slot.weight", "slot.bias"]
    copied = copy.deepcopy(model)
    assert list(copied.state_dict()) == list(model.state_dict())
    pairs = zip(copied.state_dict().values(), model.state_dict().values(), strict=True)
    assert not any(np.shares_memory(one, other) for one, other in pairs)
    model.layer = None  # hides that of the class
    assert "layer.weight" not in model.state_dict()


def test_a_container_in_a_class_is_refused() -> None:
    class Lists(Empty):
        layers = [Linear(2, 2)]  # noqa: RUF012

    with pytest.raises(TypeError, match=r"^\[Lists\] layers is a list that holds a Linear"):
        list(Lists().parameters())


@dataclass(slots=True)
class Pair:
    one: Any
    other: Any = None


def generated(item: Any) -> Iterator[Any]:
    yield item


HIDDEN: dict[str, Callable[[Any], Any]] = {
    "user list": lambda item: UserList([item]),
    "user dict": lambda item: UserDict(a=item),
    "chain map": lambda item: ChainMap({}, {"a": item}),
    "namespace": lambda item: SimpleNamespace(a=item),
    "data class": lambda item: Pair([item]),
    "partial": lambda item: partial(item.forward),
    "argument": lambda item: partial(max, key=item),
    "method": lambda item: item.forward,
    "closure": lambda item: lambda x: item(x),
    "default": lambda item: lambda x, f=item: f(x),
    "generator": generated,
    "expression": lambda item: (one for one in [item]),
    "iterator": lambda item: iter([item]),
    "zip": lambda item: zip([1], [item], strict=False),
    "map": lambda item: map(str, [item]),
    "chain": lambda item: chain([item], []),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_modules_in_whatever_else_holds_them_are_refused(kind: str) -> None:
    model, item = Empty(), Linear(2, 2)
    with pytest.raises(TypeError, match=r"^\[Empty\] layers is a .* that holds a Linear"):
        model.layers = HIDDEN[kind](item)
    model.layer = item
    model.layers = HIDDEN[kind](item)
    if kind not in ("generator", "map"):
        assert len(list(model.parameters())) == 2


def test_a_module_that_children_of_ones_own_leave_out_is_refused() -> None:
    class Stack(Empty):
        a: Linear

        def named_children(self) -> Iterator[tuple[str, Module]]:
            yield "a", self.a

    model = Stack()
    model.a = Linear(2, 2)
    model.b = Linear(2, 2)
    with pytest.raises(TypeError, match=r"^\[Stack\] b is a Linear, which would be neither"):
        model.state_dict()


def test_a_module_that_is_below_itself_is_refused() -> None:
    model = Sequential(Empty())
    model[0].parent = model
    for call in (lambda: list(model.parameters()), model.eval, lambda: list(model.modules())):
        with pytest.raises(ValueError, match=r"^\[Sequential\] is 0.parent below itself.*weakref"):
            call()
    model[0].parent = None
    model[0].above = [model]  # a list is not gone down
    assert list(model[0].parameters()) == []
