"""The README's example runs as printed, and is the script in examples/."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pycnn

ROOT = Path(__file__).parent.parent


def example() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found
    return found[1]


def test_example_trains_and_saves(tmp_path: Path) -> None:
    code = example().replace("epochs=4", "epochs=1")
    assert "epochs=1" in code
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"accuracy=(0\.\d+)", done.stdout)
    assert accuracy
    assert float(accuracy[1]) > 0.97
    assert "61,706" in done.stdout
    assert (tmp_path / "lenet5.safetensors").stat().st_size > 61_706 * 4


def test_links_lead_to_files_and_every_example_is_named() -> None:
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    names = [f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")]
    assert [name for name in names if name not in text] == []


def test_the_example_writes_no_file_when_interrupted(
    own_folder: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted = pycnn.History()
    interrupted.interrupted = True
    monkeypatch.setattr(pycnn, "fit", lambda *_, **__: interrupted)
    exec(example(), {})
    assert list(Path().iterdir()) == []


def test_example_is_the_script() -> None:
    script = (ROOT / "examples" / "train_lenet5.py").read_text().split('"""\n\n', 1)[1]
    assert re.sub(r"# fmt: o[nf]+\n", "", script) == example()
