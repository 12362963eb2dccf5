"""Files for tools and services parse, and agree with pyproject.toml and CMakeLists.txt."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

import pycnn

ROOT = Path(__file__).parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
CMAKE = (ROOT / "CMakeLists.txt").read_text()

in_a_checkout = pytest.mark.skipif(
    not (ROOT / ".ci").exists(), reason="needs a checkout: .ci is not in the source distribution"
)


def project() -> dict[str, Any]:
    toml: Any = pytest.importorskip("tomllib", reason="needs Python 3.11 for tomllib")
    table: dict[str, Any] = toml.loads(PYPROJECT)["project"]
    return table


def yaml_of(name: str) -> dict[Any, Any]:
    yaml = pytest.importorskip("yaml", reason="pip install pyyaml")
    content: dict[Any, Any] = yaml.safe_load((ROOT / name).read_text())
    return content


def lint_tools() -> dict[str, str]:
    """Return the tools that the extra `lint` pins, with their versions."""
    pinned = (entry.partition("==") for entry in project()["optional-dependencies"]["lint"])
    return {name: version for name, equal, version in pinned if equal}


def test_the_citation_is_that_of_the_project() -> None:
    citation, metadata = yaml_of("CITATION.cff"), project()
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["title"] == metadata["name"]
    assert str(citation["version"]) == metadata["version"] == pycnn.__version__
    assert citation["license"] == metadata["license"]
    assert citation["repository-code"] == metadata["urls"]["Homepage"]
    authors = [author["name"] for author in citation["authors"]]
    assert authors == [author["name"] for author in metadata["authors"]]
    assert all(name in (ROOT / "LICENSE").read_text() for name in authors)


def test_the_changelog_has_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", each) for each in versions[1:])
    assert project()["version"] in {each.split()[0] for each in versions}
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds


def test_presets_set_options_that_exist() -> None:
    presets = json.loads((ROOT / "CMakePresets.json").read_text())
    minimum = presets["cmakeMinimumRequired"]
    assert f"cmake_minimum_required(VERSION {minimum['major']}.{minimum['minor']})" in CMAKE
    configured = {preset["name"]: preset for preset in presets["configurePresets"]}
    assert {"dev", "release", "sanitize", "cuda-emulated"} == set(configured)
    options = set(re.findall(r"^(?:option|set)\((PYCNN_\w+)", CMAKE, re.MULTILINE))
    for name, preset in configured.items():
        variables = {key for key in preset["cacheVariables"] if not key.startswith("CMAKE_")}
        assert variables <= options, name
        assert preset.get("inherits", name) in configured
    built = {preset["name"]: preset["configurePreset"] for preset in presets["buildPresets"]}
    assert built == {name: name for name in configured}


@in_a_checkout
def test_hooks_run_the_linters_of_the_extra() -> None:
    """They name no version: the one place for versions is the extra `lint`."""
    (repository,) = yaml_of(".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    hooks = repository["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    called = {hook["entry"].removesuffix(" -i").removesuffix(" --force-exclude") for hook in hooks}
    assert {command.split()[0] for command in called} == set(lint_tools()) | {"python"}
    run = (ROOT / ".ci" / "run").read_text()
    linters = run.partition("\nlint() {")[2].partition("\n}")[0]
    found = re.findall(r"\.venv/bin/((?:ruff|mypy|clang-format|python)\b.*)", linters)
    unchecked = (r" --check(?= \.)", r" --dry-run --Werror$", r" \.$")
    assert called == {re.sub("|".join(unchecked), "", command) for command in found}


@in_a_checkout
def test_the_workflow_calls_the_script() -> None:
    workflow = yaml_of(".github/workflows/ci.yml")
    assert workflow[True]  # YAML reads the key `on` as a truth
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] <= 60
    steps = job["steps"]
    assert ".ci/run" in [step.get("run") for step in steps]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    actions = [step["uses"] for step in steps if "uses" in step]
    assert actions
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", action) for action in actions)
