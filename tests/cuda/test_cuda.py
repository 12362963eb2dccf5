"""Models and arrays on a device: the emulated one, a GPU, or both, as the package was built."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.annotations import from_device, layer_of
from support.small_training import digits

import pycnn as nn
from pycnn import backends, cuda, devices, ops
from pycnn.cli import main
from pycnn.layers.module import evaluation_mode
from pycnn.training import MaxNorm, TerminateOnNaN


@pytest.fixture
def array_type(device: str) -> Any:
    return devices.extension(device).DeviceArray


# Without a device ---------------------------------------------------------------------------


@pytest.mark.skipif(find_spec("pycnn._cuda") is not None, reason="this pycnn has CUDA")
def test_without_the_build_option_the_error_says_how_to_build() -> None:
    assert not cuda.is_available()
    model = nn.models.lenet5(rng=0)
    for call in (
        lambda: model.to("cuda"),
        lambda: cuda.from_numpy(np.zeros(3, np.float32)),
        lambda: cuda.allow_tf32(True),
        cuda.Timer,
        cuda.devices,
        cuda.memory_stats,
        cuda.synchronize,
        cuda.tf32_allowed,
    ):
        with pytest.raises(RuntimeError, match=r"\[cuda\] this pycnn was built without it: .*ON"):
            call()
    assert model.device == "cpu"


@pytest.mark.skipif(
    find_spec("pycnn._cuda") is None or cuda.is_available(), reason="needs CUDA without a GPU"
)
def test_without_a_gpu_the_error_says_so() -> None:
    assert cuda.devices() == []
    with pytest.raises(RuntimeError, match=r"\[cuda\] there is no GPU"):
        nn.models.lenet5(rng=0).to("cuda")


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"\[device\] must be 'cpu', 'reference' or one of .*, got 'gpu'"
    ):
        nn.models.lenet5(rng=0).to("gpu")


# Arrays -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_an_array_goes_there_and_back(array_type: Any, dtype: type, shape: tuple[int, ...]) -> None:
    numbers: np.ndarray = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
    there = array_type.from_numpy(numbers)
    assert (there.shape, there.dtype, there.ndim) == (shape, np.dtype(dtype), len(shape))
    assert (there.size, there.nbytes) == (numbers.size, numbers.nbytes)
    back = there.numpy()
    assert back.dtype == numbers.dtype
    np.testing.assert_array_equal(back, numbers)
    np.testing.assert_array_equal(there.copy().numpy(), numbers)
    np.testing.assert_array_equal(there.zeros_like().numpy(), np.zeros_like(numbers))
    interface = there.__cuda_array_interface__
    assert (interface["shape"], interface["typestr"]) == (shape, numbers.dtype.str)


def test_reshape_is_a_view_and_checks_the_size(array_type: Any) -> None:
    a = array_type.from_numpy(np.zeros((2, 6), np.float32))
    b = a.reshape(3, -1)
    assert b.shape == (3, 4)
    b += array_type.from_numpy(np.ones((3, 4), np.float32))
    np.testing.assert_array_equal(a.numpy(), np.ones((2, 6)))
    with pytest.raises(ValueError, match=r"shape \(2, 6\) does not take shape \(5, 3\)"):
        a.reshape((5, 3))
    with pytest.raises(ValueError, match=r"shape \(2, 6\) does not take shape \(5, -1\)"):
        a.reshape(5, -1)
    empty = array_type.from_numpy(np.zeros((0, 6), np.float32))
    assert empty.reshape(2, -1).shape == (2, 0)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((-3, -4), "negative extent"),
        ((-1, -1), "negative extent"),
        ((-2, -1), "negative extent"),
        ((2**62, 3, 2**62), "does not fit the address space"),  # whose product modulo 2^64 is 0
        ((2**32, 2**32, -1), "does not fit the address space"),
        ((0, -1), "nothing tells what -1 stands for"),
    ],
)
def test_reshape_refuses_what_is_no_shape(
    array_type: Any, shape: tuple[int, ...], message: str
) -> None:
    for extents in ((3, 4), (0,)):
        a = array_type.from_numpy(np.zeros(extents, np.float32))
        with pytest.raises(ValueError, match=rf"\[DeviceArray.reshape\] .*{message}"):
            a.reshape(shape)


def test_another_library_reads_it_without_a_copy(device: str, array_type: Any) -> None:
    if device != "cuda_emulated":
        pytest.skip("NumPy reads the memory of the CPU alone")
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    there = array_type.from_numpy(numbers)
    shared = np.from_dlpack(there)
    there += there
    devices.extension(device).synchronize()  # NumPy does not wait for a device
    np.testing.assert_array_equal(shared, 2 * numbers)
    del there  # the memory lives as long as the view
    np.testing.assert_array_equal(shared, 2 * numbers)
    unused = array_type.from_numpy(numbers).__dlpack__()
    del unused
    assert array_type.from_numpy(numbers).__dlpack__(stream=None) is not None
    # A consumer asking for a newer DLPack would not know this version: an error makes it fall back.
    with pytest.raises(TypeError, match="incompatible function arguments"):
        array_type.from_numpy(numbers).__dlpack__(max_version=(1, 0), copy=False)


def test_arrays_are_joined_and_taken_apart(array_type: Any) -> None:
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((2, n, 3)).astype(np.float32) for n in (1, 4, 2)]
    there = [array_type.from_numpy(part) for part in parts]
    joined = backends.of(there[0]).concatenate(there, 1)
    np.testing.assert_array_equal(joined.numpy(), np.concatenate(parts, 1))
    for part, back in zip(parts, backends.of(joined).split(joined, [1, 4, 2], 1), strict=True):
        np.testing.assert_array_equal(back.numpy(), part)
    with pytest.raises(ValueError, match=r"\(2, 4, 3\) and \(2, 1, 3\) differ in more than axis 2"):
        backends.of(there[0]).concatenate(there[:2], 2)
    with pytest.raises(ValueError, match="do not make up axis 1"):
        backends.of(joined).split(joined, [1, 4], 1)
    table = np.zeros((5, 3), np.float32)
    moved = array_type.from_numpy(table)
    rows = np.array([3, 1])
    values = array_type.from_numpy(parts[0][:, 0])
    backends.of(moved).put_rows(moved, array_type.from_numpy(rows), values)
    backends.of(table).put_rows(table, rows, parts[0][:, 0])
    np.testing.assert_array_equal(moved.numpy(), table)


@pytest.mark.parametrize(
    ("shape", "strides", "start"),
    [
        ([3], [2], 0),
        ([2], [-1], 0),
        ([3], [2**62], 0),  # beyond the range of int64
        ([2, 2], [2**62, 2**62], 0),
        ([2], [1], 2**63 - 1),
        ([2, 2], [1], 0),
    ],
)
def test_parts_lie_within_their_array(
    array_type: Any, shape: list[int], strides: list[int], start: int
) -> None:
    array = array_type.zeros((3,))
    with pytest.raises(ValueError, match=r"does not lie within an array of shape \(3,\)"):
        array.strided(shape, strides, start)


def test_wrong_arrays_are_refused(array_type: Any) -> None:
    with pytest.raises(TypeError, match="holds float32, int32, int64, uint8 or bool, got float64"):
        array_type.from_numpy(np.zeros(3))
    with pytest.raises(ValueError, match="must be C-contiguous"):
        array_type.from_numpy(np.zeros((3, 4), np.float32).T)
    a = array_type.from_numpy(np.zeros((2, 3), np.float32))
    with pytest.raises(TypeError, match=r"\.numpy\(\) copies"):
        np.asarray(a)
    w = np.zeros((4, 3), np.float32)
    with pytest.raises(TypeError, match=r"\[linear\] weight must be on the device"):
        ops.linear(a, w)
    with pytest.raises(TypeError, match=r"\[linear\] weight must be a numpy.ndarray"):
        ops.linear(w, a)
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(6,\) do not add up"):
        a + a.reshape(6)
    with pytest.raises(TypeError, match=r"\[relu\] x must be float32, got int64"):
        ops.relu(array_type.from_numpy(np.zeros(3, np.int64)))


def test_a_freed_array_is_refused(array_type: Any) -> None:
    a = array_type.from_numpy(np.zeros((2, 3), np.float32))
    a.free()
    for use in (a.numpy, lambda: ops.relu(a), lambda: a + a):
        with pytest.raises(ValueError, match=r"has been freed"):
            use()
    assert "freed" in repr(a)


def test_memory_is_used_again_and_given_back(device: str, array_type: Any) -> None:
    module = devices.extension(device)
    module.trim_cache()
    before = module.memory_stats()
    a = array_type.from_numpy(np.zeros(1000, np.float32))
    assert module.memory_stats()["used"] >= before["used"] + 4000
    del a
    assert module.memory_stats()["used"] == before["used"]
    assert module.memory_stats()["cached"] >= 4000
    module.trim_cache()
    assert module.memory_stats()["cached"] == 0


# Models -------------------------------------------------------------------------------------


@pytest.fixture(params=["forward", "reverse", "random"])
def _order(device: str, request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the threads of a block in each order; a GPU has its own order."""
    module = devices.extension(device)
    if not hasattr(module, "set_order"):
        if request.param != "forward":
            pytest.skip("the order of a GPU's threads is its own")
        yield
        return
    before = module.order()
    module.set_order(request.param)
    yield
    module.set_order(before)


