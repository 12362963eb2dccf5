"""Layers with connections that learn without gradients."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class SelfOrganizing(Protocol):
    """A layer that learns from its own answers, besides what gradients train."""

    @property
    def self_organized(self) -> int:
        """Connections that learn without gradients, of this layer itself and none below it."""


def connections(layer: object) -> int:
    """Count the connections of a layer itself that learn without gradients; most have none."""
    return layer.self_organized if isinstance(layer, SelfOrganizing) else 0
