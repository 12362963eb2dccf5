"""Links and paths in Markdown files lead to files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("bench", "csrc", "docs", "examples", "pycnn", "tests")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))]
)
names = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

pytestmark = pytest.mark.skipif(
    not (ROOT / ".ci").exists(), reason="needs a checkout: the source distribution lacks files"
)

found = re.search(
    r'^Homepage = "(https://github\.com/([^"]+))"', (ROOT / "pyproject.toml").read_text(), re.M
)
assert found
# The package index shows README.md, where links need the project's address.
ADDRESSES = (
    f"{found[1]}/blob/main/",
    f"{found[1]}/tree/main/",
    f"https://raw.githubusercontent.com/{found[2]}/main/",
)


def text_of(page: Path) -> str:
    """Return the page without blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def without_code(page: Path) -> str:
    return re.sub(r"`[^`]*`", "", text_of(page))


def anchors(page: Path) -> set[str]:
    """Return what GitHub calls the headings: in lower case, spaces as hyphens, no other signs."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[tuple[Path, str]]:
    """Return files and anchors that the page leads to, within the project."""
    text = without_code(page)
    targets = re.findall(r"\]\(<?([^)>\s]+)>?\)", text)
    targets += re.findall(r"^\[[^]]+\]: (\S+)$", text, re.MULTILINE)
    inside = []
    for target in targets:
        name, _, anchor = target.partition("#")
        address = next((each for each in ADDRESSES if name.startswith(each)), None)
        if address:
            inside.append((ROOT / name.removeprefix(address), anchor))
        elif "://" not in name:
            inside.append((page.parent / name if name else page, anchor))
    return inside


@names
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), file
        assert not anchor or anchor in anchors(file), f"{file}#{anchor}"


@names
def test_paths_that_are_named_exist(page: Path) -> None:
    """From the root, or from csrc in its guides. The toy op of CONTRIBUTING.md does not exist."""
    paths = re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]+\.\w+)`", text_of(page))
    if page.parent == ROOT / "csrc":
        inside = re.findall(r"`((?:core|ops|cpu|cuda|python)/[\w./-]+\.\w+)`", text_of(page))
        paths += [f"csrc/{path}" for path in inside]
    assert [path for path in paths if "softsign" not in path and not (ROOT / path).exists()] == []


@names
def test_references_are_defined_once_and_used(page: Path) -> None:
    text = without_code(page)
    defined = re.findall(r"^\[([^]]+)\]: ", text, re.MULTILINE)
    used = re.findall(r"\]\[([^]]+)\]", text)
    assert sorted(defined) == sorted(set(used))


def test_the_page_of_the_package_index_needs_no_other_file() -> None:
    readme = text_of(ROOT / "README.md")
    assert re.findall(r"\]\((?!https?://|#)([^)]+)\)", readme) == []
    addresses = dict(re.findall(r"^\[([^]]+)\]: (\S+)$", readme, re.MULTILINE))
    assert all(address.startswith(ADDRESSES) for address in addresses.values())
    pictures = re.findall(r"!\[[^]]*\]\[([^]]+)\]", readme)
    assert pictures
    assert all(addresses[picture].startswith(ADDRESSES[2]) for picture in pictures)
