"""The place from which older programs for PyTorch take the names of Python's `typing`."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 - the names they want

__all__ = ["Any", "Dict", "List", "Optional", "Tuple", "Union"]
