"""``python -m pycnn`` is the command ``pycnn``."""

import sys

from pycnn.cli.main import main

sys.exit(main())
