"""See `pycnn.functional`."""

from pycnn.functional import *
