"""See `pycnn.losses`."""

from pycnn.losses import *
