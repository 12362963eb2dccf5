"""Sessions that `predict` and `evaluate` keep for a model, for as long as nothing of it changes."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

from pycnn._locks import Lock
from pycnn.autograd.tracked import plain
from pycnn.backends.cpu import same_bytes
from pycnn.backends.recording import chosen_kernels
from pycnn.inference.session import MAX_BATCH, InferenceSession
from pycnn.layers.module import Module
from pycnn.training.dependence import copied
from pycnn.training.repeatable import constants_of, own_passes
from pycnn.training.static_code import Varying

# Sessions of a model: the shapes of its samples, each for single ones and for batches. They hold
# packed copies of its weights.
MOST_SESSIONS = 4


class _State:
    """What a session was made of: layers with their attributes, arrays by value, and settings.

    It holds parts of the model, but not the model itself, which would then never be freed. Where
    the attributes of all layers are the same objects, or equal, so are the layers.
    """

    def __init__(self, model: Module, constants: list[tuple[Any, str]]) -> None:
        self._modules = [ref(module) for module in model.modules()]
        self._attributes = [copied(vars(module)) for module in model.modules()]
        self._constants = constants
        self._others = self._now()
        self._state = [*model.parameters(), *model.buffers()]
        self._arrays = _arrays_in(self._attributes)
        self._values = [array.copy() for array in self._all_arrays()]

    def _now(self) -> list[Any]:
        kinds: list[Any] = [type(module()) for module in self._modules]
        values = [getattr(owner, name, None) for owner, name in self._constants]
        return [kinds, [kind.forward for kind in kinds], values, chosen_kernels()]

    def _all_arrays(self) -> list[Any]:
        arrays = [*(plain(one.array) for one in self._state), *self._arrays]
        return [np.ascontiguousarray(array) for array in arrays]

    def holds(self) -> bool:
        """Whether all of it is as it was, to the bit."""
        try:
            if [vars(module()) for module in self._modules] != self._attributes:
                return False
            if self._now() != self._others:
                return False
        except (TypeError, ValueError, RuntimeError):  # arrays are no longer the same objects
            return False
        return all(
            (array.shape, array.dtype) == (value.shape, value.dtype) and same_bytes(array, value)
            for array, value in zip(self._all_arrays(), self._values, strict=True)
        )


def _arrays_in(attributes: list[Any]) -> list[Any]:
    """Return the arrays among attributes of layers."""
    found: list[Any] = []
    left = list(attributes)
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, (list, tuple)):
            left += value
        elif isinstance(value, np.ndarray):
            found.append(value)
    return found


_Kept = dict[tuple[tuple[int, ...], bool], tuple[_State, InferenceSession]]
_kept: WeakKeyDictionary[Module, _Kept] = WeakKeyDictionary()
_lock = Lock()


def run_session(owner: str, model: Module, x: Any) -> Any:
    """Return the outputs of a session for a batch; the caller has a turn with the model.

    Raises
    ------
    TypeError, ValueError
        As from `InferenceSession`; ValueError also if a change of the model could pass unseen.
    """
    if isinstance(x, tuple):
        raise ValueError(f"[{owner}] session=True is for models of one input, got {len(x)}")
    if not len(x):
        return model.forward(x)
    key = tuple(x.shape[1:]), len(x) == 1
    with _lock.held:
        state, session = _kept.get(model, {}).get(key, (None, None))
    if state is None or session is None or not state.holds():
        session = _made(owner, model, key)
    return session.run(x)


def _made(owner: str, model: Module, key: tuple[tuple[int, ...], bool]) -> InferenceSession:
    """Return a new session, and keep it."""
    reason = own_passes(model)
    try:
        constants = constants_of(model)
    except Varying as why:
        constants, reason = [], str(why)
    if reason:
        raise ValueError(
            f"[{owner}] session=True has to see each change of the model, and {reason}: make a "
            f"pycnn.InferenceSession yourself, {owner}(session, ...)"
        )
    shape, is_single = key
    session = InferenceSession(model, shape, max_batch=1 if is_single else MAX_BATCH)
    state = _State(model, constants)
    with _lock.held:
        sessions = _kept.setdefault(model, {})
        sessions.pop(key, None)
        while len(sessions) >= MOST_SESSIONS:
            del sessions[next(iter(sessions))]
        sessions[key] = state, session
    return session
