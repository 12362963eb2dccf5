"""Notebooks that are really executed, by a kernel of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("nbclient", "ipykernel", "ipywidgets", "matplotlib", "PIL")

# In a process of its own, whose event loop and sockets leave nothing behind in the tests. The
# kernel has no port that others could reach.
EXECUTE = """
import json, sys
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

folder, cells = json.load(sys.stdin)
failing = {"tags": ["raises-exception"]}
book = new_notebook(cells=[
    new_code_cell(code, metadata=failing if name.endswith("fails") else {})
    for name, code in cells.items()
])
place = {"ip": folder + "/socket", "connection_file": folder + "/kernel.json"}
NotebookClient(book, km=AsyncKernelManager(transport="ipc", **place), timeout=120).execute()
print(json.dumps([cell.outputs for cell in book.cells]))
"""


class Notebook:
    """The outputs of the cells of an executed notebook, by the names of the cells.

    Parameters
    ----------
    cells : mapping of names to code
        Cells whose name ends in "fails" may raise an error; the others must not.
    folder : path
        For the sockets of the kernel.
    """

    def __init__(self, cells: dict[str, str], folder: Path) -> None:
        if missing := [name for name in NEEDED if find_spec(name) is None]:
            pytest.skip(f"notebooks need {', '.join(missing)}: pip install 'pycnn[test]'")
        done = subprocess.run(
            [sys.executable, "-c", EXECUTE], input=json.dumps([str(folder), cells]),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        self.outputs = dict(zip(cells, json.loads(done.stdout), strict=True))

    def shown(self, name: str) -> list[dict[str, Any]]:
        """Return the MIME bundles that a cell shows."""
        return [output["data"] for output in self.outputs[name] if "data" in output]

    def streams(self) -> Iterator[tuple[str, str, str]]:
        """Yield the cell, the name and the text of everything written to stdout or stderr."""
        for cell, outputs in self.outputs.items():
            for output in outputs:
                if output["output_type"] == "stream":
                    yield cell, output["name"], output["text"]