@pytest.mark.usefixtures("_order")
def test_lenet5_learns_as_on_the_cpu(device: str) -> None:
    """Thirty steps: the losses and weights stay within what rounding grows to in that time."""
    x, y = digits(8)
    losses = {}
    weights = {}
    for place in ("cpu", device):
        model = nn.models.lenet5(rng=0).to(place)
        assert model.device == place
        history = nn.fit(model, nn.ArrayDataset(x, y), epochs=30, batch_size=8, seed=0)
        losses[place] = [record.loss for record in history.records]
        weights[place] = model.to("cpu").state_dict()
    assert losses["cpu"][-1] < losses["cpu"][0] / 2
    np.testing.assert_allclose(losses[device], losses["cpu"], rtol=2e-3, atol=2e-4)
    for name, expected in weights["cpu"].items():
        np.testing.assert_allclose(weights[device][name], expected, rtol=0, atol=2e-3)


def test_outputs_and_checkpoints_are_those_of_the_cpu(device: str, tmp_path: Path) -> None:
    x, y = digits(5)
    model = nn.models.lenet5(rng=0)
    expected = nn.predict(model, x)
    accuracy = nn.evaluate(model, nn.ArrayDataset(x, y))
    there = nn.models.lenet5(rng=0).to(device)
    np.testing.assert_allclose(nn.predict(there, x), expected, rtol=1e-5, atol=1e-6)
    measured = nn.evaluate(there, nn.ArrayDataset(x, y))
    assert measured.accuracy == accuracy.accuracy
    assert measured.loss == pytest.approx(accuracy.loss, rel=1e-6)
    nn.save(tmp_path / "model.safetensors", there)
    loaded = nn.load_model(tmp_path / "model.safetensors")
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(loaded.state_dict()[name], array)
    there.load_state_dict(nn.models.lenet5(rng=1).state_dict())
    assert there.device == device
    with evaluation_mode(there):
        assert not np.allclose(nn.predict(there, x), expected)


