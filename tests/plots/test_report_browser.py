"""The report in a browser: what it draws, what it loads, and the resulting page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from support.html_page import Page
from support.pictures import png_pixels

from pycnn import io, models
from pycnn.report import write_report
from pycnn.training import EpochRecord, History

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
WIDTH, HEIGHT = 1200, 3200
# The page itself has no scripts: this one writes into it what the browser made of the page.
PROBE = """<script>
addEventListener("load", () => {
  document.body.dataset.seen = JSON.stringify({
    pictures: [...document.images].map(image => image.complete ? image.naturalWidth : -1),
    requests: performance.getEntriesByType("resource").map(entry => entry.name),
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  });
});
</script>"""

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"needs a browser, and none of {', '.join(NAMES)} is installed"
)


@pytest.fixture
def report(tmp_path: Path, data: str) -> Path:
    """The report of a LeNet-5 that was not trained, with a made-up history."""
    io.save(tmp_path / "model.safetensors", models.lenet5(rng=0))
    history = History()
    history.records += [
        EpochRecord(epoch, 1 / epoch, 0.8, 2 / epoch, 0.7, 0.003, 2.0, 100.0) for epoch in (1, 2, 3)
    ]
    history.to_json(tmp_path / "history.json")
    (tmp_path / "settings.json").write_text(json.dumps({"epochs": 3, "data": data}))
    return write_report(tmp_path)


def test_a_browser_shows_the_whole_page(report: Path, tmp_path: Path) -> None:
    text = report.read_text(encoding="utf-8")
    assert "</body>" in text
    probed = tmp_path / "probed.html"
    probed.write_text(text.replace("</body>", f"{PROBE}</body>"), encoding="utf-8")
    shot = tmp_path / "shot.png"
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={shot}", "--dump-dom",
            probed.as_uri(),
        ],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    found = Page(done.stdout.removeprefix("<!DOCTYPE html>"))
    seen = json.loads(found.all("body")[0]["data-seen"])
    assert len(seen["pictures"]) == 6
    assert min(seen["pictures"]) > 0  # none is broken
    assert seen["requests"] == []
    assert seen["overflow"] == 0  # nothing is wider than the page
    lines = found.text.split("\n")
    for title in ("Training", "Mistakes", "What the network looks for", "Network", "Settings"):
        assert lines.count(title) == 2  # in the list of sections, and above its own

    pixels = png_pixels(shot)[..., :3]
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    # No stretch of the page is blank: text, curves or pictures are in each of eight.
    for part in np.split(pixels, 8):
        assert len(np.unique(part.reshape(-1, 3), axis=0)) > 20
