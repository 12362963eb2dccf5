"""The place from which programs for PyTorch load trained weights."""

from __future__ import annotations

from typing import Any

__all__ = ["load_url"]


def load_url(url: str, *_: Any, **__: Any) -> Any:
    """Refuse: pycnn fetches no weights and reads no pickles.

    Raises
    ------
    RuntimeError
        Always, with what to do.
    """
    raise RuntimeError(
        f"[load_url] pycnn does not load {url}: store the weights as safetensors with PyTorch, "
        "and give them to load_state_dict or pycnn.load"
    )