def test_a_batch_on_the_cpu_is_refused_by_a_model_on_the_device(device: str) -> None:
    model = nn.models.lenet5(rng=0).to(device)
    with pytest.raises(TypeError, match=r"Sequential\[0\] Conv2d: .*must be a numpy.ndarray"):
        model(digits(2)[0])


def text_network() -> nn.Module:
    branches = (nn.Sequential(nn.Conv2d(1, 3, (r, 4), rng=r), nn.ReLU()) for r in (2, 3))
    pooled = [nn.Sequential(branch, nn.GlobalMaxPool2d()) for branch in branches]
    return nn.Sequential(
        nn.Embedding(20, 4, sparse=True, rng=0),
        nn.Unsqueeze(1),
        nn.Parallel(*pooled),
        nn.Linear(6, 3, rng=1),
    )


def picture_network() -> nn.Module:
    table = np.tri(4, 3, 1, dtype=bool)
    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, rng=1), nn.BatchNorm2d(4), nn.Tanh())
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, connections=table, rng=0),
        nn.Residual(body),
        nn.AvgPool2d(2),
        nn.Dropout(0.3, rng=2),
        nn.Flatten(),
        nn.Linear(36, 3, rng=3),
    )


@pytest.mark.parametrize(
    ("make", "shape", "step"),
    [
        (text_network, (9,), partial(nn.optim.Adam, lr=0.01)),
        # Before batch normalisation a bias has no gradient but rounding, which Adam enlarges.
        (picture_network, (3, 8, 8), partial(nn.optim.SGD, lr=0.1, momentum=0.9)),
    ],
    ids=["text", "picture"],
)
def test_branches_tables_statistics_and_sparse_rows_learn_as_on_the_cpu(
    device: str,
    make: Callable[[], nn.Module],
    shape: tuple[int, ...],
    step: Callable[..., nn.optim.Optimizer],
) -> None:
    """With the guards of a training besides: clipping, a limit of the norm, a watch for NaN."""
    rng = np.random.default_rng(0)
    words = shape == (9,)
    x = rng.integers(0, 20, (12, *shape)) if words else rng.standard_normal((12, *shape))
    data = nn.ArrayDataset(x if words else x.astype(np.float32), rng.integers(0, 3, 12))
    trained = {}
    for place in ("cpu", device):
        model = make().to(place)
        last = list(model.parameters())[-2]
        guards = [TerminateOnNaN(), MaxNorm(last, 0.5)]
        nn.fit(
            model, data, epochs=3, batch_size=4, seed=0, max_grad_norm=0.5, callbacks=guards,
            optimizer=step(model.parameters()),
        )  # fmt: skip
        assert model.device == place
        trained[place] = {name: devices.on_cpu(a) for name, a in model.state_dict().items()}
    start = make().state_dict()
    for name, expected in trained["cpu"].items():
        np.testing.assert_allclose(trained[device][name], expected, rtol=1e-3, atol=1e-4)
    unchanged = [name for name in start if np.array_equal(trained["cpu"][name], start[name])]
    assert unchanged in ([], ["1.body.0.bias"])


