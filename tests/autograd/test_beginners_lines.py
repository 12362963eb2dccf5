"""What PyTorch's beginner tutorials write, and what their readers write next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pycnn as torch
import pycnn.functional as F
import pycnn.nn as nn


@pytest.mark.parametrize("name", ["zeros", "ones", "rand", "randn", "full", "empty"])
def test_kinds_and_gradients_of_what_is_like_another(name: str) -> None:
    x = torch.tensor([[1, 2], [3, 4]])
    options = {"dtype": torch.float, "device": "cpu", "requires_grad": True}
    value = (7,) if name == "full" else ()
    y = getattr(torch, f"{name}_like")(x, *value, **options)
    z = getattr(torch, name)((2, 2), *value, **options)
    assert (y.shape, y.dtype, y.requires_grad) == (z.shape, z.dtype, True) == ((2, 2), "f4", True)


def test_counted_and_divided_tensors() -> None:
    options: dict[str, Any] = {"dtype": torch.float, "requires_grad": True}
    assert torch.eye(2, 3, **options).requires_grad
    assert torch.arange(3, **options).tolist() == [0, 1, 2]
    assert torch.linspace(-1, 1, 3, **options).tolist() == [-1, 0, 1]
    assert torch.randint(0, 9, (2,), dtype=torch.int32).dtype == np.int32
    assert torch.normal(0.0, torch.ones(3)).shape == torch.normal(2, 3, size=(3,)).shape == (3,)


def test_results_in_tensors_that_are_there() -> None:
    x, out = torch.tensor([1.0, 2.0]), torch.zeros(2)
    assert torch.mul(x, x, out=out) is out
    assert out.tolist() == [1, 4]
    with pytest.raises(TypeError, match=r"\[sort\] out must be a tensor for a result that is one"):
        torch.sort(x, out=out)


def test_text_of_numbers() -> None:
    x = torch.tensor([[1.5, 2.0], [3.0, 4.0]])
    assert repr(x).splitlines()[1].index("[3.") == repr(x).splitlines()[0].index("[1.5")
    assert f"{x.sum():.2f}, {x.sum()}, {x.argmax()}" == "10.50, 10.5, 3"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{x:.2f}"


def test_who_made_it() -> None:
    x = torch.ones(2, requires_grad=True)
    assert x.grad_fn is None
    assert repr((x + 1).sum().grad_fn) == "<sum on the tape>"


def test_each_leaf_has_a_gradient_of_its_own() -> None:
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, 1, requires_grad=True)
    c, seed = torch.ones(3, requires_grad=True), torch.tensor([1.0, 2.0, 3.0])
    (a + b.squeeze() + c.view(3)).backward(seed)
    a.grad.zero_()
    c.grad.mul_(2)
    assert seed.tolist() == b.grad.ravel().tolist() == [1, 2, 3]
    assert c.grad.tolist() == [2, 4, 6]


def test_gradients_have_the_methods_of_tensors() -> None:
    x = torch.tensor([[[1.0, -2.0]], [[-3.0, 1.0]]], requires_grad=True)
    (x * x).sum().backward()
    saliency, _ = torch.max(x.grad.data.abs(), dim=0)
    assert saliency.tolist() == [[6, 4]]
    assert x.grad.data.sign().tolist() == [[[1, -1]], [[-1, 1]]]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = x.grad.nothing


def test_a_parameter_of_one_number_is_used_twice() -> None:
    p = nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([p], lr=0.5)
    for factor in (2, 3):
        (p * factor).backward()
    optimizer.step()
    assert p.item() == -2.5
    optimizer.zero_grad(set_to_none=False)
    assert p.grad == 0


def test_weights_of_classes_are_tensors() -> None:
    scores, target = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    weight = np.array([1, 3], np.float32)
    for tensors in (torch.nn.CrossEntropyLoss(weight=torch.tensor(weight)),
                    torch.nn.NLLLoss(weight=torch.tensor(weight))):  # fmt: skip
        arrays = type(tensors)(weight)
        assert tensors(scores, target).item() == arrays(scores, target).item()
    wanted = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight))
    assert wanted(scores, (scores > 0).float()).item() == F.binary_cross_entropy_with_logits(
        scores, (scores > 0).float(), pos_weight=weight
    ).item()  # fmt: skip


def test_questions_about_numbers() -> None:
    x = torch.tensor([1.0, np.nan, np.inf])
    found = [torch.isnan(x), torch.isinf(x), torch.isfinite(x)]
    assert [one.tolist().index(True) for one in found] == [1, 2, 0]
    y = torch.tensor([1.0, 2.0])
    assert torch.allclose(y, y + 1e-9)
    assert not torch.equal(y, y + 1)
    assert torch.isclose(y, torch.tensor([1.0, 3.0])).tolist() == [True, False]
    assert torch.logical_and(y > 1, y > 0).tolist() == [False, True]
    assert torch.count_nonzero(torch.tensor([0, 3, 4])).item() == 2


def test_products_and_places() -> None:
    v, m = torch.tensor([1.0, 2.0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    assert torch.dot(v, v).item() == 5
    assert torch.mv(m, v).tolist() == [5, 11]
    assert torch.outer(v, v).tolist() == [[1, 2], [2, 4]]
    assert torch.diag(v).tolist() == [[1, 0], [0, 2]]
    torch.diag(m).sum().backward()
    assert m.grad.tolist() == [[1, 0], [0, 1]]
    one_hot = torch.zeros(2, 3).scatter_(1, torch.tensor([[2], [0]]), 1)
    assert one_hot.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert [one.tolist() for one in torch.unique(torch.tensor([3, 1, 3]), return_counts=True)] == [
        [1, 3], [1, 2],
    ]  # fmt: skip
    assert torch.bincount(torch.tensor([0, 2, 2])).tolist() == [1, 0, 2]
    with pytest.raises(ValueError, match=r"\[dot\] needs a vector, got shape \(2, 2\)"):
        torch.dot(m, v)


def test_draws_in_proportion() -> None:
    p = torch.tensor([[0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    drawn = torch.multinomial(p, 20, replacement=True, generator=0)
    assert (drawn.shape, drawn.dtype.name) == ((2, 20), "int64")
    assert set(drawn[0].tolist()) == {1}
    assert set(drawn[1].tolist()) == {0, 2}
    assert sorted(torch.multinomial(p[1], 2).tolist()) == [0, 2]
    for wrong in (p - 1, p * np.nan):
        with pytest.raises(ValueError, match="finite, at least 0"):
            torch.multinomial(wrong, 1)
    with pytest.raises(ValueError, match="as many weights above 0"):
        torch.multinomial(p, 2)


def test_kinds_of_numbers() -> None:
    mask = torch.tensor([1, 2]) == torch.tensor([1, 3])
    assert mask.type(torch.float).sum().item() == 1
    assert mask.sum().double().dtype == np.float32
    values, _ = torch.tensor([3.0, 1.0, 2.0]).topk(2, 0, True, True)
    assert values.tolist() == [3, 2]
    with torch.inference_mode():
        assert not (torch.ones(1, requires_grad=True) * 2).requires_grad


def test_devices_that_programs_ask_for() -> None:
    assert not torch.backends.mps.is_available()
    assert torch.device("cpu").type == torch.ones(1).device.type == "cpu"
    best = torch.accelerator.current_accelerator()
    assert (best is not None) == torch.accelerator.is_available() == torch.cuda.is_available()


def test_states_are_not_saved_alone() -> None:
    with pytest.raises(TypeError, match=r"\[save\] saves a model, not a state: pycnn.save\(path"):
        torch.save(nn.Linear(1, 1).state_dict(), "w.pt")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"\[load\] needs the model .*pycnn.load_model\(path\)"):
        torch.load("w.pt")


def test_tensors_in_the_place_of_parameters_are_refused() -> None:
    layer = nn.Linear(2, 1)
    with pytest.raises(TypeError, match=r"weight is a Parameter, .* pycnn\.Parameter\(tensor\)"):
        layer.weight = torch.ones(1, 2)  # type: ignore[assignment]
    layer.load_state_dict({"weight": torch.ones(1, 2), "bias": torch.zeros(1)})
    assert layer(torch.ones(1, 2)).item() == 2
    with pytest.raises(TypeError, match=r"got the class ReLU: ReLU\(\.\.\.\) makes a layer"):
        nn.Sequential(layer, nn.ReLU)  # type: ignore[arg-type]
