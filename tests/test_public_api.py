"""The public surface: what `__all__` exports is what docs/api.md documents, name by name.

It reads the two lists and imports nothing; whether the words of the page are true it cannot see.
"""

from __future__ import annotations

import ast
import re
from typing import Final

import pytest

from tests.source_tree import ROOT, Module, Tree, parse, the_tree


def documented_names(page: str) -> dict[str, set[str]]:
    """Below a heading ``## `module` `` the names that open a heading, a bullet or a table's row."""
    names: dict[str, set[str]] = {}
    below: set[str] | None = None
    for line in page.splitlines():
        if line.startswith("## "):
            heading = re.match(r"## `([\w.]+)`", line)
            below = names.setdefault(heading[1], set()) if heading else None
        elif below is not None and (entry := re.match(r"(?:### |- |\| )`(\w+)", line)):
            below.add(entry[1])
    return names


def exported_names(module: Module) -> set[str]:
    for node in module.tree.body:
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if node.value and any(ast.unparse(target) == "__all__" for target in targets):
            return set(ast.literal_eval(node.value))
    return set()


def undocumented(api: str, tree: Tree) -> list[str]:
    """Public = documented = `__all__`, in `emu` itself and in each module that the page names."""
    complaints = []
    for name, names in {"emu": set[str](), **documented_names(api)}.items():
        exported = exported_names(tree[name]) if name in tree else set()
        complaints += [f"{name}.{one} is documented but not in __all__" for one in names - exported]
        complaints += [f"{name}.{one} is in __all__ but not documented" for one in exported - names]
    return sorted(complaints)


def test_what_is_public_is_documented_and_the_reverse() -> None:
    page = ROOT / "docs" / "api.md"
    complaints = undocumented(page.read_text("utf-8"), the_tree()) if page.exists() else []
    assert not complaints, "\n".join(complaints)


API: Final = "## `emu`\n\n### `Machine(memory)`\n\n- `read_elf` reads\n\n| `Image` | a file |\n"
EXPORTS: Final = '__all__ = ["Machine", "read_elf", "Image"]'


def package(source: str) -> Tree:
    return {"emu": parse("emu", source, is_package=True)}


def test_a_page_that_names_what_is_exported_passes() -> None:
    assert undocumented(API, package(EXPORTS)) == []


@pytest.mark.parametrize(
    ("page", "source", "complaint"),
    [
        (API, '__all__ = ["Machine", "read_elf"]', "emu.Image is documented but not in __all__"),
        (API, EXPORTS.replace("]", ', "New"]'), "emu.New is in __all__ but not documented"),
        ("", '__all__: Final = ("New",)', "emu.New is in __all__ but not documented"),
        ("## `emu.gone`\n- `Name`", "", "emu.gone.Name is documented but not in __all__"),
    ],
)
def test_a_page_and_an_export_that_differ_are_complained_of(
    page: str, source: str, complaint: str
) -> None:
    assert undocumented(page, package(source)) == [complaint]
