"""Models and their registry."""

from __future__ import annotations

import numpy as np
import pytest
from support.small_training import same_bits

from pycnn import models
from pycnn.layers import Linear, Sequential
from pycnn.models import registry


def test_lenet5_has_the_shapes_of_the_paper() -> None:
    model = models.lenet5(rng=0)
    shapes = {name: array.shape for name, array in model.state_dict().items()}
    assert shapes == {
        "0.weight": (6, 1, 5, 5), "0.bias": (6,), "3.weight": (16, 6, 5, 5), "3.bias": (16,),
        "7.weight": (120, 400), "7.bias": (120,), "9.weight": (84, 120), "9.bias": (84,),
        "11.weight": (10, 84), "11.bias": (10,),
    }  # fmt: skip
    assert sum(parameter.numel() for parameter in model.parameters()) == 61_706
    outputs = [y.shape[1:] for _, _, y in model.trace(np.zeros((2, 1, 28, 28), np.float32))]
    assert outputs == [
        (6, 28, 28), (6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 10, 10), (16, 5, 5), (400,),
        (120,), (120,), (84,), (84,), (10,),
    ]  # fmt: skip


def test_models_repeat_from_their_seed() -> None:
    assert same_bits(models.lenet5(rng=5).state_dict(), models.lenet5(rng=5).state_dict())
    assert not same_bits(models.lenet5(rng=5).state_dict(), models.lenet5(rng=6).state_dict())


def test_create_makes_models_by_name() -> None:
    assert "lenet5" in models.available()
    model = models.create("lenet5", classes=3, rng=1)
    assert same_bits(model.state_dict(), models.lenet5(3, rng=1).state_dict())
    assert model.spec == ("lenet5", {"classes": 3})
    with pytest.raises(ValueError, match=r"unknown model 'vgg'; available: .*lenet5"):
        models.create("vgg")
    with pytest.raises(TypeError, match="depth"):
        models.create("lenet5", depth=3)


def test_register_notes_defaults_but_no_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_builders", dict(registry._builders))

    @models.register
    def tiny(width: int, bias: bool = True, *, rng: int | None = None) -> Sequential:
        """Return a user's own model."""
        return Sequential(Linear(2, width, bias, rng=rng))

    assert tiny(3, rng=1).spec == ("tiny", {"width": 3, "bias": True})
    assert tiny.__doc__ == "Return a user's own model."
    assert models.create("tiny", width=2, bias=False).spec == (
        "tiny", {"width": 2, "bias": False}
    )  # fmt: skip
