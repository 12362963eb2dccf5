"""Sessions that `predict` and `evaluate` keep for a model, for as long as nothing of it changes."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

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

    It holds parts of the model, but not the model itself, which would then never be freed.
    """

    def __init__(self, model: Module, constants: list[tuple[Any, str]]) -> None:
        modules = list(model.modules())
        self._attributes = [copied(vars(module)) for module in modules]
        self._arrays = [array.copy() for array in _arrays_of(model)]
        self._constants = constants
        self._others = self._now(modules)

    def _now(self, modules: list[Module]) -> list[Any]:
        values = [getattr(owner, name, None) for owner, name in self._constants]
        return [[type(module).forward for module in modules], values, chosen_kernels()]

    def holds(self, model: Module) -> bool:
        """Whether all of it is as it was, to the bit."""
        modules = list(model.modules())
        try:
            is_same = [vars(module) for module in modules] == self._attributes
            if not is_same or self._now(modules) != self._others:
                return False
        except (TypeError, ValueError, RuntimeError):  # arrays are no longer the same objects
            return False
        arrays = _arrays_of(model)
        return len(arrays) == len(self._arrays) and all(
            (array.shape, array.dtype) == (kept.shape, kept.dtype) and same_bytes(array, kept)
            for array, kept in zip(arrays, self._arrays, strict=True)
        )


def _arrays_of(model: Module) -> list[Any]:
    """Return parameters, buffers, and the arrays among attributes of the layers."""
    found = [plain(one.array) for one in (*model.parameters(), *model.buffers())]
    left: list[Any] = [vars(module) for module in model.modules()]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, (list, tuple)):
            left += value
        elif isinstance(value, np.ndarray):
            found.append(value)
    return [np.ascontiguousarray(array) for array in found]


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
    if state is None or session is None or not state.holds(model):
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
