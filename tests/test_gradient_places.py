"""Gradients written where they are wanted: `out` of the ops, and the home of a parameter."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from toy import blobs, same_bits, small_net, snapshot

import pycnn as nn
from pycnn import devices, ops, reference
from pycnn.layers import Parameter, SparseRows
from pycnn.layers.parameter import Gradient, places

Array = np.ndarray


def floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


# The arrays of each op by their names in messages; the gradients are (4, 3, 2, 2) or (4, 3), and 4.
OPS: dict[str, dict[str, Array]] = {
    "linear_backward_weight": {"dy": floats(5, 4), "x": floats(5, 3)},
    "conv2d_backward_weight": {"dy": floats(2, 4, 4, 4), "x": floats(2, 3, 5, 5)},
    "conv2d_relu_max_pool2d_backward": {
        "dy": floats(2, 4, 2, 2),
        "winners": np.zeros((2, 4, 2, 2), np.int32),
        "x": floats(2, 3, 5, 5),
        "weight": floats(4, 3, 2, 2),
    },
}
WEIGHT = {op: (4, 3) if op.startswith("linear") else (4, 3, 2, 2) for op in OPS}


def call(library: Any, op: str, out: Any, arrays: dict[str, Any] | None = None) -> Any:
    """Call the op with these arrays, or those of the table; its last two results."""
    options = {"window": 2} if "pool" in op else {}
    arguments = list((arrays or OPS[op]).values())
    if op == "conv2d_backward_weight":
        arguments.append(WEIGHT[op])
    return getattr(library, op)(*arguments, **options, out=out)[-2:]


def read_only(shape: tuple[int, ...]) -> Array:
    array = np.zeros(shape, np.float32)
    array.flags.writeable = False
    return array


def unaligned(shape: tuple[int, ...]) -> Array:
    size = 4 * int(np.prod(shape))
    return np.zeros(size + 1, np.uint8)[1:].view(np.float32).reshape(shape)


BAD: list[tuple[Callable[[tuple[int, ...]], Any], type[Exception], str]] = [
    (lambda s: np.zeros(s), TypeError, "must be float32, got float64"),
    (lambda s: np.zeros(s, ">f4"), TypeError, "must be float32, got >f4"),
    (lambda s: np.zeros(s, np.int32), TypeError, "must be float32, got int32"),
    (lambda s: np.zeros(s, np.float32).tolist(), TypeError, ", got list"),
    (lambda s: 1.0, TypeError, ", got float"),
    (lambda s: np.zeros((*s, 1), np.float32), ValueError, "must have shape {}, got {}"),
    (lambda s: np.zeros(s[::-1] + s, np.float32), ValueError, "must have shape {}, got {}"),
    (lambda s: np.zeros((*s[:-1], 9), np.float32), ValueError, "must have shape {}, got {}"),
    (lambda s: np.zeros((*s, 2), np.float32)[..., 0], ValueError, "must be C-contiguous"),
]


def assert_refused(
    library: Any, op: str, out: Any, error: type[Exception], *texts: str, **arrays: Any
) -> None:
    given = [a for a in (*out, *arrays.values()) if isinstance(a, np.ndarray)]
    before = [array.tobytes() for array in given]
    with pytest.raises(error) as info:
        call(library, op, out, OPS[op] | arrays)
    message = str(info.value)
    assert message.startswith(f"[{op}] out ")
    assert all(text in message for text in texts), message
    assert [array.tobytes() for array in given] == before


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize(("make", "error", "text"), BAD)
def test_arrays_that_do_not_fit_are_refused(
    library: Any,
    op: str,
    which: int,
    make: Callable[[tuple[int, ...]], Any],
    error: type[Exception],
    text: str,
) -> None:
    """And nothing is written into the one that does fit."""
    shapes = WEIGHT[op], (4,)
    bad, good = make(shapes[which]), np.full(shapes[1 - which], np.nan, np.float32)
    text = text.format(shapes[which], getattr(bad, "shape", None))
    name = ("weight", "bias")[which]
    for other in (good, None):
        out = (bad, other) if which == 0 else (other, bad)
        assert_refused(library, op, out, error, f"out {name} gradient", text)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
def test_what_cannot_be_written_and_what_is_no_pair_is_refused(library: Any, op: str) -> None:
    for make in (read_only, unaligned):
        assert_refused(library, op, (make(WEIGHT[op]), None), ValueError, "out weight gradient")
        assert_refused(library, op, (None, make((4,))), ValueError, "out bias gradient")
    for out in ((), (None,), (None, None, None)):
        assert_refused(library, op, out, ValueError, "out must hold")
    for out in ([None, None], np.zeros((2, 4), np.float32), {}):
        assert_refused(library, op, out, TypeError, "out must be None or a tuple")


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
def test_arrays_that_share_memory_are_refused(library: Any, op: str) -> None:
    """With an input of the call or with each other, as a whole or in one element."""
    for name, array in OPS[op].items():
        for place, shape in (("weight", WEIGHT[op]), ("bias", (4,))):
            size = int(np.prod(shape))
            memory = np.zeros(array.size + 2 * size, np.float32)
            shared = memory[size : size + array.size].view(array.dtype).reshape(array.shape)
            for start in (1, size, array.size + size - 1):
                there = memory[start : start + size].reshape(shape)
                out = (there, None) if place == "weight" else (None, there)
                text = f"out {place} gradient is changed in place and shares memory with {name}:"
                assert_refused(library, op, out, ValueError, text, **{name: shared})
    memory = np.zeros(100, np.float32)
    weight = memory[: int(np.prod(WEIGHT[op]))].reshape(WEIGHT[op])
    for start in (0, 5, weight.size - 1):
        assert_refused(
            library, op, (weight, memory[start : start + 4]), ValueError, "shares memory"
        )
    call(library, op, (weight, memory[weight.size : weight.size + 4]))  # neighbours share nothing


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("library", [ops, reference])
def test_one_of_the_two_may_be_none(library: Any, op: str) -> None:
    fresh = call(library, op, None)
    for wanted in ((True, True), (True, False), (False, True), (False, False)):
        out = tuple(
            np.full(array.shape, np.nan, np.float32) if want else None
            for array, want in zip(fresh, wanted, strict=True)
        )
        result = call(library, op, out)
        for array, place, expected in zip(result, out, fresh, strict=True):
            assert place is None or array is place
            assert array.tobytes() == expected.tobytes()


@pytest.mark.parametrize("op", OPS)
def test_arrays_of_a_device(device: str, op: str) -> None:
    """There arrays share memory where one is another's `reshape`; NumPy's are refused."""
    arrays = {name: devices.move(array, device) for name, array in OPS[op].items()}
    fresh = call(ops, op, None, arrays)
    out = tuple(devices.move(np.full(a.shape, np.nan, np.float32), device) for a in fresh)
    for array, place, expected in zip(call(ops, op, out, arrays), out, fresh, strict=True):
        assert array is place
        np.testing.assert_array_equal(array.numpy(), expected.numpy())
    with pytest.raises(TypeError, match="out bias gradient must be on the device"):
        call(ops, op, (None, np.zeros(4, np.float32)), arrays)
    with pytest.raises(TypeError, match=r"out weight gradient must be a numpy\.ndarray"):
        call(ops, op, out)
    out[1].free()
    with pytest.raises(ValueError, match=r"out bias gradient of shape \(4,\) has been freed"):
        call(ops, op, out, arrays)
    square = devices.move(floats(4, 4), device)
    for shared in (square, square.reshape(4, 4)):
        with pytest.raises(ValueError, match=r"out weight gradient .* shares memory with dy"):
            ops.linear_backward_weight(square, square.copy(), out=(shared, None))


class Part:
    """A home in a buffer: what is not there yet is copied, and what is there is added to."""

    def __init__(self, view: Array) -> None:
        self.view = view
        self.calls: list[tuple[Gradient | None, Gradient]] = []

    def add(self, own: Gradient | None, grad: Gradient) -> Gradient:
        self.calls.append((own, grad))
        dense = grad.to_dense() if isinstance(grad, SparseRows) else grad
        if own is not None:
            self.view += dense
        elif grad is not self.view:
            self.view[...] = dense
        return self.view


def settle(model: nn.Module) -> Array:
    """Give the parameters homes in one buffer, side by side, which is returned."""
    parameters = list(model.parameters())
    flat = np.full(sum(p.size for p in parameters), np.nan, np.float32)
    end = 0
    for p in parameters:
        p.home = Part(flat[end : end + p.size].reshape(p.shape))
        end += p.size
    return flat


def homes(model: nn.Module) -> Iterator[Part]:
    for p in model.parameters():
        assert isinstance(p.home, Part)
        yield p.home


def test_a_home_is_asked_for_every_gradient() -> None:
    p = Parameter(np.zeros((3, 2), np.float32))
    assert p.home is None
    assert p.place is None
    p.home = home = Part(np.full((3, 2), np.nan, np.float32))
    assert p.place is home.view
    home.view[...] = 1
    p.accumulate(home.view)
    assert p.grad is home.view
    assert p.place is None  # the next one is added
    more, rows = floats(3, 2), SparseRows(np.array([1]), floats(1, 2), (3, 2))
    p.accumulate(more)
    p.accumulate(rows)
    assert [call[1] for call in home.calls] == [home.view, more, rows]
    assert [call[0] for call in home.calls] == [None, home.view, home.view]
    np.testing.assert_array_equal(home.view, 1 + more + rows.to_dense())
    with pytest.raises(ValueError, match="gradient has shape"):
        p.accumulate(np.zeros(6, np.float32))
    assert len(home.calls) == 3
    p.grad = None
    p.accumulate(rows)
    np.testing.assert_array_equal(home.view, rows.to_dense())
    assert places(p, None) == (None, None)
    p.grad = None
    assert places(p, p) == (home.view, home.view)


def network(table: bool = False) -> nn.Sequential:
    """The fused ops, and a layer that is not: no bias, a table of connections."""
    last = {"connections": np.tri(4, 4, dtype=bool)} if table else {"bias": False}
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding=1, rng=1, **last), nn.Tanh(),
        nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 4, rng=2),
    )  # fmt: skip


@pytest.mark.parametrize("make", [network, small_net, lambda: network(table=True)])
def test_gradients_are_written_into_homes(make: Callable[[], nn.Sequential]) -> None:
    """The first without a copy where the op can; the second is added."""
    model, other = make(), make()
    flat = settle(model)
    x, dy = blobs(5).x, floats(5, 4)
    for step in range(2):
        for net in (model, other):
            net(x)
            net.backward(dy) if step else net.backward_parameters(dy)
        for one, two, home in zip(
            model.parameters(), other.parameters(), homes(model), strict=True
        ):
            assert one.grad is home.view
            np.testing.assert_array_equal(one.grad, two.grad)
    assert np.isfinite(flat).all()
    for layer in model:
        for p in layer.parameters():
            assert isinstance(p.home, Part)
            (own, first), (_, second) = p.home.calls
            assert own is None
            copied = isinstance(layer, nn.BatchNorm2d) or p.data.ndim == 3  # of a table
            assert (first is p.home.view) != copied
            assert second is not p.home.view


@pytest.mark.parametrize("make", [network, small_net])
def test_homes_do_not_change_the_bits_of_a_training(make: Callable[[], nn.Sequential]) -> None:
    """With what reads and scales gradients: clipping, the watch for NaN, several optimizers."""
    trained = []
    for homed in (False, True):
        model = make()
        if homed:
            settle(model)
        nn.fit(
            model, blobs(64), epochs=2, batch_size=16, seed=0, max_grad_norm=0.1, progress=False,
            optimizer=nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
            callbacks=[nn.training.TerminateOnNaN()],
        )  # fmt: skip
        nn.fit(model, blobs(64), epochs=1, batch_size=16, seed=1, progress=False)
        trained.append(snapshot(model))
        assert not homed or all(len(home.calls) == 12 for home in homes(model))
    assert same_bits(*trained)


@pytest.mark.parametrize(
    "make", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
def test_copies_have_no_home(make: Callable[[Any], Any]) -> None:
    model = small_net()
    flat = settle(model)
    model(blobs(3).x)
    model.backward(floats(3, 4))
    other = make(model)
    before = flat.copy()
    for one, two in zip(model.parameters(), other.parameters(), strict=True):
        assert two.home is None
        np.testing.assert_array_equal(one.grad, two.grad)
        assert not np.shares_memory(one.grad, two.grad)
        assert make(one).home is None
        assert copy.copy(one).home is None
    other(blobs(3).x)
    other.backward(floats(3, 4))
    np.testing.assert_array_equal(flat, before)
    assert all(isinstance(p.home, Part) for p in model.parameters())


def test_states_leave_homes_alone(tmp_path: Any) -> None:
    model = small_net()
    settle(model)
    before = list(homes(model))
    model.load_state_dict(small_net(1).state_dict())
    nn.save(tmp_path / "model.safetensors", model)
    nn.load(tmp_path / "model.safetensors", model)
    model.to("cpu")
    assert list(homes(model)) == before


def test_another_device_has_no_home(device: str) -> None:
    model = small_net()
    settle(model)
    model.to(device)
    assert all(p.home is None for p in model.parameters())
    model(devices.move(blobs(3).x, device))
    model.backward(devices.move(floats(3, 4), device))
    assert all(p.grad is not None for p in model.parameters())
