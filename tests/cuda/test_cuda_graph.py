"""Steps that are captured in a CUDA graph, on the emulated device and a GPU."""

from __future__ import annotations

import gc
from collections.abc import Callable
from threading import Thread
from typing import Any

import numpy as np
import pytest
from support.annotations import from_device, layer_of

import pycnn as nn
from pycnn import devices
from pycnn.training import CapturedStep

Batches = list[tuple[np.ndarray, np.ndarray]]


def batches(sizes: list[int], shape: tuple[int, ...] = (2, 6, 6), classes: int = 5) -> Batches:
    rng = np.random.default_rng(1)
    return [
        (rng.standard_normal((n, *shape), dtype=np.float32), rng.integers(0, classes, n))
        for n in sizes
    ]


def network() -> nn.Sequential:
    """Return every kind of layer that makes demands on a captured step."""
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, rng=0),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(4, 6, 2, connections=np.tri(6, 4, dtype=bool), rng=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.3, rng=2),
        nn.Flatten(),
        nn.Linear(6, 5, rng=3),
    )
    return model.train()


OPTIMIZERS: dict[str, Callable[[Any], nn.optim.Optimizer]] = {
    "sgd": lambda p: nn.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-3),
    "adam": lambda p: nn.optim.AdamW(p, 0.01),
    "adadelta": lambda p: nn.optim.Adadelta(p),
    "rmsprop": lambda p: nn.optim.RMSprop(p, 0.01, momentum=0.5),
}


def trained(
    device: str, captured: bool, optimizer: str, data: Batches, criterion: Any = None
) -> tuple[list[float], dict[str, Any], CapturedStep | None]:
    """Take a step for each batch, with another learning rate each time."""
    model = network().to(device)
    criterion = criterion or nn.CrossEntropyLoss()
    update = OPTIMIZERS[optimizer](model.parameters())
    step = CapturedStep(model, criterion, update) if captured else None
    losses = []
    for x, y in data:
        update.lr *= 0.9
        if step is not None:
            losses.append(step(x, y))
            continue
        losses.append(criterion(model(devices.move(x, device)), devices.move(y, device)))
        model.zero_grad()
        model.backward_parameters(criterion.backward())
        update.step()
    return losses, model.to("cpu").state_dict(), step


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_captured_steps_have_the_bits_of_others(device: str, optimizer: str) -> None:
    """Dropout's seeds, running statistics, steps and learning rates go on from replay to replay."""
    data = batches([4, 4, 4, 4, 3, 4, 4, 2, 4])
    losses, weights, _ = trained(device, False, optimizer, data)
    found, found_weights, step = trained(device, True, optimizer, data)
    assert step is not None
    assert step._captured is not None
    assert found == losses
    for name, expected in weights.items():
        np.testing.assert_array_equal(found_weights[name], expected, err_msg=name)


@pytest.mark.parametrize("loss", [nn.MSELoss(), nn.BCEWithLogitsLoss()])
def test_losses_of_numbers_are_returned_by_the_run(device: str, loss: Any) -> None:
    rng = np.random.default_rng(3)
    data = [(x, rng.random((len(x), 5), dtype=np.float32)) for x, _ in batches([3] * 5)]
    assert (
        trained(device, True, "sgd", data, loss)[0] == trained(device, False, "sgd", data, loss)[0]
    )


def test_output_and_gradients_are_those_of_the_last_step(device: str) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3, bias=False, rng=0)).to(device)
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    for x, y in batches([2] * 4, (4,), 3):
        weight = layer_of(model, 1).weight.data.numpy()
        step(x, y)
        np.testing.assert_allclose(step.output.numpy(), x @ weight.T, atol=1e-5)
        gradient = (weight - layer_of(model, 1).weight.data.numpy()) / 0.1
        np.testing.assert_allclose(layer_of(model, 1).weight.grad.numpy(), gradient, atol=1e-5)
        model.zero_grad()


