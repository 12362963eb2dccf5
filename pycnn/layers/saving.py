"""What a forward pass saves for its backward pass."""

from __future__ import annotations

from typing import Any

from pycnn._memory import Remembering, remember, taken


class Saving(Remembering):
    """What every layer can do: save in `forward` what `backward` needs.

    What is saved belongs to the thread that runs the forward pass. So any number of threads may
    evaluate one model, and what one of them trains is not mixed up with the passes of others.
    """

    def save_for_backward(self, *values: Any) -> None:
        """Save what `backward` needs: arrays, shapes, or anything else. Called in `forward`.

        They replace what the previous forward pass saved, and what a parent's `forward` saved (its
        `backward` cannot be called then). Nothing is saved within `evaluation_mode`,
        `pycnn.predict` and `pycnn.evaluate`, so that no memory is held.

        Parameters
        ----------
        *values
            As many as needed. They are kept as they are, not copied: an array must not change
            between the passes.
        """
        remember(self, values)

    def saved(self) -> tuple[Any, ...]:
        """Return what `forward` saved in this thread, and let go of it. Called in `backward`.

        This is a call, not an attribute, because it works once for each forward pass: the memory is
        free as soon as `backward` is done with it.

        Returns
        -------
        tuple
            The values, in the order in which `save_for_backward` was given them: of a single one a
            tuple with one value, ``(x,) = self.saved()``.

        Raises
        ------
        RuntimeError
            If no forward pass came before in this thread, or its values were taken already.
        """
        values: tuple[Any, ...] | None = taken(self)
        if values is None:
            raise RuntimeError(
                "backward needs a forward pass before it, and each forward pass allows one "
                "backward, in the same thread (those of evaluate, predict and evaluation_mode "
                "allow none)"
            )
        return values

    # The names until version 0.1, for layers that were written then: of one value, or of a tuple.

    def _save(self, value: Any) -> None:
        several = isinstance(value, tuple) and len(value) > 1
        remember(self, value if several or value is None else (value,))

    def _saved(self) -> Any:
        values = Saving.saved(self)  # a layer may have an attribute of this name
        return values if len(values) > 1 else values[0]
