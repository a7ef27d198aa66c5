"""What is declared in one place and must be true in another: packages, data files, versions.

It reads pyproject.toml and the tree; it builds and installs nothing.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from typing import Any

import pytest

from tests.source_tree import PACKAGES, ROOT, files


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_directory_with_modules_is_a_package() -> None:
    directories = {path.parent for path in files() if path.suffix == ".py"}
    ours = {
        path for path in directories if path.relative_to(ROOT).parts[:1] in {(p,) for p in PACKAGES}
    }
    assert ours
    assert {path for path in ours if not (path / "__init__.py").exists()} == set()


def test_an_installed_package_has_all_its_files(pyproject: dict[str, Any]) -> None:
    patterns = ["*.py", *pyproject["tool"]["setuptools"]["package-data"]["*"]]
    left_out = [
        path
        for path in files()
        if path.relative_to(ROOT).parts[0] in PACKAGES
        and not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert left_out == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").read_bytes() == b""


def test_the_changelog_has_an_entry_for_this_version(pyproject: dict[str, Any]) -> None:
    version = pyproject["project"]["version"]
    headings = re.findall(
        r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE
    )
    assert version in headings
