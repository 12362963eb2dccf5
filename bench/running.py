"""The fastest ways that pycnn has to run a network: a session, a captured step, or call by call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pycnn
from pycnn.training import CapturedStep

Call = Callable[[], Any]


def inference(model: pycnn.Module, x: Any) -> tuple[Call, str]:
    """Prepare a forward pass on one batch; return the call, and how it runs.

    Where a session does not take the network, the second value tells why.
    """
    model.eval()
    session_type: Any = getattr(pycnn, "InferenceSession", None)
    if session_type is None:
        return (lambda: model(x)), "eager"
    try:
        session = session_type(model, tuple(x.shape[1:]), max_batch=len(x))
        session.run(x)
    except (TypeError, ValueError, NotImplementedError) as error:
        return (lambda: model(x)), f"eager: {error}"
    return (lambda: session.run(x)), "session"


def training(
    model: pycnn.Module, criterion: Any, optimizer: Any, x: Any, target: Any
) -> tuple[Call, str]:
    """Prepare training steps on one batch; return the call, and how it runs.

    A captured step has taken two steps by then, with a learning rate of 0 and the momentum of
    SGD set back to 0, so the first one that the caller takes starts as an eager one does. (Adam's
    means of equal gradients are that gradient.)
    """
    model.train()
    try:
        step = CapturedStep(model, criterion, optimizer)
        rate, optimizer.lr = optimizer.lr, 0.0
        try:
            for _ in range(2):  # the second one is captured
                step(x, target)
        finally:
            optimizer.lr = rate
            forget_momentum(optimizer)
        return (lambda: step(x, target)), "captured"
    except (TypeError, ValueError, RuntimeError) as error:
        return eager_step(model, criterion, optimizer, x, target), f"eager: {error}"


def forget_momentum(optimizer: Any) -> None:
    """Set what SGD remembers to 0, in place: a new array would be captured anew."""
    for state in optimizer.state_dict()["state"].values():
        momentum = state.get("momentum_buffer")
        if momentum is not None:
            backend = pycnn.backends.of(momentum)
            backend.write(momentum, 0 * backend.to_numpy(momentum))


def eager_step(model: pycnn.Module, criterion: Any, optimizer: Any, x: Any, target: Any) -> Call:
    """Prepare the step of a loop of one's own, call by call."""

    def step() -> float:
        model.zero_grad()
        loss: float = criterion(model(x), target)
        model.backward_parameters(criterion.backward())
        optimizer.step()
        return loss

    return step
