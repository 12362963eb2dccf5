"""Every function that reads a file, tried in a process that is watched."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

from pycnn import io as checkpoints
from pycnn.datasets.cifar10 import read_archive
from pycnn.datasets.download import RemoteFile, fetch
from pycnn.datasets.idx import read_idx
from pycnn.datasets.picture import read_picture, read_squares
from pycnn.datasets.sentence_polarity import sentence_polarity
from pycnn.report import Run
from pycnn.text import Vocabulary, read_embeddings
from pycnn.training import History

# Beside the file's own size; and the seconds of a loaded machine, where the promise is one.
MOST_BYTES, MOST_SECONDS = 100_000_000, 5.0


# Reads files in processes of their own, which a process makes that has loaded everything: what each
# took is told, and a hang or a crash ends that one only.
SERVER = """
import os, resource, signal, sys, time
sys.path[:0] = {folders!r}
from support import readers
import safetensors, tarfile, PIL.Image
PIL.Image.init()
from pathlib import Path
for line in sys.stdin:
    reader, path = line.rstrip().split(" ", 1)
    if (child := os.fork()) == 0:
        signal.alarm(60)
        start = time.process_time()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            readers.READERS[reader](Path(path))
            outcome = "read"
        except ValueError as error:
            outcome = f"ValueError: {{error}}"
        except Exception as error:
            outcome = f"{{type(error).__name__}}: {{error}}"
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(1024 * (after - before), time.process_time() - start, ascii(outcome), flush=True)
        os._exit(0)
    if status := os.waitpid(child, 0)[1]:
        print(0, 0, f"ended by signal {{status}}", flush=True)
"""


VOCABULARY = Vocabulary(["<pad>", "<unk>", "good"])


def run_of(path: Path) -> Run:
    return Run(path.parent)


# Every function that reads a file, by a name, and the name that the file has for it.
READERS: dict[str, Callable[[Path], object]] = {
    "model.safetensors": checkpoints.load_model,
    "settings.json": lambda path: run_of(path).settings,
    "history.json": History.from_json,
    "images": read_idx,
    "vectors": lambda path: read_embeddings(path, VOCABULARY),
    "picture.png": read_picture,
    "square.png": lambda path: read_squares([path], 256, 224),
    "cifar.tar.gz": lambda path: read_archive(path, 2),
    "rt-polarity.neg": lambda path: sentence_polarity(path.parent, check=False),
    "download": lambda path: fetch(RemoteFile(path.name, (), 9, ""), path.parent),
}


def refused(server: subprocess.Popen[str], path: Path, reader: str) -> str:
    """Read a file in a separate process; check its costs, and return the error."""
    outcome = watched(server, path, reader)
    assert outcome.startswith("ValueError: "), outcome
    assert str(path) in outcome
    return outcome


def watched(server: subprocess.Popen[str], path: Path, reader: str) -> str:
    """Read a file in a separate process; check its costs, and return the outcome."""
    assert server.stdin is not None
    assert server.stdout is not None
    print(reader, path, file=server.stdin, flush=True)
    more, seconds, outcome = server.stdout.readline().split(" ", 2)
    assert int(more) < MOST_BYTES + min(path.stat().st_size, MOST_BYTES)
    assert float(seconds) < MOST_SECONDS
    return str(ast.literal_eval(outcome))
