"""Initial values of weights: as new arrays, or written into a parameter (names that end in _)."""

from pycnn.init.draw import *
from pycnn.init.draw import __all__ as _draw
from pycnn.init.in_place import *
from pycnn.init.in_place import __all__ as _in_place

__all__ = sorted([*_draw, *_in_place])