def test_wrong_labels_are_found_before_a_captured_step(device: str) -> None:
    model = network().to(device)
    update = nn.optim.Adam(model.parameters())
    step = CapturedStep(model, nn.CrossEntropyLoss(), update)
    data = batches([4] * 4)
    for x, y in data[:3]:
        step(x, y)
    weights = {
        name: from_device(value) for name, value in model.state_dict().items() if value.ndim > 1
    }
    wrong = data[3][1].copy()
    wrong[2] = 5
    with pytest.raises(ValueError, match=r"target.*5"):
        step(data[3][0], wrong)
    for name, before in weights.items():
        np.testing.assert_array_equal(from_device(model.state_dict()[name]), before)
    assert update.state_dict()["state"][0]["step"] == 3
    assert np.isfinite(step(*data[3]))


def test_what_changes_is_captured_anew(device: str) -> None:
    """New arrays, modes and settings, of which a captured step knows nothing."""
    x, y = batches([4])[0]

    def another_array(model: Any, update: Any, loss: Any) -> None:
        model[0].weight.data = model[0].weight.data.copy()

    def another_mode(model: Any, update: Any, loss: Any) -> None:
        model[7].eval()

    def another_layer(model: Any, update: Any, loss: Any) -> None:
        model[7].train().p = 0.6

    def another_setting(model: Any, update: Any, loss: Any) -> None:
        update.momentum = 0.9  # with it, the optimizer makes its own arrays

    def nothing(model: Any, update: Any, loss: Any) -> None:
        pass

    changes = nothing, another_array, another_mode, another_layer, another_setting
    losses: dict[bool, list[float]] = {False: [], True: []}
    for captured, found in losses.items():
        model, loss = network().to(device), nn.CrossEntropyLoss()
        update = nn.optim.SGD(model.parameters(), 0.05)
        step = CapturedStep(model, loss, update)
        captured_steps: list[Any] = []
        for change in changes:
            change(model, update, loss)
            for _ in range(4):
                if not captured:
                    step._last = None  # as if each batch were the first of its shape
                found.append(step(x, y))
            assert step._captured not in captured_steps or not captured
            captured_steps.append(step._captured)
    assert losses[True] == losses[False]


class OwnDropout(nn.Dropout):
    """Draws a number for each forward pass, unannounced."""

    def forward(self, x: Any) -> Any:
        y, kept = nn.ops.dropout(x, self.p, self._seed())
        self.save_for_backward(x.shape, (kept, self.p))
        return y


def test_numbers_that_nobody_renews_are_refused(device: str) -> None:
    model = nn.Sequential(nn.Flatten(), OwnDropout(rng=0), nn.Linear(4, 3, rng=1)).to(device)
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    x, y = batches([2], (4,), 3)[0]
    step(x, y)
    weight = layer_of(model, 2).weight.data.numpy()
    with pytest.raises(ValueError, match=r"outside of pycnn.backends.of\(x\).on_replay"):
        step(x, y)
    assert layer_of(model, 2).weight.grad is None  # what was captured has not been computed
    assert step.output is None
    np.testing.assert_array_equal(layer_of(model, 2).weight.data.numpy(), weight)


def test_captured_blocks_are_given_back_with_the_step(device: str) -> None:
    """Also if an array of it lives on, as a gradient does."""
    module = devices.extension(device)
    _, _, step = trained(device, True, "sgd", batches([4] * 4))
    assert step is not None
    gradient = step._captured.gradients[0][1]  # type: ignore[union-attr]
    del step
    gc.collect()
    module.trim_cache()
    assert module.memory_stats()["cached"] == 0
    assert np.isfinite(gradient.numpy()).all()


def words_model() -> tuple[nn.Module, np.ndarray]:
    model = nn.Sequential(nn.Embedding(7, 3, rng=0), nn.Flatten(), nn.Linear(12, 2, rng=1))
    return model, np.arange(8).reshape(2, 4) % 7


