"""The beginning of code for a child (`support.child`) that trains as training_child.py does."""

from __future__ import annotations

from pathlib import Path

CODE = f"""
import sys
sys.path.append({str(Path(__file__).parent)!r})
import pycnn
from support.threads import again_and_again, at_once
from training_child import *
"""
