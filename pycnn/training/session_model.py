"""A session in the place of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pycnn.layers.module import Module, check_model

if TYPE_CHECKING:
    from pycnn.inference import InferenceSession


class SessionModel(Module):
    """What a session computes, with its scores and the names of its classes.

    Parameters
    ----------
    session : InferenceSession
    """

    def __init__(self, session: InferenceSession) -> None:
        self.session = session
        self.metadata = {"classes": list(session.classes)}

    def forward(self, x: Any) -> Any:
        """Run the session."""
        return self.session.run(x)

    def scores(self, outputs: Any) -> Any:
        """Return the scores of outputs of the session."""
        return self.session.scores(outputs)


def model_of(owner: str, model: Any) -> Module:
    """Return a model, or one that runs the session which is given in its place.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if not isinstance(model, Module):
        from pycnn.inference import InferenceSession  # which only programs with sessions need

        if isinstance(model, InferenceSession):
            return SessionModel(model)
    check_model(owner, model)
    found: Module = model
    return found
