"""See `pycnn.init`."""

from pycnn.init import *
