"""The command line: ``pycnn train``, ``evaluate``, ``predict``, ``plot``, ``report``, ``info``.

- `main`: arguments, errors, exit codes
- one module for each command, with ``add_arguments`` and ``run``
- `arguments`: what several commands take; `results`: the files that a training leaves
"""

from pycnn.cli.main import main

__all__ = ["main"]
