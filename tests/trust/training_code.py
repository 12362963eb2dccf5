"""The beginning of code for a child (`support.child`) that trains as training_child.py does."""

from __future__ import annotations

CODE = """
import pycnn
from support.threads import again_and_again, at_once
from trust.training_child import *
"""