def test_a_nan_is_found_on_the_device(device: str) -> None:
    x, y = digits(4)
    model = nn.models.lenet5(rng=0)
    layer_of(model, 3).weight.data[0, 0, 0, 0] = np.nan
    model.to(device)
    history = nn.fit(model, nn.ArrayDataset(x, y), epochs=1, callbacks=[TerminateOnNaN()])
    assert history.stop_reason is not None
    assert "3 (Conv2d)" in history.stop_reason


def test_the_summary_is_that_of_the_cpu_and_profile_says_where_it_measures(device: str) -> None:
    model = nn.models.lenet5(rng=0)
    expected = model.summary((1, 28, 28))
    assert model.to(device).summary((1, 28, 28)) == expected
    with pytest.raises(ValueError, match=r"\[profile\] measures on the CPU, the model is on"):
        nn.profile(model, digits(1)[0])


@pytest.mark.usefixtures("own_folder")
def test_the_command_trains_there(
    device: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "lenet5", "--data", data, "--epochs", "1", "--device", device]
    assert main([*command, "--out", "there"]) == 0
    assert main(["evaluate", "there", "--data", data]) == 0
    assert "accuracy" in capsys.readouterr().out


# Sizes --------------------------------------------------------------------------------------


def test_more_tiles_and_groups_than_a_grid_has_along_y_and_z(array_type: Any) -> None:
    """A grid takes 65535 blocks along those: 65536 tiles of 32 rows, and as many groups."""
    rows = 65536 * 32 - 7
    x = np.arange(rows, dtype=np.float32).reshape(rows, 1) % 251
    centres = np.array([[3.0]], np.float32)
    there = ops.rbf(array_type.from_numpy(x), array_type.from_numpy(centres))
    np.testing.assert_array_equal(from_device(there), (x - centres) ** 2)
    groups, channels = 65536, 5  # of four channels and fewer no product is made
    image = (np.arange(groups * channels, dtype=np.float32) % 13).reshape(1, -1, 1, 1)
    weight = (np.arange(groups * channels, dtype=np.float32) % 7).reshape(groups, channels, 1, 1)
    there = ops.conv2d(array_type.from_numpy(image), array_type.from_numpy(weight), groups=groups)
    products = (image.reshape(groups, channels) * weight.reshape(groups, channels)).sum(axis=1)
    np.testing.assert_array_equal(from_device(there).ravel(), products)
