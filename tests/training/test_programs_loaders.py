"""Loaders with PyTorch's arguments, for loops of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.annotations import wrong

import pycnn as torch
from pycnn.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    Subset,
    TensorDataset,
    random_split,
)

X, Y = np.arange(40, dtype=np.float32).reshape(10, 1, 2, 2), np.arange(10) % 2


class Own(Dataset):
    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, index: Any) -> Any:
        return {"x": X[index], "name": f"n{index}", "y": (int(Y[index]), 0.5)}


@pytest.mark.parametrize("data", [TensorDataset(X, Y), torch.ArrayDataset(X, Y)])
def test_batches_are_tensors(data: Any) -> None:
    loader = DataLoader(data, batch_size=4, num_workers=2, pin_memory=True)
    batches = [(x, y) for x, y in loader]
    assert [len(x) for x, _ in batches] == [4, 4, 2]
    assert len(loader) == 3
    assert isinstance(batches[0][0], torch.Tensor)
    assert batches[0][1].dtype == np.int64
    np.testing.assert_array_equal(torch.cat([x for x, _ in batches]).numpy(), X)


def test_each_pass_has_another_order_that_a_seed_repeats() -> None:
    def passes() -> list[list[int]]:
        data = TensorDataset(np.arange(20))
        loader = DataLoader(data, 20, shuffle=True, drop_last=True, generator=3)
        return [next(iter(loader))[0].tolist() for _ in range(2)]

    first, second = passes()
    assert sorted(first) == list(range(20)) != first
    assert first != second
    assert passes() == [first, second]


def test_samples_of_any_structure() -> None:
    batch = next(iter(DataLoader(Own(), 3)))
    assert batch["x"].shape == (3, 1, 2, 2)
    assert batch["name"] == ["n0", "n1", "n2"]
    whole, share = batch["y"]
    assert (whole.dtype, share.dtype) == (np.int64, np.float32)
    assert next(iter(DataLoader(Own(), 2, collate_fn=len))) == 2


def test_parts_and_joins() -> None:
    part = Subset(TensorDataset(X, Y), [3, 1])
    assert part[0][0].tolist() == X[3].tolist()
    joined = ConcatDataset([part, part])
    assert [int(y) for _, y in (joined[i] for i in range(4))] == [1, 1, 1, 1]
    assert joined[-1][0].tolist() == X[1].tolist()
    first, second = random_split(wrong(TensorDataset(X, Y)), [6, 4])
    assert (len(first), next(iter(DataLoader(second, 4)))[0].shape) == (6, (4, 1, 2, 2))
    order = DataLoader(TensorDataset(Y), 2, sampler=[9, 0])
    assert next(iter(order))[0].tolist() == [1, 0]


def test_fit_takes_such_a_loader() -> None:
    model = torch.Sequential(torch.Flatten(), torch.Linear(4, 2, rng=0))
    history = torch.fit(model, DataLoader(TensorDataset(X / 40, Y), 5), epochs=2)
    assert len(history) == 2


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="needs tensors of one length"):
        TensorDataset(X, Y[:3])
    with pytest.raises(TypeError, match="there is no argument 'shufle'"):
        DataLoader(Own(), 2, shufle=True)
    with pytest.raises(ValueError, match="leave out shuffle"):
        DataLoader(Own(), 2, shuffle=True, sampler=[1])