def frozen_model() -> tuple[nn.Module, np.ndarray]:
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2, rng=1))
    model[0].eval()
    return model, np.ones((2, 2, 2, 2), np.float32)


@pytest.mark.parametrize(
    ("make", "layer"), [(words_model, "Embedding"), (frozen_model, "BatchNorm2d")]
)
def test_what_needs_the_host_in_the_middle_cannot_be_captured(
    device: str, make: Callable[[], tuple[nn.Module, np.ndarray]], layer: str
) -> None:
    model, x = make()
    model.to(device)
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.1))
    y = np.array([0, 1])
    step(x, y)
    with pytest.raises(RuntimeError, match=rf"{layer}.*captured as a CUDA graph"):
        step(x, y)
    assert np.isfinite(
        from_device(model(devices.move(x, device)))
    ).all()  # everything is usable again


def test_fit_with_cuda_graphs_has_the_same_bits(device: str) -> None:
    (x, y), *_ = batches([22])
    data = nn.ArrayDataset(x, y)
    results = []
    for cuda_graph in (False, True):
        model = network().to(device)
        history = nn.fit(
            model, data, validation=data, epochs=3, batch_size=4, seed=5, cuda_graph=cuda_graph
        )
        results.append((history["loss"], history["val_loss"], history["accuracy"]))
    assert results[0] == results[1]


def test_what_cannot_be_captured_is_refused(device: str) -> None:
    (x, y), *_ = batches([4])
    data = nn.ArrayDataset(x, y)
    model = network()
    with pytest.raises(ValueError, match=r"on the CPU, which has no CUDA graphs"):
        nn.fit(model, data, cuda_graph=True)
    model.to(device)
    with pytest.raises(ValueError, match=r"max_grad_norm needs the gradients"):
        nn.fit(model, data, cuda_graph=True, max_grad_norm=1.0)
    with pytest.raises(ValueError, match=r"on_backward needs the gradients"):
        nn.fit(model, data, cuda_graph=True, callbacks=[nn.training.TerminateOnNaN()])
    with pytest.raises(TypeError, match="optimizer must be an Optimizer"):
        CapturedStep(model, nn.CrossEntropyLoss(), None)  # type: ignore[arg-type]

    class Twice(nn.CrossEntropyLoss):
        def __call__(self, output: Any, target: Any) -> Any:
            return 2 * super().__call__(output, target)

    update = nn.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(TypeError, match=r"loss must be one of pycnn\.losses"):
        CapturedStep(model, Twice(), update)
    step = CapturedStep(model, nn.CrossEntropyLoss(), update)
    model.to("cpu")  # where a plan takes the place of the graph
    assert np.isfinite(step(x, y))


def test_a_captured_step_gives_its_memory_back(device: str) -> None:
    module = devices.extension(device)
    gc.collect()
    before = module.memory_stats()["used"]
    _, _, step = trained(device, True, "adam", batches([4] * 4))
    assert module.memory_stats()["used"] > before
    del step
    gc.collect()
    assert module.memory_stats()["used"] == before


def test_after_a_way_over_the_cpu_a_step_is_captured_again(device: str) -> None:
    (x, y), *_ = batches([4])
    model = network().to(device)
    step = CapturedStep(model, nn.CrossEntropyLoss(), nn.optim.SGD(model.parameters(), 0.05))
    for _ in range(2):
        for _ in range(3):
            step(x, y)
        assert step._captured is not None
        model.to("cpu")
        model(x)
        model.to(device)


def test_models_of_two_threads_train_as_one_after_the_other(device: str) -> None:
    data = batches([4] * 6)
    alone = trained(device, False, "adam", data)[0]
    histories: list[list[float]] = []

    def work() -> None:
        model = network().to(device)
        loss = nn.CrossEntropyLoss()
        step = CapturedStep(model, loss, OPTIMIZERS["adam"](model.parameters()))
        losses = []
        for x, y in data:
            step.optimizer.lr *= 0.9
            losses.append(step(x, y))
        histories.append(losses)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert histories == [alone, alone]
